"""Samples as a user has them into a model's numbers, and its outputs into names of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from nas_nb.data.preprocessing import (
    Standardization,
    Table,
    Vocabulary,
    check_no_gaps,
    check_texts,
    frame_columns,
)
from nas_nb.data.readers import plain_array
from nas_nb.data.task import Task
from nas_nb.errors import DataError

if TYPE_CHECKING:
    import keras

    from nas_nb.data.dataset import Data
    from nas_nb.data.task import Array


def model_input(x: Any, data: Data) -> Array:
    """Returns samples as the numbers that a model of the data takes, (samples, ...).

    Args:
        x: Such numbers; or a data frame, columns by name, or texts as `data` was made of.
        data: What the model was trained on.

    Raises:
        DataError: They are no samples of this data, or hold NaN.
    """
    named = hasattr(x, "columns") or isinstance(x, dict)
    if isinstance(data.raw, Table) and named:
        numbers = data.raw.numbers(x)
    elif isinstance(data.raw, Vocabulary) and _are_texts(x):
        numbers = data.raw.tokens(check_texts(np.ravel(np.asarray(x, object)).tolist()))
    else:
        numbers = plain_array("x", x.to_numpy() if hasattr(x, "to_numpy") else x)
        if isinstance(data.raw, Standardization) and named and numbers.dtype.kind in "biuf":
            numbers = data.raw.numbers(numbers)
    wanted = data.spec.input_shape
    if numbers.dtype.kind not in "biuf" or numbers.shape[1:] != wanted or not len(numbers):
        raise DataError(
            f"Expected samples of shape (samples, {', '.join(map(str, wanted))}){_or_raw(data)}. "
            f"Received: {type(x).__name__} of shape {numbers.shape}."
        )
    if not np.isfinite(numbers).all():
        if named:
            check_no_gaps(frame_columns(x))  # which names the columns
        raise DataError(
            "Expected finite numbers in x. Received: NaN or infinite ones. Fill them in."
        )
    return numbers.astype("float32") if numbers.dtype.kind == "f" else numbers


def _are_texts(x: Any) -> bool:
    return isinstance(x, str) or np.asarray(x).dtype.kind in "OU"


def _or_raw(data: Data) -> str:
    if isinstance(data.raw, Vocabulary):
        return ", or texts"
    return ", or a data frame with the columns of the data" if isinstance(data.raw, Table) else ""


def in_own_units(outputs: Array, x: Any, data: Data) -> Array:
    """Returns predicted quantities in the units of the data frame that was given, if one was."""
    if isinstance(data.raw, Standardization) and hasattr(x, "columns"):
        return data.raw.quantities(outputs)
    return outputs


def class_names(outputs: Array, data: Data, model: keras.Model) -> Any:
    """Returns the names of the classes that a model's outputs stand for.

    Args:
        outputs: (samples, outputs) probabilities, or logits where the model's loss takes these.
        data: What the model was trained on.
        model: Says by its loss whether the outputs are logits.

    Returns:
        (samples,) names; a list of tuples of names where a sample has several labels.
    """
    names = np.array(data.classes)
    limit = 0.0 if getattr(model.loss, "from_logits", False) else 0.5
    if data.task == Task.MULTILABEL:
        return [tuple(names[row > limit].tolist()) for row in outputs]
    if outputs.shape[-1] == 1:
        return names[(outputs[:, 0] > limit).astype(int)]
    return cast("Array", names[outputs.argmax(axis=-1)])
