"""Adam that leaves alone what a step did not use."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf


class PathAdam:
    """Adam (Kingma & Ba, ICLR 2015) for weights of which each step uses a part.

    A weight that the step's paths did not use has a gradient of exactly zero. It stays as it is,
    and so do its averages and its count of steps: with the usual update it would go on along its
    old momentum, trained by paths that it is no part of.

    Args:
        variable: What is trained.
        learning_rate: The step's size.
        beta_1: How much of the average gradient is kept at each step.
        beta_2: How much of the average squared gradient is kept.
        epsilon: Added to the root of the average squared gradient.
    """

    def __init__(
        self,
        variable: Any,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
    ) -> None:
        self.variable = variable
        self.learning_rate = learning_rate
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self._mean, self._square, self._count = (_zeros(variable) for _ in range(3))

    def apply(self, gradient: Any) -> None:
        """Makes one step, inside of a compiled function or outside."""
        used = tf.not_equal(gradient, 0.0)
        mean = self._mean + (1 - self.beta_1) * (gradient - self._mean)
        square = self._square + (1 - self.beta_2) * (gradient * gradient - self._square)
        count = self._count + 1.0
        size = self.learning_rate * tf.sqrt(1 - tf.pow(self.beta_2, count))
        size /= 1 - tf.pow(self.beta_1, count)
        moved = self.variable - size * mean / (tf.sqrt(square) + self.epsilon)
        old = (self._mean, self._square, self._count, self.variable)
        for kept, new in zip(old, (mean, square, count, moved), strict=True):
            kept.assign(tf.where(used, new, kept))


def _zeros(variable: Any) -> Any:
    return tf.Variable(np.zeros(variable.shape, np.float32), trainable=False)


class Momentum:
    """Gradient descent with momentum.

    Args:
        variable: What is trained.
        learning_rate: The step's size.
        momentum: How much of the last step is made again.
    """

    def __init__(self, variable: Any, learning_rate: float, momentum: float = 0.9) -> None:
        self.variable = variable
        self.learning_rate, self.momentum = learning_rate, momentum
        self._velocity = _zeros(variable)

    def apply(self, gradient: Any) -> None:
        """Makes one step, inside of a compiled function or outside."""
        velocity = self._velocity.assign(self.momentum * self._velocity + gradient)
        self.variable.assign_sub(self.learning_rate * velocity)
