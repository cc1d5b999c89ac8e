"""What labels ask of a model; their encoding; stratified splits."""

from __future__ import annotations

import math
from enum import StrEnum
from importlib import import_module
from typing import Any

import numpy as np

from nas_nb.data.preprocessing import Array, judge_text
from nas_nb.errors import DataError, nearest, tell

MAX_CLASSES = 20
"""Whole numbers of more kinds than this are taken for quantities, not for classes."""


class Task(StrEnum):
    """What the labels ask of a model."""

    BINARY = "binary"
    """One of two classes: y is (samples,) of 0 and 1; the model has 1 sigmoid output."""
    MULTICLASS = "multiclass"
    """One of several classes: y is (samples,) of class numbers; softmax, 1 output a class."""
    MULTILABEL = "multilabel"
    """Any of several labels: y is (samples, labels) of 0 and 1; 1 sigmoid output a label."""
    REGRESSION = "regression"
    """Quantities: y is (samples,) or (samples, quantities) of floats; linear outputs."""
    FORECASTING = "forecasting"
    """What comes next in a series: y is (samples, steps) of floats; linear outputs."""

    @property
    def has_one_class(self) -> bool:
        """Whether each sample belongs to exactly one class."""
        return self in (Task.BINARY, Task.MULTICLASS)

    @property
    def has_quantities(self) -> bool:
        """Whether the labels are numbers to come close to, not classes to hit."""
        return self in (Task.REGRESSION, Task.FORECASTING)


def to_task(name: Task | str) -> Task:
    """Returns the task of that name."""
    known = [str(task) for task in Task]
    if not isinstance(name, str) or name not in known:
        raise DataError(
            f"Expected a task: {', '.join(known)}. Received: {name!r}.{nearest(str(name), known)}"
        )
    return Task(name)


def detect_task(y: Array) -> Task:
    """Returns the task that labels read as, (samples,) or (samples, k)."""
    # Names, and whole numbers of up to 20 kinds, are classes; rows of 0 and 1 are one-hot classes
    # where each has a single 1, else labels; the rest are quantities.
    if y.ndim == 2:
        if not np.isin(y, (0, 1)).all():
            return Task.REGRESSION
        return Task.MULTICLASS if (y.sum(axis=1) == 1).all() else Task.MULTILABEL
    kinds = np.unique(y)
    if y.dtype.kind in "iuf" and (len(kinds) > MAX_CLASSES or (np.mod(kinds, 1) != 0).any()):
        return Task.REGRESSION
    return Task.BINARY if len(kinds) == 2 else Task.MULTICLASS


def read_task(y: Array, task: Task | str | None) -> Task:
    """Returns the task that is given, or that labels read as; tells where it may be another one."""
    if task is not None:
        return to_task(task)
    if not y.size:
        raise DataError("Expected a label for each sample in y. Received: none.")
    found = detect_task(y)
    if y.ndim == 1 and y.dtype.kind == "U":
        instead = "say that they are names of classes by task='multiclass'"
        read = "each is a class"
        judge_text("y", "y", y.tolist(), most=MAX_CLASSES, instead=instead, read=read)
    if y.ndim == 2 and found == Task.REGRESSION and y.min() >= 0 and np.allclose(y.sum(axis=1), 1):
        read = f"read as {y.shape[1]} quantities"
        tell(f"The rows of y are shares that sum to 1, {read}. Classes are y.argmax(axis=1).")
    if y.ndim == 1 and y.dtype.kind in "iuf" and found != Task.BINARY:
        kinds = np.unique(y)
        counted = kinds[0] in (0, 1) and kinds[-1] - kinds[0] == len(kinds) - 1
        numbers = f"y holds {len(kinds)} different whole numbers ({kinds[0]:g} ... {kinds[-1]:g})"
        if found == Task.MULTICLASS and not counted:
            tell(f"{numbers}, read as classes. Quantities are read with task='regression'.")
        elif found == Task.REGRESSION and counted and 2 * len(kinds) <= len(y):
            tell(f"{numbers}, read as quantities. Classes are read with task='multiclass'.")
    return found


def check_measures(task: Task, loss: Any, metrics: Any) -> tuple[Any, ...]:
    """Returns the metrics as a tuple, if Keras knows them and the loss."""
    listed = (metrics,) if isinstance(metrics, str) or callable(metrics) else metrics
    if not isinstance(listed, tuple | list):
        raise DataError(
            f"Expected metrics as a tuple of names, e.g. ('f1_score',). Received: "
            f"metrics={metrics!r}."
        )
    if task.has_quantities and any(isinstance(m, str) and m.startswith("f1") for m in listed):
        raise DataError(
            f"Expected metrics of distances for {task}, such as 'mae'. Received: metrics={metrics}."
        )
    asked = [("metric", one) for one in listed]
    asked += [] if loss is None else [("loss", loss)]
    for what, one in asked:
        if not (callable(one) or (one in _OWN_METRICS and what == "metric")):
            _check_of_keras(what, one)
    return tuple(listed)


_OWN_METRICS = ("f1", "f1_score", "accuracy", "acc")


