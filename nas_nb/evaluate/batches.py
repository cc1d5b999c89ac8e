"""Batches in an order that depends on a seed alone, not on the backend's global state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import numpy.typing as npt

from nas_nb.evaluate.backend import on_tensorflow

if TYPE_CHECKING:
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
) -> Any:
    """Returns batches for `fit`, a fresh permutation for every epoch.

    Args:
        x: Samples, `(samples, ...)`.
        y: Targets, `(samples, ...)`.
        batch_size: Samples a batch, 1 or more.
        seed: The permutation of epoch e is a function of (seed, e), and of the backend.
        initial_epoch: The epoch to begin with, from 0.

    Returns:
        On TensorFlow an endless `tf.data.Dataset` of `(x, y)` batches, in the order of the compiled
        epoch; take `steps_per_epoch` of them for an epoch. Elsewhere a `ShuffledBatches`.
    """
    if on_tensorflow():
        return _dataset(x, y, batch_size, seed, initial_epoch)
    return ShuffledBatches(x, y, batch_size, seed, initial_epoch)


class ShuffledBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of arrays, without TensorFlow.

    Args:
        x: Samples, `(samples, ...)`.
        y: Targets, `(samples, ...)`.
        batch_size: Samples a batch, 1 or more.
        seed: The permutation of epoch e is a function of (seed, e).
        epoch: The epoch to begin with, from 0.
    """

    def __init__(self, x: Any, y: Any, batch_size: int, seed: int, epoch: int) -> None:
        super().__init__()
        self._x, self._y = np.asarray(x), np.asarray(y)
        self._batch_size = batch_size
        self._seed = seed
        self.begin(epoch)

    def begin(self, epoch: int) -> None:
        """Draws the order of an epoch, from 0.

        Keras says when an epoch ends, but not which, and looks at some batches before the first.
        """
        self._order = np.random.default_rng([self._seed, epoch]).permutation(len(self._x))

    def __len__(self) -> int:
        """Returns the batches of an epoch."""
        return steps_per_epoch(len(self._x), self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Returns one batch `(x, y)` of the epoch that was begun."""
        rows = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        return self._x[rows], self._y[rows]


def _dataset(x: Any, y: Any, batch_size: int, seed: int, initial_epoch: int) -> tf.data.Dataset:
    import tensorflow as tf

    samples, targets = tf.constant(x), tf.constant(y)
    order = tf.range(len(x))

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        key = tf.stack([tf.constant(seed, tf.int64), number])
        permuted = tf.random.experimental.stateless_shuffle(order, seed=key)
        return tf.data.Dataset.from_tensor_slices(permuted).batch(batch_size)

    def gather(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.gather(samples, rows), tf.gather(targets, rows)

    return tf.data.Dataset.counter(initial_epoch).flat_map(epoch).map(gather).prefetch(2)
