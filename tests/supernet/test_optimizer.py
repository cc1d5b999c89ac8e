from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from nas_nb.supernet.supernet import PathAdam

pytestmark = pytest.mark.tensorflow


def test_it_is_adam_where_everything_is_used() -> None:
    rng = np.random.default_rng(0)
    start = rng.normal(size=12).astype("float32")
    mine, theirs = tf.Variable(start), keras.Variable(start)
    path_adam, adam = PathAdam(mine, 0.01), keras.optimizers.Adam(0.01)
    for _ in range(5):
        gradient = tf.constant(rng.normal(size=12).astype("float32"))
        path_adam.apply(gradient)
        adam.apply_gradients([(gradient, theirs)])
    np.testing.assert_allclose(mine.numpy(), theirs.numpy(), atol=1e-6)


def test_what_is_not_used_neither_moves_nor_ages() -> None:
    weights = tf.Variable([1.0, 1.0])
    adam = PathAdam(weights, 0.1)
    adam.apply(tf.constant([1.0, 1.0]))
    used, idle = weights.numpy()
    for _ in range(3):
        adam.apply(tf.constant([1.0, 0.0]))
    assert weights.numpy()[0] < used
    assert weights.numpy()[1] == idle
    adam.apply(tf.constant([0.0, 1.0]))
    # The second step of Adam, not the fifth: along the same gradient it is as long as the rate.
    assert abs(idle - weights.numpy()[1] - 0.1) < 1e-4
