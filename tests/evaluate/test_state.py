from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from nas_nb.data.dataset import Data
from nas_nb.evaluate.compiled.trace_cache import TraceCache
from nas_nb.evaluate.global_state import seeded
from nas_nb.evaluate.trainer import TrialModels, spread_name, train
from nas_nb.evaluate.training_state import Arrays, capture, restore


class OwnStep(keras.Model):
    """A model that goes through `fit`."""

    def train_step(self, data: Any) -> Any:
        return super().train_step(data)


class Free:
    def checkpoint(self) -> bool:
        return False


class AtEpoch:
    """Keeps the state after one epoch."""

    def __init__(self, epoch: int, take: Callable[[], Any]) -> None:
        self.epoch = epoch
        self.take = take
        self.state: Any = None

    def is_due(self, epoch: int) -> bool:
        return epoch == self.epoch

    def save(self, epoch: int) -> None:
        self.state = self.take()


def numbers() -> Data:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 5)).astype("float32")
    return Data.from_arrays(x, np.where(x.sum(axis=1) > 0, "up", "down"), seed=0)


DATA = numbers()


def model(cls: Any = keras.Model, optimizer: Any = "adam", seed: int = 7) -> keras.Model:
    with seeded(seed):
        x = keras.Input((5,))
        y = layers.Dropout(0.3)(layers.BatchNormalization()(layers.Dense(6, "relu")(x)))
        made = cls(x, layers.Dense(1, "sigmoid")(y))
        made.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return made


def trained(
    candidate: TrialModels, first: int = 0, last: int = 5, state_saver: Any = None
) -> list[Mapping[str, float]]:
    logs: list[Mapping[str, float]] = []
    candidate.train(
        DATA,
        epochs=last,
        initial_epoch=first,
        batch_size=16,
        on_epoch=lambda epoch, seen, duration_s: logs.append(dict(seen)),
        control=Free(),
        state_saver=state_saver or AtEpoch(0, lambda: None),
    )
    return logs


def assert_continues(build: Callable[[], TrialModels]) -> None:
    """Asserts that a stop after epoch 2, in a file or not, changes nothing, to the last bit."""
    whole = build()
    state_saver = AtEpoch(2, whole.capture)
    logs = trained(whole, state_saver=state_saver)
    again = build()
    again.restore(state_saver.state, DATA)
    assert trained(again, first=2) == logs[2:]
    for mine, other in zip(again.capture(), whole.capture(), strict=True):
        for one, two in zip(mine, other, strict=True):
            np.testing.assert_array_equal(one, two)


def averaging() -> keras.optimizers.Optimizer:
    return keras.optimizers.SGD(0.1, momentum=0.9, use_ema=True, ema_momentum=0.5)


def warmed_up() -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.9))


@pytest.mark.parametrize("optimizer", ["adam", "nadam", averaging, warmed_up])
def test_the_engine_goes_on_from_a_state_as_if_it_had_not_stopped(optimizer: Any) -> None:
    made = optimizer if isinstance(optimizer, str) else None
    assert_continues(lambda: TrialModels([model(optimizer=made or optimizer())], 3, "val_accuracy"))


@pytest.mark.tensorflow
def test_fit_goes_on_from_a_state_as_if_it_had_not_stopped() -> None:
    assert_continues(lambda: TrialModels([model(OwnStep)], 3, "val_accuracy"))


@pytest.mark.parametrize("optimizer", [lambda: "adam", averaging])
def test_repeats_go_on_from_a_state_as_if_they_had_not_stopped(optimizer: Any) -> None:
    def build() -> TrialModels:
        models = [model(optimizer=optimizer(), seed=seed) for seed in (1, 2)]
        return TrialModels(models, 3, "val_accuracy")

    assert_continues(build)


def test_repeats_report_means_and_the_spread_and_the_first_is_the_plain_trial() -> None:
    alone = trained(TrialModels([model(seed=1)], 3, "val_loss"))
    both = TrialModels([model(seed=1), model(seed=2)], 3, "val_loss")
    first: list[Mapping[str, float]] = []
    logs = trained(both, state_saver=AtEpoch(-1, lambda: None))
    first = [both.latest_logs[0]]
    assert first[0] == alone[-1]
    values = [each["val_loss"] for each in both.latest_logs]
    assert logs[-1]["val_loss"] == pytest.approx(np.mean(values))
    assert logs[-1][spread_name("val_loss")] == pytest.approx(np.std(values, ddof=1))
    assert both.leader("min") is both.models[int(np.argmin(values))]


@pytest.mark.tensorflow
def test_a_candidate_is_ended_by_the_report_of_an_epoch() -> None:
    for models in ([model()], [model(), model(seed=1)], [model(OwnStep)]):
        candidate = TrialModels(models, 3, "val_loss")
        seen: list[int] = []

        def report(
            epoch: int, logs: Any, duration_s: float, seen: Any = seen, it: Any = candidate
        ) -> None:
            seen.append(epoch)
            if epoch == 2:
                it.end()

        result = candidate.train(
            DATA,
            epochs=5,
            initial_epoch=0,
            batch_size=16,
            on_epoch=report,
            control=Free(),
            state_saver=AtEpoch(0, lambda: None),
        )
        assert seen == [1, 2]
        assert candidate.is_ended
        assert not result.stopped


def test_the_state_of_another_architecture_is_refused_and_changes_nothing() -> None:
    made = model()
    before: Arrays = capture_built(made)
    other: Arrays = [np.zeros((9, 9))] * len(before)
    with pytest.raises(ValueError, match="another architecture"):
        restore(made, other, DATA.x_train)
    for one, two in zip(before, capture(made), strict=True):
        np.testing.assert_array_equal(one, two)


def capture_built(made: keras.Model) -> Arrays:
    made.optimizer.build(made.trainable_variables)
    return capture(made)


def test_a_model_without_an_input_shape_takes_a_state() -> None:
    with seeded(1):
        source = keras.Sequential([layers.Dense(2), layers.Dense(1, "sigmoid")])
        source.compile("adam", "binary_crossentropy")
        target = keras.models.clone_model(source)
        target.compile("adam", "binary_crossentropy")
    train(
        source,
        DATA,
        epochs=1,
        batch_size=16,
        seed=0,
        on_epoch=lambda *_: None,
        control=Free(),
    )
    restore(target, capture(source), DATA.x_train)
    np.testing.assert_array_equal(target.predict(DATA.x_val), source.predict(DATA.x_val))


@pytest.mark.tensorflow
def test_repeats_of_a_model_that_shares_nothing_are_compiled_once_each(monkeypatch: Any) -> None:
    traced: list[int] = []
    acquire = TraceCache.acquire

    def counted(*args: Any) -> Any:
        traced.append(1)
        return acquire(*args)

    monkeypatch.setattr(TraceCache, "acquire", counted)

    def alone(seed: int) -> keras.Model:
        with seeded(seed):
            x = keras.Input((5,))
            y = layers.Dense(4, activation=lambda t: 2 * keras.ops.relu(t))(x)
            made = keras.Model(x, layers.Dense(1, "sigmoid")(y))
            made.compile("adam", "binary_crossentropy")
        return made

    logs = trained(TrialModels([alone(1), alone(2)], 3, "val_loss"), last=4)
    assert len(logs) == 4
    assert len(traced) == 2
