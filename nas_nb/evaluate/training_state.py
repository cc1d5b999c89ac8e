"""What a training is told and tells: control, epochs, result, error of the score; its state."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import keras
import numpy as np
import numpy.typing as npt

from nas_nb.data.task import Task
from nas_nb.evaluate.backend import optimizer_variables, read_variable
from nas_nb.export.raw_input import model_outputs

if TYPE_CHECKING:
    from nas_nb.data.dataset import Data

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


def copied_weights(model: keras.Model) -> Arrays:
    """Returns `model.get_weights()` in a quarter of the time."""
    return [np.array(read_variable(variable)) for variable in model.weights]


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
    copied = np.array(read_variable(variable))
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


MOST_ROWS = 1000
"""How far the rows differ is measured on so many of them, evenly spread."""
_FEWEST_ROWS = 4
_ROOTED = ("rmse", "root_mean_squared_error")


def row_loss(model: keras.Model, objective: str) -> Callable[[Any, Any], Any] | None:
    """Returns the function of labels and outputs whose mean over rows is the objective, or None."""
    name = objective.removeprefix("val_")
    given: Any = model.loss if name == "loss" else "mse" if name in _ROOTED else name
    if name == objective:
        return None
    loss = _loss_named(given) if isinstance(given, str) else given
    call: Any = loss.call if isinstance(loss, keras.losses.Loss) else loss
    return call if callable(call) else None


@lru_cache
def _loss_named(name: str) -> Any:
    """Returns Keras's loss of a name; None where it has none, as for "f1_score"."""
    try:
        return keras.losses.get(name)
    except ValueError:
        return None


def row_error(model: keras.Model, data: Data, objective: str) -> float | None:
    """Returns the standard error of a model's score over the validation rows; None if unknown.

    It is the bootstrap's over rows, which for a mean needs no resampling: the deviation of the
    rows over the root of their number (Efron & Tibshirani, An Introduction to the Bootstrap, 1993,
    chapter 6). Windows of a series overlap, so blocks of them stand for rows (Carlstein, Annals of
    Statistics 14, 1986). The error of a root of a mean follows by its slope.
    """
    loss = row_loss(model, objective)
    if loss is None:
        return None
    x, y = data.part("val")
    step = -(-len(y) // MOST_ROWS)
    labels = y[::step]
    try:
        outputs = model_outputs(model, x[::step])
        if labels.ndim < outputs.ndim and outputs.shape[-1] == 1:
            labels = labels[..., None]
        losses = np.asarray(keras.ops.convert_to_numpy(loss(labels, outputs)), dtype=float)
        rows = losses.reshape(len(labels), -1).mean(1)
    except Exception:  # noqa: BLE001 - code of the user's may take batches alone: it costs no trial
        return None
    if len(rows) < _FEWEST_ROWS:
        return None
    error = float(rows.std()) / math.sqrt(len(y))
    if data.task is Task.FORECASTING:
        blocks = np.array_split(rows, round(math.sqrt(len(rows))))
        means = [block.mean() for block in blocks]
        error = float(np.std(means, ddof=1)) / math.sqrt(len(blocks))
    if objective.removeprefix("val_") in _ROOTED:
        error /= 2 * math.sqrt(rows.mean()) or 1.0
    return error if math.isfinite(error) else None
