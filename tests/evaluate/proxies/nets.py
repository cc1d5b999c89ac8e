"""Small untrained nets and batches for the tests of the proxies."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras import layers

CLASSES = 3


def batch(shape: tuple[int, ...], samples: int = 8, seed: int = 0):
    rng = np.random.default_rng(seed)
    x = rng.random((samples, *shape), dtype=np.float32)
    return x, rng.integers(0, CLASSES, samples)


def compiled(model: keras.Model) -> keras.Model:
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def dense(*units: int, activation: str = "relu", features: int = 4) -> keras.Model:
    keras.utils.set_random_seed(0)
    hidden = [layers.Dense(width, activation=activation) for width in units]
    head = layers.Dense(CLASSES, activation="softmax")
    return compiled(keras.Sequential([keras.Input((features,)), *hidden, head]))


def convolutional(activation: str = "relu") -> keras.Model:
    keras.utils.set_random_seed(0)
    stack = [
        layers.Rescaling(2.0),
        layers.Conv2D(4, 3, padding="same"),
        layers.BatchNormalization(),
        layers.Activation(activation),
        layers.MaxPooling2D(),
        layers.Conv2D(5, 3, activation=activation),
        layers.Dropout(0.5),
        layers.Flatten(),
        layers.Dense(CLASSES),
        layers.Softmax(),
    ]
    return compiled(keras.Sequential([keras.Input((6, 6, 2)), *stack]))


def residual(shortcut: bool = True) -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 2))
    x = stem = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(x))
    x = layers.Add()([x, stem]) if shortcut else x
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    return compiled(keras.Model(inputs, layers.Dense(CLASSES, activation="softmax")(x)))


def mixed() -> keras.Model:
    """Batch normalisation, dropout and a nested model in a functional net."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 2))
    inner = keras.Sequential([keras.Input((6, 6, 4)), layers.Conv2D(4, 3, activation="relu")])
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(inputs))
    x = layers.Dropout(0.3)(inner(x))
    x = layers.Dense(CLASSES, activation="softmax")(layers.Flatten()(x))
    return compiled(keras.Model(inputs, x))


NETS: dict[str, tuple[Callable[[], keras.Model], tuple[int, ...]]] = {
    "dense": (lambda: dense(32, 32), (4,)),
    "convolutional": (convolutional, (6, 6, 2)),
    "residual": (residual, (6, 6, 2)),
    "mixed": (mixed, (6, 6, 2)),
}
