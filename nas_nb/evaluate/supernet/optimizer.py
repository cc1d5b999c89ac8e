"""Adam that leaves alone what a step did not use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf


class PathAdam:
    """Adam (Kingma & Ba, ICLR 2015) for weights of which each step uses a part.

    A weight that the step's paths did not use has a gradient of exactly zero. It stays as it is,
    and so do its averages and its count of steps: with the usual update it would go on along its
    old momentum, trained by paths that it is no part of.

    Args:
        variables: What is trained.
        learning_rate: The step's size.
        beta_1: How much of the average gradient is kept at each step.
        beta_2: How much of the average squared gradient is kept.
        epsilon: Added to the root of the average squared gradient.
    """

    def __init__(
        self,
        variables: Sequence[Any],
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
    ) -> None:
        self.variables = list(variables)
        self.learning_rate = tf.Variable(learning_rate, trainable=False, dtype=tf.float32)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self._slots = [[_zeros(v) for _ in range(3)] for v in self.variables]

    def apply(self, gradients: Sequence[Any]) -> None:
        """Makes one step, inside of a compiled function or outside.

        Args:
            gradients: One a variable; None where there is none.
        """
        for variable, gradient, slots in zip(self.variables, gradients, self._slots, strict=True):
            if gradient is not None:
                self._update(variable, tf.convert_to_tensor(gradient), *slots)

    def _update(self, variable: Any, gradient: Any, mean: Any, square: Any, count: Any) -> None:
        used = tf.not_equal(gradient, 0.0)

        def step() -> Any:
            first = mean + (1 - self.beta_1) * (gradient - mean)
            second = square + (1 - self.beta_2) * (gradient * gradient - square)
            steps = count + 1.0
            size = self.learning_rate * tf.sqrt(1 - tf.pow(self.beta_2, steps))
            size /= 1 - tf.pow(self.beta_1, steps)
            moved = variable - size * first / (tf.sqrt(second) + self.epsilon)
            for kept, new in ((mean, first), (square, second), (count, steps), (variable, moved)):
                kept.assign(tf.where(used, new, kept))
            return True

        # Most of a supernet is not used by a step: whole variables are passed over.
        tf.cond(tf.reduce_any(used), step, lambda: False)


def _zeros(variable: Any) -> Any:
    return tf.Variable(np.zeros(variable.shape, np.float32), trainable=False)
