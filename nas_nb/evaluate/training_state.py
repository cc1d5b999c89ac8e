"""What a training is told and tells: control, epochs, result; its state, captured and restored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt

from nas_nb.evaluate.backend import on_tensorflow, optimizer_variables

Arrays = list[npt.NDArray[Any]]


@dataclass(frozen=True)
class TrainingState:
    """A training as it is after one of its epochs."""

    epoch: int  # how many were trained
    models: tuple[Arrays, ...]  # as `capture` returns them
    best_epoch: int = 0  # from 1
    best: Arrays | None = None  # its weights, if kept


class StateSaver(Protocol):
    """Saves states while a training runs."""

    def is_due(self, epoch: int) -> bool:
        """Whether the state after this epoch (from 1) is to be saved."""

    def save(self, epoch: int) -> None:
        """Saves it. Models have their weights and their optimizers' state of that moment."""


def capture(model: keras.Model) -> Arrays:
    """Returns copies of all that training changes; `save_weights` leaves out dropout's seeds."""
    return [_copied(variable) for variable in _variables(model)]


def build(model: keras.Model, x: Any) -> None:
    """Makes the variables that a compiled model, and its optimizer, lack; `x` has its samples."""
    if not model.built:
        model(np.asarray(x[:1]))
    if not model.optimizer.built:
        with keras.name_scope(model.optimizer.name):
            model.optimizer.build(model.trainable_variables)


def restore(model: keras.Model, arrays: Sequence[npt.NDArray[Any]], x: Any) -> None:
    """Puts a model into the state that `capture` took; ValueError if it is another's."""
    build(model, x)
    variables = _variables(model)
    if [tuple(v.shape) for v in variables] != [array.shape for array in arrays]:
        raise ValueError("The state is that of another architecture.")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *optimizer_variables(model)]


def _copied(variable: Any) -> npt.NDArray[Any]:
    value = variable.value
    copied = np.array(value.numpy() if on_tensorflow() else keras.ops.convert_to_numpy(value))
    # Files know NumPy's own types only; from float32 the small floats come back as they were.
    return copied.astype("float32") if copied.dtype.kind == "V" else copied


OnEpoch = Callable[[int, Mapping[str, float], float], None]


def has_hook(callback: keras.callbacks.Callback, name: str) -> bool:
    """Whether a callback does something at an event, by its class or by a function set on it."""
    hook = getattr(callback, name)
    return getattr(hook, "__func__", hook) is not getattr(keras.callbacks.Callback, name)


class TrainingControl(Protocol):
    """What the trainer asks between two batches."""

    def checkpoint(self) -> bool:
        """Blocks while the search is paused; returns True when training has to end now."""


@dataclass(frozen=True)
class TrainingResult:
    """How a training ended."""

    stopped: bool  # by the control, before its last epoch was complete
    note: str | None = None  # why a slower path was taken
