"""The compiled functions of a supernet, and its optimizers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from nas_nb.space.definition import compile_for, output_layer
from nas_nb.supernet.choices import Path
from nas_nb.supernet.layers import CallContext

if TYPE_CHECKING:
    from nas_nb.data.dataset import DataSpec
    from nas_nb.supernet.layers import SharedNet, SharedWeights


class LossAndMetrics:
    """Loss and metrics of the data, for what a shared net makes."""

    def __init__(self, spec: DataSpec) -> None:
        head = output_layer(spec)
        self._activation = head.activation
        self._width = spec.outputs
        # A model of nothing but the outputs has Keras compute losses and metrics as for any other.
        inputs = keras.Input((spec.outputs,))
        self._shell = compile_for(keras.Model(inputs, keras.layers.Identity()(inputs)), spec)

    def loss(self, logits: Any, y: Any) -> Any:
        """Returns the mean loss of a batch."""
        return self._shell.compute_loss(x=None, y=y, y_pred=self._outputs(logits))

    def measure(self, logits: Any, y: Any) -> Any:
        """Adds a batch to the metrics; returns them so far by name."""
        measured = self._shell.compute_metrics(None, y, self._outputs(logits), None)
        return {name: value for name, value in measured.items() if name != "loss"}

    def _outputs(self, logits: Any) -> Any:
        # Losses look at the number of outputs, which a path of unknown widths has lost.
        return self._activation(tf.ensure_shape(logits, (None, self._width)))

    def reset(self) -> None:
        """Begins new metrics."""
        self._shell.reset_metrics()


class SupernetProgram:
    """Training and measuring of paths, each traced once for all of them."""

    def __init__(self, net: SharedNet, weights: SharedWeights, optimizer: PathAdam) -> None:
        self.net = net
        self.weights = weights
        self.task = LossAndMetrics(net.spec)
        self.optimizer = optimizer
        self._train = tf.function(self._train_batches, autograph=False)
        self._measure: Any = None

    def train(self, x: Any, y: Any, paths: Any, **scalars: Any) -> tuple[int, float]:
        """Trains on one batch after the other until all are used or time is up."""
        end, loss = self._train(x, y, tf.constant(paths), scalars)
        return int(end), float(loss)

    def measure(self, x: Any, y: Any, known: Any, code: Any) -> tuple[float, dict[str, float]]:
        """Measures one path on a batch."""
        if self._measure is None:
            self._measure = self._measuring(x, y, known, code)
        loss, metrics = self._measure(x, y, known, tf.constant(code))
        return float(loss), {name: float(value) for name, value in metrics.items()}

    def _measuring(self, x: Any, y: Any, known: Any, code: Any) -> Any:
        """Returns the compiled function for batches of any size."""
        # Metrics make their variables at their first use, which has to be outside of a trace.
        self.task.measure(tf.zeros((len(y), self.net.spec.outputs)), y)
        self.task.reset()
        rows = [tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in (x, y, known)]
        signature = [*rows, tf.TensorSpec(code.shape, tf.float32)]
        return tf.function(self._measure_batch, input_signature=signature, autograph=False)

    def _train_batches(self, x: Any, y: Any, paths: Any, scalars: dict[str, Any]) -> Any:
        rows = tf.random.experimental.stateless_shuffle(
            tf.range(tf.shape(x)[0]), seed=scalars["key"]
        )
        size, deadline = scalars["size"], scalars["deadline"]

        def go_on(batch: Any, total: Any) -> Any:
            # One batch is always run, so that a late call makes progress.
            in_time = tf.equal(batch, scalars["start"]) | (tf.timestamp() < deadline)
            return (batch < tf.shape(paths)[0]) & in_time

        def step(batch: Any, total: Any) -> Any:
            chosen = rows[batch * size : (batch + 1) * size]
            seed = scalars["key"] + tf.cast(tf.stack([batch * 1000, 0]), tf.int64)
            loss, gradient = self._gradients(
                tf.gather(x, chosen), tf.gather(y, chosen), paths[batch], seed
            )
            self.optimizer.apply(gradient)
            return batch + 1, total + loss

        return tf.while_loop(
            go_on, step, [scalars["start"], tf.constant(0.0)], parallel_iterations=1
        )

    def _gradients(self, x: Any, y: Any, codes: Any, seed: Any) -> Any:
        """Returns the mean loss of some paths on a batch, and the sum of their gradients."""
        count = codes.shape[0]
        if count == 1:
            return self._gradient(x, y, codes[0], seed)

        def path(number: Any, total: Any, sums: Any) -> Any:
            loss, gradient = self._gradient(x, y, codes[number], seed)
            return number + 1, total + loss / float(count), sums + gradient

        nothing = tf.zeros(self.weights.flat.shape)
        _, loss, sums = tf.while_loop(
            lambda number, total, sums: number < count,
            path,
            [tf.constant(0), tf.constant(0.0), nothing],
            parallel_iterations=1,
        )
        return loss, sums

    def _gradient(self, x: Any, y: Any, code: Any, seed: Any) -> Any:
        call = CallContext(training=True, rows=tf.shape(x)[0], seed=seed)
        flat = tf.convert_to_tensor(self.weights.flat)
        with tf.GradientTape() as tape:
            tape.watch(flat)
            with self.weights.used(flat):
                loss = self.task.loss(self.net.logits(Path(self.net.choices, code), x, call), y)
        return loss, tape.gradient(loss, flat)

    def _measure_batch(self, x: Any, y: Any, known: Any, code: Any) -> Any:
        rows = tf.shape(known)[0]
        call = CallContext(training=False, rows=rows, seed=tf.zeros(2, tf.int64))
        both = tf.concat([known, x], 0)
        with self.weights.used(self.weights.flat):
            logits = self.net.logits(Path(self.net.choices, code), both, call)[rows:]
        return self.task.loss(logits, y), self.task.measure(logits, y)


class PathAdam:
    """Adam (Kingma & Ba, ICLR 2015) for weights of which each step uses a part."""

    # A weight that the step's paths did not use has a gradient of exactly zero. It stays as it is,
    # and so do its averages and its count of steps: with the usual update it would go on along its
    # old momentum, trained by paths that it is no part of.

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
    """Gradient descent with momentum."""

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
