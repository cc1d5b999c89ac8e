"""Training of several candidates of one shape at once, in one compiled function."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from nas_nb.errors import MeasureError
from nas_nb.evaluate.engine.device import DeviceSet, resident
from nas_nb.evaluate.engine.execution import short_lived
from nas_nb.evaluate.engine.layers import keras_layers
from nas_nb.evaluate.engine.stack import Stack
from nas_nb.evaluate.engine.stackable import stack_key, why_apart
from nas_nb.evaluate.engine.training import SLICE_S, Control
from nas_nb.evaluate.engine.updates import lean_updates
from nas_nb.evaluate.forgetting import EPOCH, forgotten

if TYPE_CHECKING:
    import keras

    from nas_nb.data import Data

OnEpochOfEach = Callable[[int, int, Mapping[str, float], float], None]

CAPACITY = 8

_programs: OrderedDict[str, StackProgram] = OrderedDict()
_lock = threading.Lock()


def train_together(
    models: Sequence[keras.Model],
    data: Data,
    *,
    epochs: int,
    batch_size: int,
    seeds: Sequence[int],
    on_epoch: OnEpochOfEach,
    control: Control,
    validation_batch_size: int = 256,
    initial_epoch: int = 0,
) -> bool:
    """Trains candidates of one shape side by side; each ends up as if it had been alone.

    Every candidate sees its own order of the samples, has its own dropout and its own learning
    rate. A batch costs one product of stacked matrices instead of one product for each.

    Args:
        models: Compiled and built models for which `why_apart` gives no reason.
        data: The data.
        epochs: The last epoch's number.
        batch_size: Samples a batch of each candidate; the last of an epoch may be smaller.
        seeds: What decides each candidate's order of the samples.
        on_epoch: Called after every complete epoch for each candidate, with its place in
            `models`, the epoch's number (from 1), its logs, and its share of the seconds. The
            models have their weights of that moment.
        control: Asked at least every half second.
        validation_batch_size: Samples a batch in validation.
        initial_epoch: Epochs that all have been trained for already.

    Returns:
        Whether the control ended the training before the last epoch was complete.

    Raises:
        MeasureError: The models can't be trained together.
    """
    reason = why_apart(models)
    if reason is not None or len(seeds) != len(models):
        raise MeasureError(
            f"Expected models that can be trained together, with a seed each, got {len(models)} "
            f"models and {len(seeds)} seeds: {reason or 'one seed a model is needed'}. Train them "
            "one by one."
        )
    for model in models:
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
    parts = resident(data)
    with _lock:
        program = _program(models, parts)
        program.stack.push(models)
        run = _Run(program, parts, (batch_size, validation_batch_size), seeds, control)
        return run.train(models, range(initial_epoch, epochs), on_epoch)


def _program(models: Sequence[keras.Model], parts: tuple[DeviceSet, DeviceSet]) -> StackProgram:
    rates = [[getattr(layer, "rate", None) for layer in keras_layers(m)] for m in models]
    key = repr((stack_key(models[0]), rates, parts[0].spec, parts[1].spec))
    if key not in _programs:
        _programs[key] = StackProgram(Stack(models, parts[0].y))
    _programs.move_to_end(key)
    while len(_programs) > CAPACITY:
        _programs.popitem(last=False)
    return _programs[key]


class StackProgram:
    """The compiled epoch of a stack, as `EpochProgram` is that of one model.

    Args:
        stack: What is trained.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._traced: dict[str, Any] = {}

    def train(self, data: DeviceSet, *scalars: Any) -> Any:
        """Trains from a row on; arguments `(orders, start, batch size, deadline)`."""
        return self._call("train", self._step, data, scalars)

    def validate(self, data: DeviceSet, *scalars: Any) -> Any:
        """Evaluates from a row on; arguments as `train`, where the orders do not matter."""
        return self._call("validate", self._evaluate, data, scalars)

    def _call(self, name: str, body: Any, data: DeviceSet, scalars: Any) -> Any:
        if name not in self._traced:

            def traced(x: Any, y: Any, orders: Any, start: Any, size: Any, until: Any) -> Any:
                def go_on(row: Any) -> Any:
                    in_time = tf.logical_or(tf.equal(row, start), tf.timestamp() < until)
                    return tf.logical_and(row < tf.shape(x)[0], in_time)

                def batch(row: Any) -> Any:
                    body(x, y, orders[:, row : row + size])
                    return row + size

                return tf.while_loop(go_on, batch, [start], parallel_iterations=1)[0]

            traced.__name__ = EPOCH
            rows = [tf.TensorSpec([None, *t.shape[1:]], t.dtype) for t in (data.x, data.y)]
            specs = [tf.TensorSpec([self.stack.size, None], tf.int32)]
            specs += [tf.TensorSpec(s.shape, s.dtype) for s in scalars[1:]]
            with short_lived(light=True), forgotten(EPOCH):
                function = tf.function(traced, autograph=False)
                self._traced[name] = function.get_concrete_function(*rows, *specs)
        with short_lived(light=True):
            return self._traced[name](data.x, data.y, *scalars)

    def _step(self, x: Any, y: Any, chosen: Any) -> None:
        stack = self.stack
        x, y = tf.gather(x, chosen), _flat(tf.gather(y, chosen))
        with tf.GradientTape() as tape:
            # Candidates have no weight in common: the sum's gradient is each one's own.
            loss = tf.reduce_sum(stack.measure(y, stack.call(x, training=True)))
        gradients = tape.gradient(loss, [weight.value for weight in stack.weights])
        with lean_updates(stack.optimizer):
            stack.optimizer.apply_gradients(zip(gradients, stack.weights, strict=True))

    def _evaluate(self, x: Any, y: Any, chosen: Any) -> None:
        # All see the same rows, so the first product shares them.
        x, y = tf.gather(x, chosen[0])[None], tf.gather(y, chosen)
        self.stack.measure(_flat(y), self.stack.call(x, training=False))


