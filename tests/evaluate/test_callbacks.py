"""What callbacks see and do: by the compiled epoch as by `model.fit`."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from nas_nb.evaluate import fit as fit_module
from nas_nb.evaluate.fit import fit

pytestmark = pytest.mark.tensorflow

X = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("float32")[:, None]
GIVEN = {"epochs": 3, "batch_size": 8, "shuffle": False, "validation_data": (X[:16], Y[:16])}
EVENTS = ("train_begin", "epoch_begin", "test_begin", "test_end", "epoch_end", "train_end")
Monitor = Callable[..., keras.callbacks.Callback]


@pytest.fixture(autouse=True)
def _no_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails the test if the fast path is left."""

    def forbidden(model: keras.Model, *args: Any, **kwargs: Any) -> None:
        raise AssertionError("went through model.fit")

    monkeypatch.setattr(fit_module, "keras_fit", forbidden)


def one_head(**options: Any) -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(3, "relu", kernel_initializer=keras.initializers.GlorotUniform(1)),
            layers.Dense(1, "sigmoid", kernel_initializer=keras.initializers.GlorotUniform(2)),
        ]
    )
    metrics = ["accuracy", keras.metrics.AUC(name="auc")]
    model.compile(keras.optimizers.Adam(0.05, **options), "binary_crossentropy", metrics=metrics)
    return model


def averaging() -> keras.Model:
    return one_head(use_ema=True, ema_momentum=0.5)


def two_heads() -> keras.Model:
    start = keras.initializers.GlorotUniform(3)
    inputs = keras.Input((4,))
    heads = {name: layers.Dense(1, name=name, kernel_initializer=start)(inputs) for name in "ab"}
    model = keras.Model(inputs, heads)
    model.compile("sgd", {"a": "mse", "b": "mae"}, metrics={"a": ["mae"], "b": ["mse"]})
    return model


def its_own_layer() -> keras.Model:
    """Shares its trace with no other model."""

    class Twice(layers.Layer):
        def call(self, x: Any) -> Any:
            return 2 * x

    model = keras.Sequential([keras.Input((4,)), Twice()])
    start = keras.initializers.GlorotUniform(2)
    model.add(layers.Dense(1, "sigmoid", kernel_initializer=start))
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    return model


class Recorder(keras.callbacks.Callback):
    """Writes down all that it can see of a training; ends it where it is told to."""

    def __init__(self, ends_at: str = "") -> None:
        super().__init__()
        self.seen: list[tuple[str, Any]] = []
        self.ends_at = ends_at
        for event in EVENTS:
            setattr(self, f"on_{event}", lambda *args, event=event, **kw: self.look(event, *args))

    def look(self, event: str, *args: Any) -> None:
        model, logs = self.model, args[-1] if args and not isinstance(args[-1], int) else None
        if event == self.ends_at:
            model.stop_training = True
        rate = model.optimizer.learning_rate
        # Before the first step Keras has neither results nor moments.
        begun = int(model.optimizer.iterations) > 0
        results = model.get_metrics_result() if begun else {}
        measured = {name: float(value) for name, value in results.items()}
        self.seen.append((event, args[:1] if args and isinstance(args[0], int) else ()))
        self.seen += [
            ("logs", None if logs is None else dict(logs)),
            ("metrics", [metric.name for metric in model.metrics]),
            ("measured", measured),
            ("params", dict(self.params)),
            ("stop", (model.stop_training, event == "test_begin" and model.stop_evaluating)),
            ("steps", int(model.optimizer.iterations)),
            ("rate", float(rate)),
            ("weights", [np.copy(weight) for weight in model.get_weights()]),
            ("slots", [variable.numpy() for variable in model.optimizer.variables[1:] if begun]),
            ("history", list(getattr(model.history, "epoch", ()))),
        ]


def assert_alike(mine: Any, other: Any) -> None:
    assert len(mine) == len(other)
    for (what, value), (same, expected) in zip(mine, other, strict=True):
        assert what == same
        if isinstance(expected, dict) and what != "params":
            assert list(value) == list(expected), what
            assert value == pytest.approx(expected, abs=2e-5), what
        elif what in ("weights", "slots"):
            for ours, theirs in zip(value, expected, strict=True):
                np.testing.assert_allclose(ours, theirs, atol=2e-5)
        else:
            same_value = pytest.approx(expected) if isinstance(expected, float) else expected
            assert value == same_value, what


def both(build: Callable[[], keras.Model], y: Any, make: Callable[[], Any], **given: Any) -> Any:
    """Trains by both paths; returns the callbacks and the models."""
    ours, theirs, mine, other = build(), build(), make(), make()
    given = {**GIVEN, "verbose": 0, **given, "validation_data": (X[:16], slice_of(y))}
    seen = fit(ours, X, y, callbacks=[mine], **given).history
    expected = theirs.fit(X, y, callbacks=[other], **given).history
    assert list(seen) == list(expected)
    for name, values in expected.items():
        assert seen[name] == pytest.approx(values, abs=2e-5), name
    return (mine, ours), (other, theirs)


