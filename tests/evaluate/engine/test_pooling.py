from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from nas_nb.evaluate.engine.pooling import can_pool_pairs, pool_pairs


@pytest.mark.parametrize(("height", "width"), [(4, 6), (5, 4), (3, 7)])
def test_ties_and_odd_edges_get_tensorflows_own_gradient(height: int, width: int) -> None:
    rng = np.random.default_rng(0)
    x = tf.constant(rng.integers(0, 3, (2, height, width, 3)).astype("float32"))
    upstream = tf.constant(
        rng.standard_normal((2, height // 2, width // 2, 3)).astype("float32"),
    )
    found = []
    for pool in (pool_pairs(height, width), lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID")):
        with tf.GradientTape() as tape:
            tape.watch(x)
            pooled = pool(x)
        found.append((pooled, tape.gradient(pooled, x, output_gradients=upstream)))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_only_the_halving_of_an_image_of_known_size_is_taken_over() -> None:
    def can(layer: layers.Layer, size: int | None = 8) -> bool:
        layer(keras.Input((size, size, 2)))
        return can_pool_pairs(layer)

    assert can(layers.MaxPooling2D())
    assert not can(layers.MaxPooling2D(3))
    assert not can(layers.MaxPooling2D(2, strides=1))
    assert not can(layers.MaxPooling2D(padding="same"))
    assert not can(layers.MaxPooling2D(), size=None)
    assert not can(layers.AveragePooling2D(2))
