"""A loss that doesn't fit the labels or the outputs, told by shapes and not by a graph's nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.errors import MeasureError

if TYPE_CHECKING:
    import keras
    import numpy.typing as npt

_SHAPE = re.compile(r"[\[(]((?:\d+|None)(?:, ?(?:\d+|None))*),?[\])]")
Sizes = tuple[int | None, ...]


@contextmanager
def misfits_told(model: keras.Model, y: Any) -> Iterator[None]:
    """Raises what `misfit` says of an error, in its place, as a `MeasureError`."""
    try:
        yield
    except Exception as error:
        told = misfit(error, model, y)
        if told is None:
            raise
        raise MeasureError(told) from error


def misfit(error: BaseException, model: keras.Model, y: Any) -> str | None:
    """Says in one sentence how the loss, the outputs and the labels of a model don't fit.

    Args:
        error: What training or the loss raised.
        model: A compiled model.
        y: The labels, as `fit` takes them: `(samples, ...)`.

    Returns:
        The sentence, with what to change where it is known. None if the error doesn't name the two
        shapes, or a label, so that it may come from elsewhere; and for more outputs than one.
    """
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
