"""Batches in an order that depends on a seed alone, not on TensorFlow's global state."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf


def steps_per_epoch(samples: int, batch_size: int) -> int:
    """Returns the batches of an epoch; the last one may be partial, as in `fit`."""
    return -(-samples // batch_size)


def shuffled_batches(
    x: npt.NDArray[np.generic],
    y: npt.NDArray[np.generic],
    batch_size: int,
    seed: int,
    initial_epoch: int = 0,
) -> tf.data.Dataset:
    """Returns an endless data set of batches, a fresh permutation for every epoch.

    Args:
        x: Samples, `(samples, ...)`.
        y: Targets, `(samples, ...)`.
        batch_size: Samples a batch, 1 or more.
        seed: The permutation of epoch e is a function of (seed, e).
        initial_epoch: The epoch to begin with, from 0.

    Returns:
        A `tf.data.Dataset` of `(x, y)` batches; take `steps_per_epoch` of them for an epoch.
    """
    samples, targets = tf.constant(x), tf.constant(y)
    order = tf.range(len(x))

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        key = tf.stack([tf.constant(seed, tf.int64), number])
        permuted = tf.random.experimental.stateless_shuffle(order, seed=key)
        return tf.data.Dataset.from_tensor_slices(permuted).batch(batch_size)

    def gather(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.gather(samples, rows), tf.gather(targets, rows)

    return tf.data.Dataset.counter(initial_epoch).flat_map(epoch).map(gather).prefetch(2)
