"""`train`: one model, or those of a trial in turns, under control; a loss that does not fit."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import numpy.typing as npt

from nas_nb.errors import MeasureError
from nas_nb.evaluate.backend import on_tensorflow
from nas_nb.evaluate.fit import fit_reason, keras_fit
from nas_nb.evaluate.global_state import trial_seed
from nas_nb.evaluate.training_state import (
    Arrays,
    OnEpoch,
    StateSaver,
    TrainingControl,
    TrainingResult,
    capture,
    restore,
    values_of,
)
from nas_nb.record.trial import best_score

if TYPE_CHECKING:
    import tensorflow as tf

    from nas_nb.data.dataset import Data

VALIDATION_BATCH_SIZE = 256


class _ControlCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Reports every epoch, and lets the control pause or end the training at every batch."""

    def __init__(
        self,
        control: TrainingControl,
        on_epoch: OnEpoch,
        state_saver: StateSaver | None,
        batches: Any,
    ) -> None:
        super().__init__()
        self.batches = batches
        self.control = control
        self.state_saver = state_saver
        self.report = on_epoch
        self.stopped = False
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        if isinstance(self.batches, ShuffledBatches):
            self.batches.begin(epoch)
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._obey()

    def on_test_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._obey()

    def _obey(self) -> None:
        if self.control.checkpoint():
            self.stopped = True
            self.model.stop_training = True
            self.model.stop_evaluating = True

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        # A cut epoch has averages over some of the batches only: they would not be comparable.
        if self.stopped:
            return
        measured = {name: float(value) for name, value in (logs or {}).items()}
        self.report(epoch + 1, measured, time.perf_counter() - self._began)
        if self.state_saver is not None and self.state_saver.is_due(epoch + 1):
            self.state_saver.save(epoch + 1)


def train(
    model: keras.Model,
    data: Data,
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    on_epoch: OnEpoch,
    control: TrainingControl,
    initial_epoch: int = 0,
    state_saver: StateSaver | None = None,
    held: list[Any] | None = None,
    validate: bool = True,
    callbacks: Sequence[Any] = (),
    verbose: int | str = 0,
) -> TrainingResult:
    """Trains a compiled model and reports every epoch: in a compiled epoch, or by `model.fit`."""
    validation_batch_size = fixed_batch_size(model) or VALIDATION_BATCH_SIZE
    with loss_errors_explained(model, data.y_train), _batch_errors_explained(model, data):
        parts = (data.x_train, data.y_train, data.x_val, data.y_val)
        reason = fit_reason(model, parts, callbacks)
        if reason is None:
            # Imported here because the compiled epoch is TensorFlow's.
            from nas_nb.evaluate.compiled.program import on_device
            from nas_nb.evaluate.compiled.training import Schedule, train_compiled

            training, validation = on_device(data)
            schedule = Schedule(
                training,
                validation if validate else None,
                epochs,
                batch_size,
                validation_batch_size,
                seed,
                initial_epoch,
                callbacks=[*callbacks] if callbacks or verbose else None,
                verbose=verbose,
                held=held,
            )
            return train_compiled(
                model, schedule, on_epoch=on_epoch, control=control, state_saver=state_saver
            )
        batches = shuffled_batches(data.x_train, data.y_train, batch_size, seed, initial_epoch)
        steered = _ControlCallback(control, on_epoch, state_saver, batches)
        keras_fit(
            model,
            batches,
            epochs=epochs,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch(len(data.x_train), batch_size),
            validation_data=(np.asarray(data.x_val), np.asarray(data.y_val)) if validate else None,
            validation_batch_size=validation_batch_size,
            callbacks=[*callbacks, steered],
            shuffle=False,  # the batches are shuffled already
            verbose=verbose,
        )
        return TrainingResult(stopped=steered.stopped, note=f"trained by model.fit: {reason}")


def fixed_batch_size(model: keras.Model) -> int | None:
    """Returns how many samples a model's input fixes a batch at, or None."""
    inputs = getattr(model, "inputs", None) or ()
    return next((int(tensor.shape[0]) for tensor in inputs if tensor.shape[0] is not None), None)