def _check_of_keras(what: str, given: Any) -> None:
    # Keras takes seconds to load, and is needed for this alone.
    module = import_module("keras.losses" if what == "loss" else "keras.metrics")
    try:
        found = module.get(given) if isinstance(given, str) else None
    except ValueError:
        found = None
    if not callable(found):
        names = [each for each in dir(module) if not each.startswith("_")]
        raise DataError(
            f"Expected Keras's name of a {what}. Received: {given!r}.{nearest(str(given), names)}"
        )


def encode_labels(y: Array, task: Task) -> tuple[Array, tuple[str, ...]]:
    """Returns labels, int32 classes in sorted order or float32, and the names of the classes."""
    if y.ndim not in (1, 2):
        raise DataError(f"Expected y of shape (samples,) or (samples, k). Received: {y.shape}.")
    if task.has_quantities:
        if y.dtype.kind not in "biuf":
            raise DataError(
                f"Expected numbers in y for {task}. Received: dtype {y.dtype}. "
                "Convert them, or give task='multiclass' if they are names."
            )
        return y.astype(np.float32), ()
    if task == Task.MULTILABEL:
        if y.ndim != 2 or not np.isin(y, (0, 1)).all():
            raise DataError(
                "Expected (samples, labels) of 0 and 1 in y for multilabel. "
                f"Received: shape {y.shape}, dtype {y.dtype}."
            )
        return y.astype(np.float32), tuple(map(str, range(y.shape[1])))
    return _encode_classes(y, task)


def _encode_classes(y: Array, task: Task) -> tuple[Array, tuple[str, ...]]:
    if y.ndim == 2:
        if not (np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all()):
            raise DataError(
                f"Expected one class a sample in y for {task}: (samples,) or one-hot rows. "
                f"Received: shape {y.shape} with rows that don't have a single 1. "
                "Use task='multilabel' if a sample may have several labels."
            )
        return y.argmax(axis=1).astype(np.int32), tuple(map(str, range(y.shape[1])))
    kinds, numbers = np.unique(y, return_inverse=True)
    if len(kinds) < 2 or (task == Task.BINARY and len(kinds) != 2):
        raise DataError(
            f"Expected {'2' if task == Task.BINARY else 'at least 2'} classes in y for {task}. "
            f"Received: {len(kinds)}."
        )
    return numbers.astype(np.int32), tuple(_name(kind) for kind in kinds.tolist())


def class_values(y: Array, task: Task) -> Array | None:
    """Returns the classes as they came, by number: numbers or truth values; None for names."""
    if not task.has_one_class or y.dtype.kind not in "biuf":
        return None
    return np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)


def _name(kind: object) -> str:
    return str(int(kind)) if isinstance(kind, float) and kind.is_integer() else str(kind)


def check_labels(where: str, y: Array, task: Task, classes: tuple[str, ...]) -> None:
    """Raises DataError unless the labels are written as the task says."""
    if task.has_quantities:
        expected = "floats of shape (samples,) or (samples, quantities), and no `classes`,"
        fits = y.ndim in (1, 2) and y.dtype.kind in "biuf" and not classes
    elif task == Task.MULTILABEL:
        expected = f"0 and 1 of shape (samples, {len(classes)})"
        fits = y.ndim == 2 and y.shape[1] == len(classes) and bool(np.isin(y, (0, 1)).all())
    else:
        expected = f"class numbers 0 to {len(classes) - 1} of shape (samples,)"
        fits = y.ndim == 1 and bool(np.isin(y, range(len(classes))).all())
    if not fits:
        raise DataError(
            f"Expected {expected} in {where} for {task} with {len(classes)} classes. "
            f"Received: shape {y.shape}, kinds {np.unique(y)[-5:].tolist()} among others. "
            "Data.from_arrays(x, y) writes labels as numbers and splits them."
        )


def stratified_split(
    rows: int, strata: Array | None, validation: float, test: float, seed: int
) -> tuple[Array, Array, Array]:
    """Returns the row numbers of training, validation and test, each class in its share."""
    # Shuffled rows are ordered by their rank within their class, so that each stretch of that order
    # holds every class in its share: also the first rows of each part, whatever their number.
    fair = 0 < validation < 1 and 0 < test < 1
    counts = [math.ceil(rows * share) for share in (test, validation)] if fair else []
    if not fair or sum(counts) >= rows:
        raise DataError(
            f"Expected shares between 0 and 1 that leave training rows of {rows} rows. "
            f"Received: validation={validation}, test={test}."
        )
    order = np.random.default_rng(seed).permutation(rows)
    if strata is not None:
        order = order[np.argsort(_quantiles(strata[order]), kind="stable")]
    held_out, compared, trained = np.split(order, np.cumsum(counts))
    return trained, compared, held_out


def _quantiles(classes: Array) -> Array:
    """Returns the rank of each row within its class, in place of its order, from 0 to 1."""
    result = np.empty(len(classes))
    for one in np.unique(classes):
        members = np.flatnonzero(classes == one)
        result[members] = (np.arange(len(members)) + 0.5) / len(members)
    return result
