from __future__ import annotations

import re
from functools import partial
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from nas_nb.evaluate import fit as fit_module
from nas_nb.evaluate.fit import fit, fit_noted, fit_reason

pytestmark = pytest.mark.tensorflow

X = np.random.default_rng(0).normal(size=(70, 4)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("int64")
ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"validation_split": 0.3},
    {"validation_data": (X[:20], Y[:20])},
    {"validation_data": (X[:20], Y[:20], np.linspace(0.0, 1.0, 20))},
    {"class_weight": {0: 1.0, 1: 3.0}},
    {"class_weight": {1: 3.0}, "validation_split": 0.3},
    {"sample_weight": np.linspace(0.0, 2.0, 70), "validation_split": 0.3},
    {"sample_weight": np.linspace(0.0, 2.0, 70)},
    {"batch_size": 7, "epochs": 3, "initial_epoch": 1},
]


def make_model() -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="tanh")])
    model.add(keras.layers.Dense(2, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def no_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails the test if `model.fit` is called: the engine has to do it."""

    def forbidden(self: object, *args: object, **kwargs: object) -> None:
        raise AssertionError("went through model.fit")

    monkeypatch.setattr(fit_module, "keras_fit", forbidden)


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=lambda a: "-".join(a) or "plain")
@pytest.mark.usefixtures("no_fit")
def test_the_engine_computes_what_keras_computes(arguments: dict[str, Any]):
    given = {"epochs": 2, "verbose": 0, "shuffle": False, **arguments}
    ours, theirs = make_model(), make_model()
    history = fit(ours, X, Y, **given).history
    expected = theirs.fit(X, Y, **given).history
    assert history.keys() == expected.keys()
    for name, values in expected.items():
        assert history[name] == pytest.approx(values, abs=1e-5)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert mine == pytest.approx(other, abs=1e-5)


@pytest.mark.usefixtures("no_fit")
def test_the_order_of_samples_follows_keras_random_seed():
    def losses() -> list[float]:
        model = make_model()
        keras.utils.set_random_seed(3)
        return list(fit(model, X, Y, epochs=2, verbose=0).history["loss"])

    assert losses() == losses()


@pytest.mark.usefixtures("no_fit")
def test_epoch_callbacks_are_called_and_can_stop():
    seen: list[int] = []

    def watch(epoch: int, logs: dict[str, float]) -> None:
        seen.append(epoch)

    stop = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=1e9)
    watcher = keras.callbacks.LambdaCallback(on_epoch_end=watch)
    fit(make_model(), X, Y, epochs=5, verbose=0, callbacks=[watcher, stop])
    assert seen == [0, 1]


@pytest.mark.parametrize(
    "arguments", [{"steps_per_epoch": 1}, {"validation_freq": 2}, {"shuffle": "batch"}]
)
def test_what_the_engine_does_not_know_goes_through_model_fit(arguments: dict[str, Any]):
    history, note = fit_noted(make_model(), X, Y, epochs=2, verbose=0, **arguments)
    assert len(history.history["loss"]) == 2
    assert note is not None
    assert note.startswith(f"trained by model.fit: `{min(arguments)}` is ")


@pytest.mark.usefixtures("no_fit")
def test_the_fast_path_has_nothing_to_explain():
    assert fit_noted(make_model(), X, Y, verbose=0)[1] is None


def test_a_model_that_trains_itself_need_not_be_compiled_and_has_its_own_arguments():
    class Own(keras.Model):
        def fit(self, x: Any, y: Any, rounds: float) -> float:
            return rounds

    inputs = keras.Input((4,))
    results, note = fit_noted(Own(inputs, keras.layers.Dense(2)(inputs)), X, Y, rounds=0.5)
    assert results == 0.5
    assert note == "trained by model.fit: Own overrides `fit`"


def shown(train: Any, capsys: pytest.CaptureFixture[str], verbose: int | str) -> list[str]:
    """Returns the lines that a training prints, without times and what is drawn over."""
    train(X, 1e-4 * X[:, :1], epochs=2, verbose=verbose, shuffle=False, batch_size=35)
    lines = capsys.readouterr().out.replace("\r", "\n").replace("\b", "").splitlines()
    plain = (re.sub(r"\x1b\[[0-9;]*m|[\d.]+(m|u)?s(/step|/epoch)?\b", "", line) for line in lines)
    kept = [line.strip() for line in plain if line.startswith("Epoch") or "loss: " in line]
    ends = [line.split(" - ")[-1] for line in kept if not line.startswith("1/2")]
    return list(dict.fromkeys(ends))  # the bar is drawn as often as there is time for


@pytest.mark.usefixtures("no_fit")
@pytest.mark.parametrize("verbose", [1, 2, "auto"])
def test_progress_is_told_in_keras_own_words(
    verbose: int | str, capsys: pytest.CaptureFixture[str]
):
    def linear() -> keras.Model:
        start = keras.initializers.Zeros()
        model = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(1, kernel_initializer=start)]
        )
        model.compile("sgd", "mse")
        return model

    ours = shown(partial(fit, linear()), capsys, verbose)
    theirs = shown(linear().fit, capsys, verbose)
    assert ours == theirs
    assert "Epoch 2/2" in ours
    assert any("e-0" in line for line in ours)  # small numbers keep their digits


LABELS: dict[str, Any] = {
    "soft column": (0.9 * Y + 0.05)[:, None].astype("float32"),
    "soft one-hot": (np.eye(2)[Y] * 0.9 + 0.05).astype("float32"),
    "one-hot": np.eye(2, dtype="float32")[Y],
    "floats": Y.astype("float32"),
}


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.usefixtures("no_fit")
def test_classes_of_any_labels_are_weighed_as_keras_does(name: str):
    y = LABELS[name]
    units = y.shape[1] if y.ndim == 2 else 1

    def model() -> keras.Model:
        start = keras.initializers.GlorotUniform(3)
        layer = keras.layers.Dense(units, "sigmoid", kernel_initializer=start)
        made = keras.Sequential([keras.Input((4,)), layer])
        made.compile("sgd", "binary_crossentropy")
        return made

    given = {"epochs": 2, "verbose": 0, "shuffle": False, "class_weight": {0: 1.0, 1: 6.0}}
    ours = fit(model(), X, y, **given, validation_split=0.3).history
    theirs = model().fit(X, y, **given, validation_split=0.3).history
    for metric, values in theirs.items():
        assert ours[metric] == pytest.approx(values, abs=1e-5), metric


TWICE: dict[str, dict[str, Any]] = {
    "single output": {"class_weight": {0: 2.0}, "y": [Y, Y]},
    "at the same time": {"class_weight": {0: 2.0}, "sample_weight": np.ones(70)},
    "not sufficient": {"validation_split": 0.999},
}


@pytest.mark.parametrize("words", TWICE)
def test_weights_and_splits_that_can_not_be_are_keras_own_errors(words: str):
    with pytest.raises(ValueError, match=words):
        fit(make_model(), X, **{"y": Y, "verbose": 0, **TWICE[words]})


FRAMES: dict[str, tuple[Any, Any]] = {
    "frame and series": (pd.DataFrame(X), pd.Series(Y)),
    "whole numbers among others": (pd.DataFrame(X).assign(**{"3": range(70)}), pd.Series(Y)),
    "doubles": (pd.DataFrame(X.astype("float64")), pd.Series(Y, dtype="float64")),
    "an array and a series": (X, pd.Series(Y, index=range(70, 0, -1))),
    "a frame of labels": (X, pd.DataFrame({"y": Y})),
}


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.usefixtures("no_fit")
def test_frames_are_trained_as_keras_trains_them(name: str):
    x, y = FRAMES[name]

    def model() -> keras.Model:
        keras.utils.set_random_seed(0)
        made = keras.Sequential([keras.Input((x.shape[1],)), keras.layers.Dense(2, "softmax")])
        made.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return made

    given = {"epochs": 2, "verbose": 0, "shuffle": False, "validation_split": 0.2}
    ours, theirs = fit(model(), x, y, **given).history, model().fit(x, y, **given).history
    for metric, values in theirs.items():
        assert ours[metric] == pytest.approx(values, rel=1e-4), metric


def test_a_frame_that_is_no_numbers_goes_through_model_fit():
    mixed = pd.DataFrame({"a": [1, 2], "b": [True, False]})
    assert "DataFrame" in (fit_reason(make_model(), [mixed]) or "")
    assert fit_reason(make_model(), [pd.DataFrame({"a": [True, False]})]) is None


def test_a_wrong_argument_is_keras_own_error():
    with pytest.raises(TypeError, match="epoch"):
        fit(make_model(), X, Y, epoch=2)


@pytest.mark.parametrize("rows", [60, 80])
def test_rows_that_do_not_match_are_keras_own_error(rows: int):
    labels = np.zeros(rows, dtype="int64")
    with pytest.raises(ValueError, match="cardinality"):
        fit(make_model(), X, labels, epochs=1, verbose=0)