@contextmanager
def _batch_errors_explained(model: keras.Model, data: Data) -> Iterator[None]:
    """Says of an error that a model of a fixed batch size raises what such a model needs."""
    try:
        yield
    except Exception as error:
        size = fixed_batch_size(model)
        if size is None:
            raise
        rows = {"training": len(data.x_train), "validation": len(data.x_val)}
        parts = " and ".join(f"{count} for {part}" for part, count in rows.items())
        raise MeasureError(
            f"The model takes batches of {size} samples: it needs batch_size={size}, and a "
            f"multiple of {size} rows in each part of the data. Received: {parts}."
        ) from error


def register_choices(values: Iterable[object]) -> None:
    """Says which activations candidates may choose among, so that nothing is traced twice."""
    # A compiled epoch offers what was met before it was traced; another is traced anew.
    if not on_tensorflow():
        return
    from nas_nb.evaluate.compiled.traced_values import SWITCHABLE, register_activations

    register_activations({value for value in values if isinstance(value, str)} & set(SWITCHABLE))


def steps_per_epoch(samples: int, batch_size: int) -> int:
    """Returns the batches of an epoch; the last one may be partial, as in `fit`."""
    return -(-samples // batch_size)


def shuffled_batches(
    x: npt.NDArray[np.generic],
    y: npt.NDArray[np.generic],
    batch_size: int,
    seed: int,
    initial_epoch: int = 0,
) -> Any:
    """Returns batches for `fit`: the permutation of an epoch is a function of (seed, epoch)."""
    if on_tensorflow():
        return _dataset(x, y, batch_size, seed, initial_epoch)
    return ShuffledBatches(x, y, batch_size, seed, initial_epoch)


class ShuffledBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of arrays, without TensorFlow."""

    def __init__(self, x: Any, y: Any, batch_size: int, seed: int, epoch: int) -> None:
        super().__init__()
        self._x, self._y = np.asarray(x), np.asarray(y)
        self._batch_size = batch_size
        self._seed = seed
        self.begin(epoch)

    def begin(self, epoch: int) -> None:
        """Draws the order of an epoch, from 0."""
        # Keras says when an epoch ends, but not which, and looks at some batches before the first.
        self._order = np.random.default_rng([self._seed, epoch]).permutation(len(self._x))

    def __len__(self) -> int:
        """Returns the batches of an epoch."""
        return steps_per_epoch(len(self._x), self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Returns one batch `(x, y)` of the epoch that was begun."""
        rows = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        return self._x[rows], self._y[rows]


def _dataset(x: Any, y: Any, batch_size: int, seed: int, initial_epoch: int) -> tf.data.Dataset:
    import tensorflow as tf

    samples, targets = tf.constant(x), tf.constant(y)
    order = tf.range(len(x))

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        key = tf.stack([tf.constant(seed, tf.int64), number])
        permuted = tf.random.experimental.stateless_shuffle(order, seed=key)
        return tf.data.Dataset.from_tensor_slices(permuted).batch(batch_size)

    def gather(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.gather(samples, rows), tf.gather(targets, rows)

    return tf.data.Dataset.counter(initial_epoch).flat_map(epoch).map(gather).prefetch(2)


def repeat_seed(seed: int, repeat: int) -> int:
    """Returns the seed of one of a trial's repeats, from 0; that of the first is the trial's."""
    return seed if repeat == 0 else trial_seed(seed, repeat)


def spread_name(objective: str) -> str:
    """Returns the name, in the logs, of the objective's standard deviation over the repeats."""
    return f"{objective}_spread"


class TrialModels:
    """The models that one trial trains: they take turns, an epoch each; logs are means."""

    def __init__(self, models: Sequence[keras.Model], seed: int, objective: str) -> None:
        self.models = tuple(models)
        self.latest_logs: list[Mapping[str, float]] = []  # of each model, from its latest epoch
        self._seed = seed
        self._objective = objective
        self.is_ended = False  # whether `end` was called since training began last

    def train(
        self,
        data: Data,
        *,
        epochs: int,
        initial_epoch: int,
        batch_size: int,
        on_epoch: OnEpoch,
        control: TrainingControl,
        state_saver: StateSaver,
    ) -> TrainingResult:
        """Trains as the function `train` does; see there for arguments and result."""
        self.is_ended = False
        if len(self.models) > 1:
            turns = _Turns(self, data, batch_size, control)
            return self._train_in_turns(turns, range(initial_epoch, epochs), on_epoch, state_saver)

        def keep_and_report(epoch: int, logs: Mapping[str, float], duration_s: float) -> None:
            self.latest_logs = [logs]
            on_epoch(epoch, logs, duration_s)

        return train(
            self.models[0],
            data,
            epochs=epochs,
            batch_size=batch_size,
            seed=self._seed,
            on_epoch=keep_and_report,
            control=control,
            initial_epoch=initial_epoch,
            state_saver=state_saver,
        )

    def end(self) -> None:
        """Lets the epoch that is being reported be the last."""
        self.is_ended = self.models[0].stop_training = True

    def capture(self) -> tuple[Arrays, ...]:
        """Returns the states of the models, to be written before the training goes on."""
        return tuple(values_of(model) for model in self.models)

    def restore(self, states: Sequence[Arrays], data: Data) -> None:
        """Puts the models into captured states; ValueError if those are another architecture's."""
        for model, state in zip(self.models, states, strict=True):
            restore(model, state, data.x_train)

    def leader(self, direction: str) -> keras.Model:
        """Returns the model that did best in the latest epoch; `direction` is "max" or "min"."""
        scores = [logs[self._objective] for logs in self.latest_logs]
        return self.models[scores.index(best_score(scores, direction))]

    def seed_of(self, repeat: int) -> int:
        """Returns the seed of the order of the samples of one model."""
        return repeat_seed(self._seed, repeat)

    def _train_in_turns(
        self, turns: _Turns, epochs: range, on_epoch: OnEpoch, state_saver: StateSaver
    ) -> TrainingResult:
        result = TrainingResult(stopped=False)
        for epoch in epochs:
            result, duration_s = turns.take(epoch)
            if result.stopped:
                break
            on_epoch(epoch + 1, self._means(), duration_s)
            if state_saver.is_due(epoch + 1):
                state_saver.save(epoch + 1)
            if self.is_ended:
                break
        return result

    def _means(self) -> dict[str, float]:
        means = {
            name: fmean(logs[name] for logs in self.latest_logs) for name in self.latest_logs[0]
        }
        if self._objective in means:
            spread = stdev(logs[self._objective] for logs in self.latest_logs)
            means[spread_name(self._objective)] = spread
        return means


class _Turns:
    """Trains the models of a trial one after the other, an epoch each."""

    def __init__(
        self, trial: TrialModels, data: Data, batch_size: int, control: TrainingControl
    ) -> None:
        self.trial = trial
        self.data = data
        self.batch_size = batch_size
        self.control = control
        self.held: list[list[Any]] = [[] for _ in trial.models]

    def take(self, epoch: int) -> tuple[TrainingResult, float]:
        """Trains all for one epoch, from 0; returns how the last ended, and the seconds of all."""
        total_s = 0.0
        self.trial.latest_logs = []
        result = TrainingResult(stopped=False)

        def on_epoch(epoch: int, logs: Mapping[str, float], duration_s: float) -> None:
            nonlocal total_s
            total_s += duration_s
            self.trial.latest_logs.append(logs)

        for repeat, model in enumerate(self.trial.models):
            unfinished = _Unfinished(model)
            result = train(
                model,
                self.data,
                epochs=epoch + 1,
                batch_size=self.batch_size,
                seed=self.trial.seed_of(repeat),
                on_epoch=on_epoch,
                control=self.control,
                initial_epoch=epoch,
                state_saver=unfinished,
                held=self.held[repeat],
            )
            if result.stopped:
                break
            unfinished.undo(self.data)
        return result, total_s


class _Unfinished:
    """Undoes what the end of a turn does to averaged weights (`use_ema`): the training goes on."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.state: Arrays | None = None

    def is_due(self, epoch: int) -> bool:
        return bool(getattr(self.model.optimizer, "use_ema", False))

    def save(self, epoch: int) -> None:
        self.state = capture(self.model)

    def undo(self, data: Data) -> None:
        if self.state is not None:
            restore(self.model, self.state, data.x_train)


Sizes = tuple[int | None, ...]
_SHAPE = re.compile(r"[\[(]((?:\d+|None)(?:, ?(?:\d+|None))*),?[\])]")


@contextmanager
def loss_errors_explained(model: keras.Model, y: Any) -> Iterator[None]:
    """Raises what `explain_loss_error` says of an error, in its place, as a `MeasureError`."""
    try:
        yield
    except Exception as error:
        told = explain_loss_error(error, model, y)
        if told is None:
            raise
        raise MeasureError(told) from error


def explain_loss_error(error: BaseException, model: keras.Model, y: Any) -> str | None:
    """Says in one sentence how loss, outputs and labels don't fit; None if that can't be told."""
    outputs, name = getattr(model, "outputs", None), _name(getattr(model, "loss", None))
    if not outputs or len(outputs) != 1 or name is None or not hasattr(y, "shape"):
        return None
    labels, made = np.asarray(y), tuple(outputs[0].shape[1:])
    said = str(error)
    if "label value" in said and "outside the valid range" in said:
        return _of_classes(labels, made)
    if not _names_both(said, tuple(labels.shape[1:]), made):
        return None
    sentence = (
        f"The loss '{name}' compares outputs of shape {_text(made)} with labels of shape "
        f"{_text(labels.shape[1:])}"
    )
    return f"{sentence}: {_hint(name, labels, made)}."


def _name(loss: Any) -> str | None:
    if loss is None or isinstance(loss, str):
        return loss
    return getattr(loss, "name", None) or getattr(loss, "__name__", None)


def _of_classes(labels: npt.NDArray[Any], made: Sizes) -> str | None:
    lowest, highest, units = int(labels.min()), int(labels.max()), made[-1] if made else None
    if lowest < 0:
        return f"The labels begin at {lowest}: the loss takes whole numbers from 0."
    if units is None or highest < units:
        return None
    outputs = "1 output" if units == 1 else f"{units} outputs"
    return (
        f"The labels go up to {highest}, and the model has {outputs}: the last layer needs "
        f"{highest + 1} units."
    )


def _names_both(said: str, labels: Sizes, made: Sizes) -> bool:
    """Whether an error names a batch of outputs and a batch of labels."""
    found = [_sizes(shape) for shape in _SHAPE.findall(said)]
    return labels != made and any(
        _alike(one[0], other[0])
        and (
            (_same(one[1:], labels) and _same(other[1:], made))
            or (_same(one[1:], made) and _same(other[1:], labels))
        )
        for one, other in pairwise(found)
    )


def _sizes(text: str) -> Sizes:
    return tuple(None if size == "None" else int(size) for size in re.split(", ?", text))


def _same(one: Sizes, other: Sizes) -> bool:
    return len(one) == len(other) and all(map(_alike, one, other))


def _alike(one: int | None, other: int | None) -> bool:
    return one is None or other is None or one == other


def _text(sizes: Any) -> str:
    inside = ", ".join(["samples", *map(str, sizes)])
    return f"({inside})" if sizes else f"({inside},)"


def _hint(name: str, labels: npt.NDArray[Any], made: Sizes) -> str:
    if labels.ndim > 1 or not made:
        return "give the last layer the shape of a label"
    if len(made) > 1:
        return "flatten before the last layer"
    classes = labels.dtype.kind in "iub" and made[0] is not None and labels.max() < made[0]
    if classes and not name.startswith("sparse"):
        return "for whole-number labels take 'sparse_categorical_crossentropy'"
    return "give the last layer 1 unit"