def _flat(y: Any) -> Any:
    return tf.reshape(y, tf.concat([[-1], tf.shape(y)[2:]], 0))


@dataclass(frozen=True)
class _Run:
    """One training of a stack."""

    program: StackProgram
    parts: tuple[DeviceSet, DeviceSet]
    batch_sizes: tuple[int, int]
    seeds: Sequence[int]
    control: Control

    def train(self, models: Sequence[keras.Model], epochs: range, on_epoch: OnEpochOfEach) -> bool:
        """Trains; returns whether the control ended it early."""
        stack = self.program.stack
        try:
            for epoch in epochs:
                began = time.perf_counter()
                logs = self._epoch(epoch)
                if not logs:
                    return True
                stack.pull_weights(models)
                share_s = (time.perf_counter() - began) / len(models)
                for place, each in enumerate(logs):
                    on_epoch(place, epoch + 1, each, share_s)
        finally:
            stack.pull(models)
        return False

    def _epoch(self, epoch: int) -> list[dict[str, float]]:
        """Runs one epoch; returns the logs of each candidate, none if it was cut."""
        rows = tf.range(self.parts[0].samples)
        orders = [
            tf.random.experimental.stateless_shuffle(
                rows, seed=tf.constant([seed, epoch], tf.int64)
            )
            for seed in self.seeds
        ]
        trained = self._slices(self.program.train, tf.stack(orders), 0)
        if trained is None:
            return []
        as_they_are = tf.tile(tf.range(self.parts[1].samples)[None], [len(self.seeds), 1])
        measured = self._slices(self.program.validate, as_they_are, 1)
        if measured is None:
            return []
        both = [
            {**logs, **{f"val_{name}": value for name, value in more.items()}}
            for logs, more in zip(trained, measured, strict=True)
        ]
        return [{name: logs[name] for name in sorted(logs)} for logs in both]

    def _slices(self, go: Any, orders: Any, part: int) -> list[dict[str, float]] | None:
        self.program.stack.reset()
        data, size = self.parts[part], tf.constant(self.batch_sizes[part], tf.int32)
        start = 0
        while start < data.samples:
            if self.control.checkpoint():
                return None
            deadline = tf.constant(time.time() + SLICE_S, tf.float64)
            start = int(go(data, orders, tf.constant(start, tf.int32), size, deadline))
        return None if self.control.checkpoint() else self.program.stack.results()
