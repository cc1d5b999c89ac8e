from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

from nas_nb.search.fast_tuner import FastTuner
from nas_nb.strategy.oracle import oracle

STEPS = 4


class Begun(keras.callbacks.Callback):  # type: ignore[misc]
    """Notes how many steps a model has behind it when its training begins."""

    seen: list[int] = []  # noqa: RUF012 - tuners copy callbacks

    def on_train_begin(self, logs: Any = None) -> None:
        self.seen.append(int(self.model.optimizer.iterations))


def build(hp: kt.HyperParameters) -> keras.Model:
    units = hp.Int("units", 2, 9)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_a_trial_is_trained_for_the_epochs_that_its_oracle_asks_for(tmp_path: Path) -> None:
    halving = oracle("hyperband", "val_loss", max_trials=3, seed=0, max_epochs=2, factor=2)
    x = np.random.default_rng(0).normal(size=(8 * STEPS, 3)).astype("float32")
    tuner = FastTuner(halving, build, directory=tmp_path)
    rest = {"validation_data": (x, x[:, 0]), "batch_size": 8, "callbacks": [Begun()]}
    tuner.search(x, x[:, 0], epochs=5, verbose=0, **rest)
    history = halving.history
    assert [trial.fidelity["epochs"] for trial in history.completed] == [1, 1, 2]
    assert [trial.epochs for trial in history.completed] == [1, 1, 1]
    assert Begun.seen == [0, 0, STEPS]
