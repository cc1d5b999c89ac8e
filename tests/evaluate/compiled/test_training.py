from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from nas_nb.evaluate.compiled import training
from nas_nb.evaluate.compiled.program import device_set
from nas_nb.evaluate.compiled.trace_cache import TraceCache
from nas_nb.evaluate.compiled.training import Schedule, train_compiled
from tests.evaluate.compiled.paths import BATCH, Free, by_engine, images

pytestmark = pytest.mark.tensorflow


def small(width: int = 4) -> keras.Model:
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(width), layers.Dense(3, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class StopAfter:
    """A control that asks for the end at its n-th checkpoint."""

    def __init__(self, checkpoints: int) -> None:
        self.left = checkpoints

    def checkpoint(self) -> bool:
        self.left -= 1
        return self.left < 0


def test_a_slice_of_no_time_runs_one_batch_and_the_epoch_comes_out_the_same(
    monkeypatch: Any,
) -> None:
    model, other = small(), small()
    other.set_weights(model.get_weights())
    whole, _ = by_engine(model, *images())
    monkeypatch.setattr(training, "SLICE_S", 0.0)
    cut, _ = by_engine(other, *images())
    assert cut == whole


def test_a_stop_ends_the_epoch_between_two_batches_and_reports_nothing_of_it(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(training, "SLICE_S", 0.0)
    model = small()
    before = model.get_weights()
    reported: list[int] = []
    schedule = Schedule(device_set(*images()), None, 5, BATCH, BATCH)
    outcome = train_compiled(
        model,
        schedule,
        on_epoch=lambda epoch, logs, duration_s: reported.append(epoch),
        control=StopAfter(14),
        cache=TraceCache(),
    )
    assert outcome.stopped
    assert reported == [1]
    # Ten batches of the first epoch and three of the second: the weights are those of that moment.
    assert int(model.optimizer.iterations.numpy()) == 13
    assert not np.array_equal(before[0], model.get_weights()[0])


def test_a_pause_is_felt_within_a_second_and_training_goes_on_where_it_was() -> None:
    model, reported = small(), []
    paused, go = threading.Event(), threading.Event()
    asked: list[float] = []

    class Pausing(Free):
        def checkpoint(self) -> bool:
            if asked and not paused.is_set():
                paused.set()
                assert go.wait(60)
            return False

    x, y = images()
    many = device_set(np.repeat(x, 400, axis=0), np.repeat(y, 400))
    cache = TraceCache()
    by_engine(small(), x, y, cache=cache, epochs=1)
    worker = threading.Thread(
        target=train_compiled,
        args=(model, Schedule(many, None, 1, 1, BATCH)),
        kwargs={
            "on_epoch": lambda epoch, logs, duration_s: reported.append(epoch),
            "control": Pausing(),
            "cache": cache,
        },
    )
    worker.start()
    asked.append(time.monotonic())
    assert paused.wait(30)
    go.set()
    worker.join(120)
    assert reported == [1]
    assert int(model.optimizer.iterations.numpy()) == len(y) * 400


def test_the_model_has_its_weights_at_every_report() -> None:
    model, seen = small(), []
    schedule = Schedule(device_set(*images()), None, 3, BATCH, BATCH)
    train_compiled(
        model,
        schedule,
        on_epoch=lambda epoch, logs, duration_s: seen.append(model.get_weights()[0].copy()),
        control=Free(),
        cache=TraceCache(),
    )
    assert np.array_equal(seen[-1], model.get_weights()[0])
    assert not np.array_equal(seen[0], seen[1])


def test_epoch_callbacks_see_and_change_the_candidate() -> None:
    model = small()
    rates: list[float] = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            rates.append(float(self.model.optimizer.learning_rate.numpy()))
            self.model.stop_training = epoch == 1

    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    logs, _ = by_engine(model, *images(), epochs=9, callbacks=[halve, Watch()])
    np.testing.assert_allclose(rates, [0.0005, 0.00025])
    assert len(logs) == 2


def test_early_stopping_gives_the_best_weights_back() -> None:
    model = small()
    best = keras.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    x, y = images()
    logs, _ = by_engine(model, x, y, epochs=4, callbacks=[best])
    measured = model.evaluate(x, y, verbose=0, return_dict=True)
    np.testing.assert_allclose(measured["loss"], min(e["val_loss"] for e in logs), rtol=1e-5)


def test_a_backup_goes_on_after_the_epoch_that_it_was_made_at(tmp_path: Path) -> None:
    model, seen = small(), []

    class Dies(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            seen.append(epoch)
            if len(seen) == 3:
                raise KeyboardInterrupt

    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    cache = TraceCache()
    with pytest.raises(KeyboardInterrupt):
        by_engine(model, *images(), epochs=4, cache=cache, callbacks=[backup, Dies()])
    again = small()
    by_engine(again, *images(), epochs=4, cache=cache, callbacks=[backup, Dies()])
    assert seen == [0, 1, 2, 2, 3]
    assert int(again.optimizer.iterations.numpy()) == 40


def test_training_can_go_on_with_the_optimizers_state() -> None:
    whole, parts = small(), small()
    parts.set_weights(whole.get_weights())
    cache = TraceCache()
    by_engine(whole, *images(), epochs=4, cache=cache)
    by_engine(parts, *images(), epochs=2, cache=cache)
    by_engine(small(7), *images(), epochs=1, cache=cache)
    by_engine(parts, *images(), epochs=4, initial_epoch=2, cache=cache)
    for mine, other in zip(whole.get_weights(), parts.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_two_trainings_of_one_topology_at_once_do_not_mix() -> None:
    cache = TraceCache()
    x, y = images()
    alone = small(5)
    start = alone.get_weights()
    by_engine(alone, x, y, cache=cache)
    again = small(5)
    again.set_weights(start)

    def meanwhile(epoch: int, logs: Any, duration_s: float) -> None:
        if epoch == 1:
            by_engine(again, x, y, cache=cache)

    outer = small(6)
    schedule = Schedule(device_set(x, y), None, 2, BATCH, BATCH)
    train_compiled(outer, schedule, on_epoch=meanwhile, control=Free(), cache=cache)
    for mine, other in zip(alone.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_an_unbuilt_sequential_model_is_built() -> None:
    model = keras.Sequential([layers.Flatten(), layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    logs, outcome = by_engine(model, *images(), epochs=1)
    assert list(logs[0]) == ["loss", "val_loss"]
    assert outcome.note is None


def test_a_mistake_in_the_model_leaves_the_template_free_for_others() -> None:
    cache = TraceCache()
    x, y = images()
    wrong = small()
    wrong.compile("adam", "categorical_crossentropy")
    for _ in range(2):
        with pytest.raises(ValueError, match="shape"):
            by_engine(wrong, x, y, cache=cache)
    logs, _ = by_engine(small(), x, y, cache=cache)
    assert len(logs) == 2