def slice_of(y: Any) -> Any:
    return keras.tree.map_structure(lambda part: part[:16], y)


@pytest.mark.parametrize("ends_at", ["", *EVENTS])
def test_a_callback_sees_what_it_sees_under_fit(ends_at: str) -> None:
    (mine, _), (other, _) = both(one_head, Y, lambda: Recorder(ends_at))
    assert_alike(mine.seen, other.seen)


@pytest.mark.parametrize("build", [averaging, two_heads, its_own_layer])
def test_it_does_so_whatever_the_model(build: Callable[[], keras.Model]) -> None:
    y = {"a": X[:, :1], "b": X[:, 1:2]} if build is two_heads else Y
    (mine, _), (other, _) = both(build, y, Recorder)
    assert_alike(mine.seen, other.seen)


@pytest.mark.parametrize("verbose", [0, 1, 2, "auto"])
def test_params_are_those_of_fit(verbose: int | str) -> None:
    (mine, _), (other, _) = both(one_head, Y, Recorder, verbose=verbose)
    assert mine.params == other.params


class Changing(keras.callbacks.Callback):
    """Changes weights, rate and logs."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.model.optimizer.learning_rate = 0.1 / (1 + epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.set_weights([weight / 2 for weight in self.model.get_weights()])
        logs["mine"] = float(epoch)


MONITORS: dict[str, Monitor] = {
    "early stopping": lambda name, folder: keras.callbacks.EarlyStopping(name, patience=1),
    "best weights": lambda name, folder: keras.callbacks.EarlyStopping(
        name, patience=0, restore_best_weights=True
    ),
    "checkpoint": lambda name, folder: keras.callbacks.ModelCheckpoint(
        folder / "best.weights.h5", name, save_best_only=True, save_weights_only=True
    ),
    "whole model": lambda name, folder: keras.callbacks.ModelCheckpoint(
        folder / "best.keras", name, save_best_only=True
    ),
    "plateau": lambda name, folder: keras.callbacks.ReduceLROnPlateau(name, patience=1),
}
OTHERS: dict[str, Monitor] = {
    "changing": lambda folder: Changing(),
    "schedule": lambda folder: keras.callbacks.LearningRateScheduler(lambda e, r: r / (1 + e)),
    "lambda": lambda folder: keras.callbacks.LambdaCallback(on_epoch_end=lambda e, logs: None),
    "csv": lambda folder: keras.callbacks.CSVLogger(folder / "log.csv"),
    "backup": lambda folder: keras.callbacks.BackupAndRestore(folder / "backup"),
    "board": lambda folder: keras.callbacks.TensorBoard(folder / "board", histogram_freq=1),
}


@pytest.mark.parametrize("monitor", ["val_accuracy", "auc"])
@pytest.mark.parametrize("name", MONITORS)
def test_keras_monitors_find_the_direction(name: str, monitor: str, tmp_path: Path) -> None:
    (_, ours), (_, theirs) = both(one_head, Y, lambda: MONITORS[name](monitor, tmp_path))
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, atol=2e-5)
    assert float(ours.optimizer.learning_rate) == float(theirs.optimizer.learning_rate)


@pytest.mark.parametrize("name", OTHERS)
def test_keras_other_callbacks_do_what_they_do_under_fit(name: str, tmp_path: Path) -> None:
    (_, ours), (_, theirs) = both(one_head, Y, lambda: OTHERS[name](tmp_path))
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, atol=2e-5)


def test_averages_that_are_swapped_in_are_those_of_fit() -> None:
    (_, ours), (_, theirs) = both(averaging, Y, lambda: keras.callbacks.SwapEMAWeights(True))
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, atol=2e-5)


def test_best_weights_come_back_after_averages() -> None:
    def best() -> keras.callbacks.Callback:
        return keras.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True)

    (_, ours), (_, theirs) = both(averaging, Y, best)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, atol=2e-5)


def test_a_board_of_epochs_has_the_tags_and_steps_of_fit(tmp_path: Path) -> None:
    folders = iter((tmp_path / "ours", tmp_path / "theirs"))
    both(one_head, Y, lambda: keras.callbacks.TensorBoard(next(folders), write_graph=False))
    read = [tags(tmp_path / name) for name in ("ours", "theirs")]
    assert read[0] == read[1] != []


def tags(folder: Path) -> list[tuple[str, str, int]]:
    found = []
    for file in folder.rglob("events*"):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            found += [(file.parent.name, value.tag, event.step) for value in event.summary.value]
    return sorted(found)


def test_a_row_is_logged_each_epoch(tmp_path: Path) -> None:
    logger = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    fit(one_head(), X, Y, **GIVEN, verbose=0, callbacks=[logger])
    rows = list(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert "val_auc" in rows[0]


def test_a_history_that_is_given_is_the_one_that_is_filled() -> None:
    history, model = keras.callbacks.History(), one_head()
    assert fit(model, X, Y, **GIVEN, verbose=0, callbacks=[history]) is history
    assert model.history is history
    assert history.epoch == [0, 1, 2]
