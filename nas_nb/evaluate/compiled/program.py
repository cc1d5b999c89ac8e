"""The compiled epoch, its data on the device, lean Adam, graph options."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from nas_nb.evaluate.backend import EPOCH, released_graphs
from nas_nb.evaluate.compiled.traced_values import keras_layers
from nas_nb.private_imports import config_pb2, context

if TYPE_CHECKING:
    from nas_nb.data.dataset import Data
    from nas_nb.evaluate.compiled.traced_values import TracedHyperparameter


class EpochProgram:
    """An epoch over data on the device, in slices, traced once for all that share the model."""

    def __init__(self, model: keras.Model, settings: Sequence[TracedHyperparameter] = ()) -> None:
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
            with lightweight_graphs(self._light), released_graphs(EPOCH):
                self._traced[name] = traced.get_concrete_function(rows, *specs)
        with lightweight_graphs(self._light):
            return self._traced[name](tensors, *scalars)

    def _train(
        self, data: Any, key: Any, shuffle: Any, start: Any, batch_size: Any, deadline: Any
    ) -> Any:
        """Trains from row `start` of the order that `key` decides."""
        rows = tf.range(_samples(data))
        order = tf.cond(
            shuffle, lambda: tf.random.experimental.stateless_shuffle(rows, seed=key), lambda: rows
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
        # Metrics live in variables, so the next slice goes on as if there had been no break.
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
            with lean_adam(model.optimizer):
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


@dataclass(frozen=True, eq=False)
class DeviceSet:
    """One part of the data as tensors, or nests of them."""

    x: Any  # (samples, ...)
    y: Any
    sample_weight: Any  # (samples,)
    samples: int  # how many rows

    @property
    def spec(self) -> str:
        """Describes everything but the number of rows."""
        nest = (self.x, self.y, self.sample_weight)
        return repr(keras.tree.map_structure(_spec, nest))

    def batch(self, size: int) -> Any:
        """Returns the first rows as an `(x, y, sample_weight)` batch."""
        nest = (self.x, self.y, self.sample_weight)
        return keras.tree.map_structure(lambda t: None if t is None else t[:size], nest)


def _spec(tensor: Any) -> Any:
    return None if tensor is None else (tensor.dtype.name, tuple(tensor.shape[1:]))


def device_set(x: Any, y: Any, sample_weight: Any = None) -> DeviceSet:
    """Puts arrays `(samples, ...)`, or nests of them, on the device, in the types of `fit`."""
    x, y, weight = (keras.tree.map_structure(_tensor, nest) for nest in (x, y, sample_weight))
    return DeviceSet(x, y, weight, int(keras.tree.flatten(x)[0].shape[0]))


def _tensor(array: Any) -> Any:
    if array is None or tf.is_tensor(array):
        return array
    array = np.asarray(array)
    if array.dtype.kind == "f" and array.dtype.name != keras.config.floatx():
        array = array.astype(keras.config.floatx())
    return tf.convert_to_tensor(array)


_resident: weakref.WeakKeyDictionary[Data, tuple[DeviceSet, DeviceSet]]
_resident = weakref.WeakKeyDictionary()


def on_device(data: Data) -> tuple[DeviceSet, DeviceSet]:
    """Returns the training and validation parts of `data` as tensors, made at the first call."""
    parts = _resident.get(data)
    if parts is None:
        parts = (device_set(data.x_train, data.y_train), device_set(data.x_val, data.y_val))
        _resident[data] = parts
    return parts


_ADAMS = (keras.optimizers.Adam, keras.optimizers.AdamW)


@contextmanager
def lean_adam(optimizer: Any) -> Iterator[None]:
    """Traces a step of a built Adam or AdamW in the block with a third of the operations."""
    # Keras computes the step's size, two powers and a root, again for every weight. The arithmetic
    # on each weight is Keras's (Kingma and Ba 2015, section 2: the efficient order of Algorithm 1).
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


# Their kernels take longer than handing them to another thread, and run beside one another.
_HEAVY = ("Conv", "SeparableConv", "Depthwise", "Attention", "LSTM", "GRU", "RNN", "EinsumDense")


def is_light(model: Any) -> bool:
    """Whether a step of the model is so short that switching threads is most of its cost."""
    names = [type(layer).__name__ for layer in keras_layers(model)]
    return not any(part in name for name in names for part in _HEAVY)


@contextmanager
def lightweight_graphs(light: bool) -> Iterator[None]:
    """Runs traces and calls in the block with the options that suit small models."""
    # TensorFlow's graph optimizer takes as long as several epochs of a light model, and an epoch
    # after it is no faster; in a heavy one it joins a convolution with its bias and activation.
    # With the executor of one thread, a step of a small dense net takes half the time; where there
    # is a single thread for functions, that executor would wait for itself.
    if not light or threads() < 2 or tf.config.list_physical_devices("GPU"):
        yield
        return
    eager = context.context()
    before = eager.function_call_options
    config = config_pb2.ConfigProto()
    config.ParseFromString(before.config_proto_serialized or b"")
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    eager.function_call_options = context.FunctionCallOptions("SINGLE_THREADED_EXECUTOR", config)
    try:
        yield
    finally:
        eager.function_call_options = before


@cache
def threads() -> int:
    """How many threads TensorFlow runs functions in; it decides that once, like this."""
    stated = os.environ.get("TF_NUM_INTEROP_THREADS", "")
    given = tf.config.threading.get_inter_op_parallelism_threads()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return int(given or (stated.isdigit() and int(stated)) or cores or 1)
