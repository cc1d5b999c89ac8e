"""A search that takes a second: 96 rows of 4 numbers in 2 classes, and 12 architectures."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

from nas_nb.data.dataset import Data
from nas_nb.record.trial import Trial
from nas_nb.search.search import Search

CHOICES = {
    "layers": ["Dense"],
    "units": [2, 3, 4],
    "activations": ["relu", "tanh"],
    "depth": [1],
    "learning_rate": [0.01, 0.1],
}

LONG = 100_000  # epochs that no test waits for


def eventually(fact: Callable[[], bool]) -> bool:
    """Waits until something is true, a minute at most; returns whether it is."""
    deadline = time.monotonic() + 60
    while not fact() and time.monotonic() < deadline:
        time.sleep(0.01)
    return fact()


def said(trial: Trial) -> str:
    """The note of a trial, without the remark that the backend has no compiled epoch."""
    return (trial.note or "").partition("; trained by model.fit: the compiled epoch")[0]


def tiny_data() -> Data:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(96, 4)).astype("float32")
    labels = np.where(x.sum(axis=1) > 0, "up", "down")
    return Data.from_arrays(x, labels, name="tiny", seed=0)


def tiny_search(directory: Path, **changes: Any) -> Search:
    settings: dict[str, Any] = {
        "strategy": "random",
        "max_trials": 3,
        "epochs": 2,
        "directory": directory,
        **changes,
    }
    space = settings.pop("space", CHOICES)
    data = settings.pop("data", tiny_data())
    return Search(space, data, **settings)


def unbuildable(hp: kt.HyperParameters) -> keras.Model:
    if hp.Choice("kernel", [1, 9]) == 9:
        raise ValueError("a kernel of 9 does not fit\nsecond line")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model
