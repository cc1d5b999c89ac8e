"""Adam's update with what all weights have in common computed once a step, not once a weight."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

_ADAMS = (keras.optimizers.Adam, keras.optimizers.AdamW)


@contextmanager
def lean_updates(optimizer: Any) -> Iterator[None]:
    """Traces a step of Adam or AdamW in the block with a third of the operations.

    Keras computes the step's size, two powers and a root, again for every weight. The arithmetic
    on each weight is Keras's (Kingma and Ba 2015, section 2: the efficient order of Algorithm 1).
    Other optimizers, and AMSGrad, are left to themselves.

    Args:
        optimizer: A built optimizer; it is what it was when the block ends.
    """
    inner = getattr(optimizer, "inner_optimizer", None) or optimizer
    if type(inner) not in _ADAMS or inner.amsgrad or "update_step" in vars(inner):
        yield
        return
    inner.update_step = _AdamStep(inner)
    try:
        yield
    finally:
        del inner.update_step


class _AdamStep:
    """One step for all weights; made anew for every trace of a step."""

    def __init__(self, adam: Any) -> None:
        self._adam = adam
        self._size: Any = None

    def __call__(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates one weight and its moments, as `Adam.update_step` does."""
        adam = self._adam
        # An embedding's gradient is sparse; Keras squares the slices of a repeated row one by one.
        if variable.dtype != tf.float32 or isinstance(gradient, tf.IndexedSlices):
            type(adam).update_step(adam, gradient, variable, learning_rate)
            return
        if self._size is None:
            self._size = self._step_size(learning_rate)
        index = adam._get_variable_index(variable)
        gradient = tf.convert_to_tensor(gradient, tf.float32)
        m = _moved(adam._momentums[index].value, gradient, 1 - adam.beta_1)
        v = _moved(adam._velocities[index].value, tf.square(gradient), 1 - adam.beta_2)
        change = m * self._size / (tf.sqrt(v) + adam.epsilon)
        tf.raw_ops.AssignSubVariableOp(resource=variable.handle, value=change)

    def _step_size(self, learning_rate: Any) -> Any:
        adam = self._adam
        step = tf.cast(adam.iterations.value + 1, tf.float32)
        left = [tf.pow(tf.cast(beta, tf.float32), step) for beta in (adam.beta_1, adam.beta_2)]
        return tf.cast(learning_rate, tf.float32) * tf.sqrt(1 - left[1]) / (1 - left[0])


def _moved(moment: Any, towards: Any, share: Any) -> Any:
    """Moves a moment towards a value, and returns what it is then."""
    before = tf.raw_ops.ReadVariableOp(resource=moment.handle, dtype=tf.float32)
    after = before + (towards - before) * share
    tf.raw_ops.AssignVariableOp(resource=moment.handle, value=after)
    return after
