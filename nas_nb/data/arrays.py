"""What users have, as arrays of numbers and texts, and what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.errors import DataError

if TYPE_CHECKING:
    from nas_nb.data.task import Array


def label_array(y: Any) -> Array:
    """Returns labels as an array: (samples,) where there is one a sample.

    Raises:
        DataError: They are no numbers or texts.
    """
    labels = plain_array("y", y)
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels


def plain_array(name: str, given: Any) -> Array:
    """Returns what NumPy reads in the argument; objects become numbers or text.

    Args:
        name: What it is called, for messages.
        given: An array, a list, a series.

    Raises:
        DataError: Its rows differ in length, or it holds something else.
    """
    try:
        array = np.asarray(given)
        if array.dtype == object:
            array = np.array(array.tolist())
    except ValueError as error:
        raise DataError(
            f"Expected rows of the same length in {name}. Received: {error}."
        ) from error
    if array.dtype.kind not in "biufU":
        raise DataError(
            f"Expected numbers or text in {name}, without gaps. "
            f"Received: {type(given).__name__} of dtype {array.dtype}. "
            "Fill in or drop what is missing, and make dense what is sparse."
        )
    return array


def decoded(array: Array) -> Array:
    """Returns an array with TensorFlow's bytes as text."""
    if array.dtype.kind not in "OS":
        return array
    texts = [each.decode(errors="replace") if isinstance(each, bytes) else each for each in array]
    return np.array(texts)


def check_rows(x: Array, y: Array, part: str = "") -> None:
    """Checks that x holds finite numbers, and y a finite label for each row of it.

    Args:
        x: (samples, ...)
        y: (samples, ...)
        part: What follows x and y in their names, e.g. "_val".

    Raises:
        DataError: They don't.
    """
    for name, array in ((f"x{part}", x), (f"y{part}", y)):
        if not isinstance(array, np.ndarray):
            raise DataError(
                f"Expected a NumPy array for {name}. Received: {type(array).__name__}. "
                "Data.from_arrays(x, y) converts what NumPy can read."
            )
        if array.size == 0:
            raise DataError(f"Expected rows in {name}. Received: an array of shape {array.shape}.")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DataError(
                f"Expected finite numbers in {name}. Received: {np.sum(~np.isfinite(array)):,} "
                "that are NaN or infinite. Fill them in or drop those rows."
            )
    if x.dtype.kind not in "biuf":
        raise DataError(
            f"Expected numbers in x{part}. Received: dtype {x.dtype}. Turn text into numbers first."
        )
    if x.ndim < 2 or len(x) != len(y):
        raise DataError(
            f"Expected x{part} of shape (samples, ...) and one row of y{part} for each sample. "
            f"Received: x{part} of shape {x.shape}, y{part} of shape {y.shape}."
        )
