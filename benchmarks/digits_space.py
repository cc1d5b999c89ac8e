"""The candidates on which scores that cost little are compared with training: a space of digits."""

from __future__ import annotations

import keras
import numpy as np

import nas_nb
from nas_nb.data.dataset import Data
from nas_nb.evaluate.fit import NoControl
from nas_nb.evaluate.trainer import train

SPACE = {
    "layers": ["Conv2D", "Dense"],
    "units": [8, 16, 32, 64],
    "activations": ["relu", "leaky_relu", "tanh"],
    "depth": [1, 2, 3],
}
BATCH_SIZE = 32


def draw(count: int, space: nas_nb.SearchSpace, seed: int) -> list[nas_nb.Architecture]:
    """Returns different architectures of a space that is bound to data."""
    rng = np.random.default_rng(seed)
    drawn: dict[str, nas_nb.Architecture] = {}
    while len(drawn) < count:
        architecture = space.sample(rng)
        drawn.setdefault(architecture.key, architecture)
    return list(drawn.values())


def has_convolution(architecture: nas_nb.Architecture) -> bool:
    """Says whether one of its layers is a convolution."""
    return "Conv2D" in architecture.values.values()


def best_accuracy(model: keras.Model, data: Data, epochs: int, seed: int) -> float:
    """Trains a candidate; returns its best validation accuracy."""
    accuracies: list[float] = []
    train(
        model,
        data,
        epochs=epochs,
        batch_size=BATCH_SIZE,
        seed=seed,
        on_epoch=lambda epoch, logs, duration_s: accuracies.append(logs["val_accuracy"]),
        control=NoControl(),
    )
    return max(accuracies)
