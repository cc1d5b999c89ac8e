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
        # Averages of gradients and their squares, and powers of the betas: one each a weight,
        # since each weight counts its own steps.
        self._state = [_filled(variable, value) for value in (0.0, 0.0, 1.0, 1.0)]
        # Some twenty operations on every weight, of which the compiler makes one.
        self._fused = tf.function(self._moved, autograph=False, jit_compile=True)

    def apply(self, gradient: Any) -> None:
        """Makes one step, inside of a compiled function or outside."""
        kept = [self.variable, *self._state]
        moved = self._fused(gradient, *map(tf.convert_to_tensor, kept))
        for variable, value in zip(kept, moved, strict=True):
            variable.assign(value)

    def _moved(
        self, gradient: Any, weights: Any, mean: Any, square: Any, power_1: Any, power_2: Any
    ) -> list[Any]:
        """Returns the weights and the state after a step; as they were where nothing was used."""
        # Algorithm 1, its last three lines in the order that section 2 gives.
        new_mean = mean + (1 - self.beta_1) * (gradient - mean)
        new_square = square + (1 - self.beta_2) * (gradient * gradient - square)
        new_1, new_2 = power_1 * self.beta_1, power_2 * self.beta_2
        size = self.learning_rate * tf.sqrt(1 - new_2) / (1 - new_1)
        moved = weights - size * new_mean / (tf.sqrt(new_square) + self.epsilon)
        used = tf.not_equal(gradient, 0.0)
        old = (weights, mean, square, power_1, power_2)
        new = (moved, new_mean, new_square, new_1, new_2)
        return [tf.where(used, b, a) for a, b in zip(old, new, strict=True)]


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
        self._velocity = _filled(variable, 0.0)

    def apply(self, gradient: Any) -> None:
        """Makes one step, inside of a compiled function or outside."""
        velocity = self._velocity.assign(self.momentum * self._velocity + gradient)
        self.variable.assign_sub(self.learning_rate * velocity)


def _filled(variable: Any, value: float) -> Any:
    return tf.Variable(np.full(variable.shape, value, np.float32), trainable=False)
