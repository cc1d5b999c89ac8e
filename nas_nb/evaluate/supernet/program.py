"""The compiled functions of a supernet: one that trains paths and one that measures a path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from nas_nb.evaluate.supernet.layers import Call
from nas_nb.evaluate.supernet.selection import Path
from nas_nb.space.head import compile_for, output_layer

if TYPE_CHECKING:
    from nas_nb.data import DataSpec
    from nas_nb.evaluate.supernet.nets import SharedNet
    from nas_nb.evaluate.supernet.optimizer import PathAdam
    from nas_nb.evaluate.supernet.weights import Weights


class Task:
    """Loss and metrics of the data, for what a shared net makes.

    Args:
        spec: The data.
    """

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


class Program:
    """Training and measuring of paths, each traced once for all of them.

    Args:
        net: The shared net.
        weights: Its weights.
        optimizer: Of its weights.
    """

    def __init__(self, net: SharedNet, weights: Weights, optimizer: PathAdam) -> None:
        self.net = net
        self.weights = weights
        self.task = Task(net.spec)
        self.optimizer = optimizer
        self._train = tf.function(self._train_batches, autograph=False)
        self._measure: Any = None

    def train(self, x: Any, y: Any, paths: Any, **scalars: Any) -> tuple[int, float]:
        """Trains on one batch after the other until all are used or time is up.

        Args:
            x: Samples.
            y: Targets.
            paths: Codes of the paths of each batch, ``(batches, paths, choices)``.
            **scalars: `key` (seed and epoch: the order), `start` (the first batch), `size`
                (samples a batch) and `deadline` (unix seconds after which none is begun).

        Returns:
            The next batch, and the sum of the mean losses of the batches.
        """
        end, loss = self._train(x, y, tf.constant(paths), scalars)
        return int(end), float(loss)

    def measure(self, x: Any, y: Any, known: Any, code: Any) -> tuple[float, dict[str, float]]:
        """Measures one path on a batch.

        Args:
            x: Samples.
            y: Targets.
            known: Training samples that statistics of batches are taken from.
            code: The path's code.

        Returns:
            The mean loss, and the metrics since they were reset.
        """
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
        call = Call(training=True, rows=tf.shape(x)[0], seed=seed)
        flat = tf.convert_to_tensor(self.weights.flat)
        with tf.GradientTape() as tape:
            tape.watch(flat)
            with self.weights.used(flat):
                loss = self.task.loss(self.net.logits(Path(self.net.choices, code), x, call), y)
        return loss, tape.gradient(loss, flat)

    def _measure_batch(self, x: Any, y: Any, known: Any, code: Any) -> Any:
        rows = tf.shape(known)[0]
        call = Call(training=False, rows=rows, seed=tf.zeros(2, tf.int64))
        both = tf.concat([known, x], 0)
        with self.weights.used(self.weights.flat):
            logits = self.net.logits(Path(self.net.choices, code), both, call)[rows:]
        return self.task.loss(logits, y), self.task.measure(logits, y)
