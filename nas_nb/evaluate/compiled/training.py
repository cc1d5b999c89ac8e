"""Training by compiled epochs, one after the other, with callbacks, reports and control."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from nas_nb.evaluate.backend import release_kernels
from nas_nb.evaluate.compiled.signature import Sharing, signature, unshared_signature
from nas_nb.evaluate.compiled.trace_cache import CACHE, Compiled, CopyError, TraceCache
from nas_nb.evaluate.training_state import TrainingResult, has_hook

if TYPE_CHECKING:
    from nas_nb.evaluate.compiled.program import DeviceSet
    from nas_nb.evaluate.compiled.signature import Signature
    from nas_nb.evaluate.training_state import OnEpoch, StateSaver, TrainingControl

# How long the compiled function may run before Python looks at pause and stop, seconds.
SLICE_S = 0.4


@dataclass(frozen=True)
class Schedule:
    """What a training consists of."""

    train: DeviceSet
    validation: DeviceSet | None
    epochs: int  # the last epoch's number
    batch_size: int
    validation_batch_size: int
    seed: int = 0  # with the epoch, orders the samples
    initial_epoch: int = 0  # epochs done already
    shuffle: bool = True
    callbacks: Sequence[Any] | None = None  # None: nobody asks for the history
    verbose: int | str = 0  # as for `fit`: 0, 1, 2 or "auto"
    held: list[Compiled] | None = None  # what was compiled for this model alone

    @property
    def spec(self) -> str:
        """Describes what a trace sees of the data: rows may be weighted in one part only."""
        held_out = self.validation.spec if self.validation is not None else ""
        return f"{self.train.spec} {held_out}"


def train_compiled(
    model: keras.Model,
    schedule: Schedule,
    *,
    on_epoch: OnEpoch,
    control: TrainingControl,
    cache: TraceCache = CACHE,
    state_saver: StateSaver | None = None,
) -> TrainingResult:
    """Trains a model as `fit` would, with whole epochs inside one compiled function."""
    # `on_epoch` and callbacks see the weights of their moment, callbacks the optimizer's state,
    # too.
    if not model.built:
        model.build((None, *schedule.train.x.shape[1:]))
    signed = signature(model, schedule.spec)
    _build_optimizer(model)
    note = signed.note or cache.why_new(signed)
    try:
        compiled = _acquire(model, signed, schedule, cache)
    except CopyError as error:
        signed = unshared_signature(f"it can't be copied ({error})")
        note = signed.note
        compiled = _acquire(model, signed, schedule, cache)
    try:
        compiled.template.push(model)
        run = _Run(model, schedule, compiled, on_epoch, control, state_saver)
        try:
            stopped = run.train()
        finally:
            compiled.template.pull(model, run.measured)
        # In the order of `fit`: the averages of an optimizer take the weights' place first.
        model.optimizer.finalize_variable_values(model.trainable_variables)
        if not stopped:
            run.end()
    finally:
        compiled.template.lock.release()
    release_kernels([*model.variables, *model.optimizer.variables])
    return TrainingResult(stopped, note)


def _acquire(
    model: keras.Model, signed: Signature, schedule: Schedule, cache: TraceCache
) -> Compiled:
    """Returns compiled functions, with the template's lock held."""
    if schedule.held:
        compiled = schedule.held[0]
        compiled.template.lock.acquire()
        return compiled
    compiled = cache.acquire(model, signed, schedule.train.batch(2))
    if schedule.held is not None and signed.sharing is Sharing.ALONE:
        schedule.held.append(compiled)
    return compiled


def _build_optimizer(model: keras.Model) -> None:
    if not model.optimizer.built:
        with keras.name_scope(model.optimizer.name):
            model.optimizer.build(model.trainable_variables)


# They look at the logs and not at the model.
_BLIND = (keras.callbacks.History, keras.callbacks.ProgbarLogger)
_EVENTS = (
    "on_train_begin", "on_epoch_begin", "on_test_begin", "on_test_end", "on_epoch_end",
    "on_train_end",
)  # fmt: skip


