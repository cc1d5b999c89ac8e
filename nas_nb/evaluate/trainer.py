"""The trainer: trains one candidate for the epochs that it was granted, under control."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import keras
import numpy as np

from nas_nb.evaluate.backend import on_tensorflow
from nas_nb.evaluate.batches import ShuffledBatches, shuffled_batches, steps_per_epoch
from nas_nb.evaluate.fit import keras_fit
from nas_nb.evaluate.fit_path import fit_reason
from nas_nb.evaluate.misfit import misfits_told

if TYPE_CHECKING:
    from nas_nb.data import Data
    from nas_nb.evaluate.engine.training import Schedule
    from nas_nb.evaluate.state import Keeper

OnEpoch = Callable[[int, Mapping[str, float], float], None]

VALIDATION_BATCH_SIZE = 256


class Control(Protocol):
    """What the trainer asks between two batches."""

    def checkpoint(self) -> bool:
        """Blocks while the search is paused; returns True when training has to end now."""


@dataclass(frozen=True)
class TrainingResult:
    """How a training ended.

    Attributes:
        stopped: Whether it was ended by the control before its last epoch was complete.
        note: Why a slower path was taken, or None.
    """

    stopped: bool
    note: str | None = None


class _Steered(keras.callbacks.Callback):  # type: ignore[misc]
    """Reports every epoch, and lets the control pause or end the training at every batch."""

    def __init__(
        self, control: Control, on_epoch: OnEpoch, keeper: Keeper | None, batches: Any
    ) -> None:
        super().__init__()
        self.batches = batches
        self.control = control
        self.keeper = keeper
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
        if self.keeper is not None and self.keeper.is_due(epoch + 1):
            self.keeper.keep(epoch + 1)


def train(
    model: keras.Model,
    data: Data,
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    on_epoch: OnEpoch,
    control: Control,
    initial_epoch: int = 0,
    keeper: Keeper | None = None,
    held: list[Any] | None = None,
) -> TrainingResult:
    """Trains a compiled model and reports every epoch.

    Whole epochs run inside one compiled function that candidates of the same topology share; what
    that can't honour is trained by `model.fit`, in the same order of samples.

    Args:
        model: A compiled Keras model for `data`.
        data: The data; the training part is shuffled anew in every epoch, by `seed`.
        epochs: The last epoch's number: epochs in all, those before `initial_epoch` included.
        batch_size: Samples a batch, 1 or more; the last batch of an epoch may be smaller.
        seed: Decides the order of the samples.
        on_epoch: Called after every complete epoch with its number (from 1), its logs (names as
            in `fit`: `loss`, `accuracy`, `val_loss` ...) and its duration in seconds. The model
            has its weights of that moment; its optimizer's state is there when training ends. If
            it sets `model.stop_training`, no further epoch is trained.
        control: Asked at least every half second, or after every batch where one takes longer.
        initial_epoch: Epochs that the model has been trained for already, so that the order of
            the samples goes on where it was.
        keeper: Keeps the state after an epoch, if it is due after the report.
        held: An empty list at the first of several calls that make up one training, and the same
            list at the others: so nothing is compiled twice.

    Returns:
        How the training ended.

    Raises:
        MeasureError: The loss doesn't fit the labels or the outputs.
    """
    with misfits_told(model, data.y_train):
        reason = fit_reason(model, (data.x_train, data.y_train, data.x_val, data.y_val))
        if reason is None:
            schedule = _schedule(data, epochs, batch_size, seed, initial_epoch)
            return _train_compiled(model, replace(schedule, held=held), on_epoch, control, keeper)
        batches = shuffled_batches(data.x_train, data.y_train, batch_size, seed, initial_epoch)
        steered = _Steered(control, on_epoch, keeper, batches)
        keras_fit(
            model,
            batches,
            epochs=epochs,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch(len(data.x_train), batch_size),
            validation_data=(np.asarray(data.x_val), np.asarray(data.y_val)),
            validation_batch_size=VALIDATION_BATCH_SIZE,
            callbacks=[steered],
            shuffle=False,  # the batches are shuffled already
            verbose=0,
        )
        return TrainingResult(stopped=steered.stopped, note=f"trained by model.fit: {reason}")


def expect(values: Iterable[object]) -> None:
    """Says what candidates may choose among, so that nothing is compiled twice.

    A compiled epoch offers the activations that were met before it was traced; a candidate with
    another one has it traced anew. Whoever knows a space says here what will come.

    Args:
        values: Values of a space; those that are names of activations count.
    """
    if not on_tensorflow():
        return
    from nas_nb.evaluate.engine.activations import CHOICES, meet

    meet({value for value in values if isinstance(value, str)} & set(CHOICES))


# Imported inside these because the engine is TensorFlow's, and Keras may run on another.


def _schedule(data: Data, epochs: int, batch_size: int, seed: int, initial_epoch: int) -> Schedule:
    from nas_nb.evaluate.engine.device import resident
    from nas_nb.evaluate.engine.training import Schedule

    training, validation = resident(data)
    return Schedule(
        training, validation, epochs, batch_size, VALIDATION_BATCH_SIZE, seed, initial_epoch
    )


def _train_compiled(
    model: keras.Model,
    schedule: Schedule,
    on_epoch: OnEpoch,
    control: Control,
    keeper: Keeper | None,
) -> TrainingResult:
    from nas_nb.evaluate.engine.training import train_compiled

    outcome = train_compiled(model, schedule, on_epoch=on_epoch, control=control, keeper=keeper)
    return TrainingResult(stopped=outcome.stopped, note=outcome.note)
