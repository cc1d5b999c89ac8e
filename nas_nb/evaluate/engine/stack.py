"""Several candidates of one shape as one model: weights stacked, products batched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.trainers import compile_utils

from nas_nb.evaluate.engine.layers import keras_layers


class Stack:
    """The weights, optimizer state, dropout seeds and averages of k candidates.

    A Dense kernel is `(k, inputs, units)` here and a bias `(k, 1, units)`, so that Keras's own
    optimizer updates all k at once, with a learning rate `(k, 1, 1)`.

    Args:
        models: k built and compiled models for which `why_apart` gives no reason.
        targets: Some targets, for the loss to know their type.
    """

    def __init__(self, models: Sequence[keras.Model], targets: Any) -> None:
        first = models[0]
        self.size = len(models)
        self._layers = [_with_calls(model) for model in models]
        by_place = zip(*(model.trainable_variables for model in models), strict=True)
        self.weights = [keras.Variable(_stack(variables)) for variables in by_place]
        self.optimizer = type(first.optimizer).from_config(first.optimizer.get_config())
        # Past Keras's tracking, which would count it among the state and shift what follows.
        rates = keras.Variable(np.zeros((self.size, 1, 1), "float32"), trainable=False)
        object.__setattr__(self.optimizer, "_learning_rate", rates)
        self.optimizer.build(self.weights)
        self._seeds = {
            number: tf.Variable(np.stack([_seed_state(layers[number]) for layers in self._layers]))
            for number, layer in enumerate(self._layers[0])
            if isinstance(layer, keras.layers.Dropout)
        }
        outputs = keras.KerasTensor((1, *first.output_shape[1:]))
        sample = keras.KerasTensor((1, *targets.shape[1:]), targets.dtype.name)
        self.loss = compile_utils.get_loss(first._compile_config.config["loss"], sample, outputs)
        self.metrics = _metrics(first, sample, outputs)
        self.sums = {name: tf.Variable(tf.zeros(self.size)) for name in ("loss", *self.metrics)}
        self.seen = tf.Variable(0.0)

    def _state(self) -> list[tuple[int, Any]]:
        """The optimizer's variables that every candidate has of its own, with their places."""
        shapes = {tuple(weight.shape) for weight in self.weights}
        held = enumerate(self.optimizer._variables)
        return [(place, v) for place, v in held if tuple(v.shape) in shapes]

    def push(self, models: Sequence[keras.Model]) -> None:
        """Makes the candidates' weights, optimizer states, rates and seeds the stack's own."""
        self._layers = [_with_calls(model) for model in models]
        for number, weight in enumerate(self.weights):
            weight.assign(_stack([m.trainable_variables[number] for m in models]))
        self.optimizer.iterations.assign(models[0].optimizer.iterations)
        for place, variable in self._state():
            variable.assign(_stack([model.optimizer._variables[place] for model in models]))
        rates = [float(np.asarray(model.optimizer.learning_rate)) for model in models]
        self.optimizer._learning_rate.assign(np.reshape(rates, (-1, 1, 1)))
        for number, states in self._seeds.items():
            states.assign(np.stack([_seed_state(layers[number]) for layers in self._layers]))

    def pull_weights(self, models: Sequence[keras.Model]) -> None:
        """Gives every candidate its weights as they are now."""
        for number, weight in enumerate(self.weights):
            for part, model in zip(tf.unstack(weight.value), models, strict=True):
                own = model.trainable_variables[number]
                own.assign(tf.reshape(part, own.shape))

    def pull(self, models: Sequence[keras.Model]) -> None:
        """Gives every candidate its weights, its optimizer's state and its dropout's seeds."""
        self.pull_weights(models)
        for model in models:
            model.optimizer.iterations.assign(self.optimizer.iterations)
        for place, variable in self._state():
            for part, model in zip(tf.unstack(variable.value), models, strict=True):
                own = model.optimizer._variables[place]
                own.assign(tf.reshape(part, own.shape))
        for number, states in self._seeds.items():
            for part, layers in zip(tf.unstack(states), self._layers, strict=True):
                layers[number].seed_generator.state.assign(part)

    def call(self, x: Any, training: bool) -> Any:
        """Returns the outputs of all candidates, `(k * samples, outputs)`.

        Args:
            x: Inputs `(k, samples, ...)`, or `(1, samples, ...)` where all get the same.
            training: Whether dropout is active.
        """
        samples = tf.shape(x)[1]
        x = tf.reshape(x, [x.shape[0], samples, int(np.prod(x.shape[2:]))])
        weights = iter(self.weights)
        for number, layer in enumerate(self._layers[0]):
            if isinstance(layer, keras.layers.Dense):
                x = tf.matmul(x, next(weights).value)
                if layer.use_bias:
                    x = x + next(weights).value
                if layer is self._layers[0][-1]:
                    # Losses look at the last activation for its logits, so it has to come last.
                    x = tf.reshape(x, [self.size * samples, x.shape[-1]])
                x = layer.activation(x) if layer.activation is not None else x
            elif isinstance(layer, keras.layers.Dropout):
                x = self._drop(number, x) if training else x
            elif not isinstance(layer, keras.layers.Flatten):
                x = layer(x)
        return x

    def _drop(self, number: int, x: Any) -> Any:
        rates = [layers[number].rate for layers in self._layers]
        if x.shape[0] != self.size:
            x = tf.repeat(x, self.size, axis=0)
        states = self._seeds[number]
        seeds = tf.unstack(tf.cast(states.read_value() % (tf.int32.max - 1), tf.int32))
        kept = [
            tf.nn.experimental.stateless_dropout(part, rate=rate, seed=seed) if rate else part
            for part, rate, seed in zip(tf.unstack(x), rates, seeds, strict=True)
        ]
        moved = [[0, 1] if rate else [0, 0] for rate in rates]
        states.assign_add(tf.constant(moved, states.dtype))
        return tf.stack(kept)

    def measure(self, y: Any, y_pred: Any) -> Any:
        """Adds a batch to the averages, and returns each candidate's loss, `(k,)`.

        Args:
            y: Targets `(k * samples, ...)`.
            y_pred: Outputs `(k * samples, outputs)`.
        """
        samples = tf.cast(tf.shape(y)[0] // self.size, tf.float32)
        loss = self._means(self.loss.call(tf.cast(y, tf.float32), y_pred))
        self.sums["loss"].assign_add(loss * samples)
        for name, metric in self.metrics.items():
            values = metric._fn(tf.cast(y, tf.float32), y_pred, **metric._fn_kwargs)
            self.sums[name].assign_add(self._means(values) * samples)
        self.seen.assign_add(samples)
        return loss

    def _means(self, values: Any) -> Any:
        return tf.reduce_mean(tf.reshape(tf.cast(values, tf.float32), [self.size, -1]), axis=1)

    def reset(self) -> None:
        """Begins new averages."""
        for total in (*self.sums.values(), self.seen):
            total.assign(tf.zeros_like(total))

    def results(self) -> list[dict[str, float]]:
        """Returns each candidate's averages by name."""
        means = {name: (total / self.seen).numpy() for name, total in self.sums.items()}
        return [
            {name: float(means[name][number]) for name in sorted(means)}
            for number in range(self.size)
        ]


def _with_calls(model: keras.Model) -> list[Any]:
    """Returns the layers that do something."""
    return [each for each in keras_layers(model) if not isinstance(each, keras.layers.InputLayer)]


def _stack(variables: Sequence[Any]) -> Any:
    """Stacks vectors as rows and matrices as they are, `(k, rows, columns)`."""
    return np.stack([np.atleast_2d(np.asarray(variable)) for variable in variables])


def _seed_state(layer: Any) -> Any:
    return np.asarray(layer.seed_generator.state)


def _metrics(model: keras.Model, sample: Any, outputs: Any) -> dict[str, Any]:
    given = model._compile_config.config.get("metrics") or []
    found = [
        compile_utils.get_metric(metric, sample, outputs) for metric in keras.tree.flatten(given)
    ]
    names = [
        metric if isinstance(metric, str) else made.name
        for metric, made in zip(keras.tree.flatten(given), found, strict=True)
    ]
    return dict(zip(names, found, strict=True))
