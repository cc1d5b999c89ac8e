"""The compiled epoch: two TensorFlow functions, one that trains and one that validates."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from nas_nb.evaluate.engine.execution import is_light, short_lived
from nas_nb.evaluate.engine.updates import lean_updates
from nas_nb.evaluate.forgetting import EPOCH, forgotten

if TYPE_CHECKING:
    from nas_nb.evaluate.engine.device import DeviceSet
    from nas_nb.evaluate.engine.settings import Setting


class EpochProgram:
    """An epoch over data on the device, traced once for everybody who shares the model.

    Both functions run batch after batch until the data or the time is used up, and return where
    they got. Metrics live in variables, so the next call goes on as if there had been no break.

    Args:
        model: A built and compiled model, the template's.
        settings: The numbers that its layers and optimizer read from variables.
    """

    def __init__(self, model: keras.Model, settings: Sequence[Setting] = ()) -> None:
        self._model = model
        self._settings = settings
        outputs = getattr(model, "outputs", None) or ()
        self._shapes = [tuple(tensor.shape) for tensor in outputs]
        self._light = is_light(model)
        self._traced: dict[str, Any] = {}

    def train(self, data: DeviceSet, *scalars: Any) -> Any:
        """Trains on `data`; see `_train` for the scalars and the result."""
        return self._call_traced("train", self._train, data, scalars)

    def validate(self, data: DeviceSet, *scalars: Any) -> Any:
        """Evaluates on `data`; see `_validate` for the scalars and the result."""
        return self._call_traced("validate", self._validate, data, scalars)

    def _call_traced(self, name: str, function: Any, data: DeviceSet, scalars: Any) -> Any:
        # Traced by hand, for any number of rows: `tf.function` would do it again for every number,
        # and warn that one function of many programs is traced too often.
        nest = (data.x, data.y, data.sample_weight)
        tensors = [t for t in keras.tree.flatten(nest) if t is not None]
        if name not in self._traced:

            def call(tensors: Any, *scalars: Any) -> Any:
                rest = iter(tensors)
                data = keras.tree.map_structure(lambda t: None if t is None else next(rest), nest)
                return function(data, *scalars)

            rows = [tf.TensorSpec([None, *t.shape[1:]], t.dtype) for t in tensors]
            specs = [tf.TensorSpec(s.shape, s.dtype) for s in scalars]
            call.__name__ = EPOCH
            traced = tf.function(call, autograph=False)
            with short_lived(self._light), forgotten(EPOCH):
                self._traced[name] = traced.get_concrete_function(rows, *specs)
        with short_lived(self._light):
            return self._traced[name](tensors, *scalars)

    def _train(
        self, data: Any, key: Any, shuffle: Any, start: Any, batch_size: Any, deadline: Any
    ) -> Any:
        """Trains from row `start` of the order that `key` decides.

        Args:
            data: `(x, y, sample_weight)`.
            key: Two int64, the seed and the epoch.
            shuffle: Whether to permute; False keeps the rows' order.
            start: The first row, int32; 0 also resets the metrics.
            batch_size: int32.
            deadline: Unix seconds after which no further batch is begun, float64.

        Returns:
            The next row, and the metrics so far by name.
        """
        rows = tf.range(_samples(data))
        order = tf.cond(
            shuffle,
            lambda: tf.random.experimental.stateless_shuffle(rows, seed=key),
            lambda: rows,
        )

        def batch(start: Any) -> None:
            chosen = order[start : start + batch_size]
            self._step(*_map(lambda t: tf.gather(t, chosen), data))

        with ExitStack() as held:
            for setting in self._settings:
                held.enter_context(setting.held())
            return self._loop(batch, _samples(data), start, batch_size, deadline)

    def _validate(self, data: Any, start: Any, batch_size: Any, deadline: Any) -> Any:
        """Evaluates from row `start`; arguments and result as in `_train`."""

        def batch(start: Any) -> None:
            self._evaluate(*_map(lambda t: t[start : start + batch_size], data))

        return self._loop(batch, _samples(data), start, batch_size, deadline)

    def _loop(self, batch: Any, samples: Any, start: Any, size: Any, deadline: Any) -> Any:
        model = self._model
        tf.cond(start == 0, lambda: _done(model.reset_metrics), lambda: True)

        def go_on(position: Any) -> Any:
            # One batch is always run, so that a late call makes progress.
            in_time = tf.logical_or(tf.equal(position, start), tf.timestamp() < deadline)
            return tf.logical_and(position < samples, in_time)

        def body(position: Any) -> Any:
            batch(position)
            return position + size

        (end,) = tf.while_loop(go_on, body, [start], parallel_iterations=1)
        return end, model.get_metrics_result()

    def _step(self, x: Any, y: Any, sample_weight: Any) -> None:
        # The statements of Keras's own `train_step`, less the metrics' results at every batch.
        model = self._model
        with tf.GradientTape() as tape:
            y_pred = self._call(x, training=True)
            loss = model._compute_loss(
                x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True
            )
            self._track(loss, x)
            loss = model.optimizer.scale_loss(loss)
        weights = model.trainable_weights
        if weights:
            gradients = tape.gradient(loss, weights)
            with lean_updates(model.optimizer):
                model.optimizer.apply_gradients(zip(gradients, weights, strict=True))
        self._measure(x, y, y_pred, sample_weight)

    def _evaluate(self, x: Any, y: Any, sample_weight: Any) -> None:
        y_pred = self._call(x, training=False)
        loss = self._model._compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False
        )
        self._track(loss, x)
        self._measure(x, y, y_pred, sample_weight)

    def _call(self, x: Any, training: bool) -> Any:
        model = self._model
        y_pred = model(x, training=training) if model._call_has_training_arg else model(x)
        # With weights of unknown shape TensorFlow has lost the outputs' sizes, which losses and
        # metrics look at; they are the same for everybody who shares the trace.
        if self._shapes:
            for tensor, shape in zip(keras.tree.flatten(y_pred), self._shapes, strict=True):
                tensor.set_shape(shape)
        return y_pred

    def _track(self, loss: Any, x: Any) -> None:
        self._model._loss_tracker.update_state(loss, sample_weight=_samples(x))

    def _measure(self, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> None:
        del x
        if self._model._compile_metrics is not None:
            self._model._compile_metrics.update_state(y, y_pred, sample_weight)


def _done(effect: Any) -> bool:
    effect()
    return True


def _samples(nest: Any) -> Any:
    return tf.shape(next(t for t in keras.tree.flatten(nest) if t is not None))[0]


def _map(function: Any, nest: Any) -> Any:
    return keras.tree.map_structure(lambda t: None if t is None else function(t), nest)