class _Run:
    """One training of one candidate whose state is in the template."""

    def __init__(
        self,
        model: keras.Model,
        schedule: Schedule,
        compiled: Compiled,
        on_epoch: OnEpoch,
        control: TrainingControl,
        state_saver: StateSaver | None,
    ) -> None:
        self.state_saver = state_saver
        self.model = model
        self.schedule = schedule
        self.template = compiled.template
        self.program = compiled.program
        self.report = on_epoch
        self.control = control
        self.callbacks: Any = None
        self.measured = False
        self.logs: dict[str, float] | None = None
        if schedule.callbacks is not None:
            self._listen(schedule.callbacks)

    def _listen(self, callbacks: Sequence[Any]) -> None:
        # Our own say that they don't look; then nothing is copied for them.
        seeing = [c for c in callbacks if getattr(c, "reads_model", type(c) not in _BLIND)]
        self.seen = {event for event in _EVENTS for c in seeing if has_hook(c, event)}
        self.reads_metrics = any(getattr(c, "reads_metrics", True) for c in seeing)
        self.callbacks = keras.callbacks.CallbackList(
            list(callbacks),
            add_history=True,
            add_progbar=self.schedule.verbose != 0,
            model=self.model,
            epochs=self.schedule.epochs,
            verbose=self.schedule.verbose,
            steps=-(-self.schedule.train.samples // self.schedule.batch_size),
        )

    def train(self) -> bool:
        """Trains; returns whether the control ended it early."""
        self.model.stop_training = False
        self._call("on_train_begin")
        for epoch in range(self._first_epoch(), self.schedule.epochs):
            began = time.perf_counter()
            self._call("on_epoch_begin", epoch)
            logs = self._epoch(epoch)
            if not logs:
                return True
            self.logs = logs
            self.template.pull_weights(self.model)
            self.report(epoch + 1, logs, time.perf_counter() - began)
            if self.state_saver is not None and self.state_saver.is_due(epoch + 1):
                self.template.pull(self.model)
                self.state_saver.save(epoch + 1)
            self._call("on_epoch_end", epoch, logs)
            if self.model.stop_training:
                break
        return False

    def end(self) -> None:
        """Tells the callbacks that training is over; what they change in the model stays."""
        if self.callbacks is not None:
            self.callbacks.on_train_end(self.logs)

    def _first_epoch(self) -> int:
        # Keras's BackupAndRestore says here which epoch comes next, when training begins.
        restored = self.model._initial_epoch if self.callbacks is not None else None
        return restored or self.schedule.initial_epoch

    def _epoch(self, epoch: int) -> dict[str, float]:
        """Runs one epoch; returns its logs, empty if it was cut."""
        schedule = self.schedule
        train = schedule.train
        key = tf.constant([schedule.seed, epoch], tf.int64)
        shuffle = tf.constant(schedule.shuffle)

        def go(start: Any, size: Any, deadline: Any) -> Any:
            return self.program.train(train, key, shuffle, start, size, deadline)

        progress = getattr(self.callbacks, "_progbar", None)
        only_one = self.model.stop_training  # `fit` looks at it after the first batch
        logs = self._slices(go, train.samples, schedule.batch_size, only_one, progress)
        if logs and self.callbacks is not None and self.reads_metrics and not self.measured:
            # As late as Keras does: before the first step a model has none.
            self.template.build_measures(self.model, train.batch(2))
            self.measured = True
        if logs and schedule.validation is not None:
            measured = self._validation(schedule.validation)
            logs = {**logs, **measured} if measured else {}
        return {name: logs[name] for name in sorted(logs)}  # the order that `fit` has them in

    def _validation(self, held_out: DeviceSet) -> dict[str, float]:
        self.model.stop_evaluating = False
        self._call("on_test_begin")
        only_one = self.model.stop_evaluating

        def go(start: Any, size: Any, deadline: Any) -> Any:
            return self.program.validate(held_out, start, size, deadline)

        batch_size = self.schedule.validation_batch_size
        logs = self._slices(go, held_out.samples, batch_size, only_one)
        if logs:
            self._call("on_test_end", logs)
        return {f"val_{name}": value for name, value in logs.items()}

    def _slices(
        self, go: Any, samples: int, batch_size: int, only_one: bool, progress: Any = None
    ) -> dict[str, float]:
        """Calls a compiled function until all rows are used, and obeys the control in between."""
        size = tf.constant(batch_size, tf.int32)
        start = 0
        while start < samples:
            if self.control.checkpoint():
                return {}
            deadline = tf.constant(0.0 if only_one else time.time() + SLICE_S, tf.float64)
            end, metrics = go(tf.constant(start, tf.int32), size, deadline)
            start = int(end)
            if progress is not None and start < samples:
                progress.on_train_batch_end(-(-start // batch_size) - 1, _flat(metrics))
            if only_one:
                break
        if self.control.checkpoint():
            return {}
        return _flat(metrics)

    def _call(self, event: str, *arguments: Any) -> None:
        """Calls the callbacks; those that look find the candidate as it is under `fit`."""
        if self.callbacks is None:
            return
        looked = event in self.seen
        if looked:
            self.template.pull(self.model, self.measured)
            if self.measured and event == "on_epoch_begin":
                self.model.reset_metrics()
        getattr(self.callbacks, event)(*arguments)
        if looked:
            self.template.push(self.model)


def _flat(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Returns the metrics as numbers; those of a metric that has several stand for themselves."""
    flat: dict[str, float] = {}
    for name, value in metrics.items():
        flat.update(_flat(value) if isinstance(value, Mapping) else {name: float(value)})
    return flat
