"""What a training is told and tells; its state, and the file of its weights; the score's error."""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import keras
import numpy as np
import numpy.typing as npt

from nas_nb.data.task import Task
from nas_nb.evaluate.backend import optimizer_variables, read_variable
from nas_nb.export.raw_input import model_outputs
from nas_nb.private_imports import global_state, naming

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
    return [np.array(value) for value in values_of(model)]


def values_of(model: keras.Model) -> Arrays:
    """Returns the same without a copy: what is read of it before the training goes on is right."""
    return [read_variable(variable) for variable in _variables(model)]


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


class WeightsFile(io.BytesIO):
    """A file of weights in memory, by a name that Keras takes for one."""

    def __str__(self) -> str:
        return "memory.weights.h5"


def weights_file(model: keras.Model) -> io.BytesIO:
    """Returns a model's weights file in memory."""
    file = WeightsFile()  # not on the disk: HDF5 ends the process when the disk is full
    _keep_skipped_attributes()
    model.save_weights(file)
    return file


def _keep_skipped_attributes() -> None:
    """Lets Keras find which attributes of a layer it need not save, once they are known."""
    # Keras 3.15 keeps them under one name and looks for them under another, so that it builds an
    # object to find them for every layer of every save: half of what a save costs.
    for kind in ("Layer", "Functional", "Sequential"):
        known = global_state.get_global_attribute(f"saving_attr_skipset_{kind}")
        global_state.set_global_attribute(f"saving_attr_skiplist_{kind}", known)


def plain_file(model: keras.Model, weights: Sequence[npt.NDArray[Any]]) -> io.BytesIO | None:
    """Returns a model's weights file with these weights; None if only Keras can write it."""
    # Half of what `save_weights` takes is a search of all attributes for what else has a state.
    # Where every weight is one of its layer's own, the file is known without it.
    import h5py

    arrays = {id(v): array for v, array in zip(model.weights, weights, strict=True)}
    held = keras.tree.flatten([v for name, v in vars(model).items() if name[0] != "_"])
    if not type(model).__module__.startswith("keras.") or len(arrays) != len(model.variables):
        return None
    if any(isinstance(item, keras.layers.Layer) for item in held):  # on the model as an attribute
        return None
    stores: list[dict[str, Any]] = [{} for _ in model.layers]
    for layer, store in zip(model.layers, stores, strict=True):
        layer.save_own_variables(store)
    stored = [arrays.get(id(v)) for store in stores for v in store.values()]
    if len(stored) != len(arrays) or any(a is None or a.dtype.kind == "V" for a in stored):
        return None
    file, named = io.BytesIO(), Counter[str]()
    with h5py.File(file, "w") as opened:
        opened.create_group("vars").attrs["name"] = model.name
        for layer, store in zip(model.layers, stores, strict=True):
            kind = naming.to_snake_case(type(layer).__name__)
            name = f"{kind}_{named[kind]}" if named[kind] else kind
            named[kind] += 1
            group = opened.create_group(f"layers/{name}/vars")
            group.attrs["name"] = layer.name
            for key, variable in store.items():
                group[key] = arrays[id(variable)]
    return file


@contextmanager
def without_optimizer(model: keras.Model) -> Iterator[None]:
    """Takes the optimizer from a model in the block: Keras saves and loads what it finds there."""
    optimizer, model.optimizer = model.optimizer, None
    try:
        yield
    finally:
        model.optimizer = optimizer


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
