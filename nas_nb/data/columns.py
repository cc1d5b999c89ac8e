"""Columns and labels judged by their values: numbers, categories, gaps, and what is neither."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.errors import DataError

if TYPE_CHECKING:
    from nas_nb.data.task import Array

MOST_CATEGORIES = 32
"""A column keeps so many of its most frequent categories; the rest are one: "other"."""

_TIMES = ("date", "datetime", "time", "timedelta", "Timestamp", "Timedelta", "Period")
_NESTED = (list, tuple, dict, set, frozenset, np.ndarray)
_NUMBERS = (Real, Decimal, Fraction)
_GREATEST = float(np.finfo(np.float32).max)
_MISSING_AS_TEXT = ("nan", "NaN", "<NA>", "NaT")


def is_missing(value: object) -> bool:
    """Whether a value is None, NaN, NaT or pandas's NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and math.isnan(value)


def frame_columns(frame: Any) -> dict[str, Array]:
    """Returns columns by name: numbers with NaN for gaps, or categories with None for gaps."""
    pairs = [(str(name), values) for name, values in frame.items()]
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise DataError(
                f"Expected columns of different names. Received: {names.count(name)} called "
                f"'{name}'. Rename them: frame.columns = [...]."
            )
    return {name: column_values(name, values) for name, values in pairs}


def column_values(name: str, given: Any) -> Array:
    """Returns one column as numbers, or as objects where it holds categories."""
    if str(getattr(given, "dtype", "")) == "category":
        return _categories(given.astype(object))
    values = np.asarray(given)
    if values.dtype.kind in "biuf":
        return values
    if values.dtype.kind not in "OUST":
        remedy = "Turn it into numbers, e.g. days since a date."
        if values.dtype.kind == "c":
            remedy = "Take real and imaginary part."
        raise _no_column(name, f"dtype {values.dtype}", remedy)
    present = [value for value in values.tolist() if not is_missing(value)]
    _check_kinds(name, present)
    if present and all(isinstance(value, bool | np.bool_) for value in present):
        whole = len(present) == len(values)
        return values.astype(bool) if whole else _categories(values.tolist())
    if present and all(isinstance(value, _NUMBERS) for value in present):
        return np.array([math.nan if is_missing(v) else float(v) for v in values.tolist()])
    _check_text(name, present)
    return _categories(values.tolist())


def _categories(values: Iterable[Any]) -> Array:
    listed = [None if is_missing(value) else value for value in values]
    made = np.empty(len(listed), dtype=object)
    made[:] = listed
    return made


def _check_kinds(name: str, present: list[Any]) -> None:
    for value in present:
        kind = type(value).__name__
        if kind in _TIMES:
            raise _no_column(name, f"times (of type {kind})", "Turn them into numbers, e.g. days "
                             "since a date.")  # fmt: skip
        if isinstance(value, _NESTED) or kind in ("Series", "DataFrame"):
            raise _no_column(
                name,
                f"several values in a cell (of type {kind})",
                f"Spread them over columns, e.g. pd.DataFrame(frame['{name}'].tolist()).",
            )
        if isinstance(value, complex | np.complexfloating):
            raise _no_column(name, "complex numbers", "Take real and imaginary part.")


def _check_text(name: str, present: list[Any]) -> None:
    """Refuses numbers that are written as text, or stand beside text, where they are many."""
    kinds = {str(value): value for value in present}
    if len(kinds) <= MOST_CATEGORIES:
        return
    others = [text for text in kinds if not _reads_as_number(text)]
    if len(others) <= 0.1 * len(kinds):
        but = f", but for {others[0]!r}" if others else ""
        raise _no_column(
            name,
            f"{len(kinds):,} numbers written as text{but}",
            f"Make numbers of them, pd.to_numeric(frame['{name}'], errors='coerce'), or "
            f"categories, frame['{name}'].astype('category').",
        )


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _no_column(name: str, received: str, remedy: str) -> DataError:
    return DataError(
        f"Expected numbers or names of categories in the column '{name}'. Received: {received}. "
        f"{remedy}"
    )


def _is_huge(values: Array) -> bool:
    return bool(len(values) and np.nanmax(np.abs(values), initial=0) > _GREATEST)


def check_no_gaps(columns: Mapping[str, Array]) -> None:
    """Raises DataError if a column of numbers holds NaN or an infinite number; names them all."""
    numbers = {n: v for n, v in columns.items() if v.dtype.kind == "f"}
    infinite = [f"'{name}'" for name, values in numbers.items() if np.isinf(values).any()]
    if infinite:
        raise DataError(
            f"Expected finite numbers in x. Received: infinite ones in {', '.join(infinite)}. "
            "Replace them, e.g. frame.replace([np.inf, -np.inf], np.nan)."
        )
    huge = [f"'{n}'" for n, v in columns.items() if v.dtype.kind in "iuf" and _is_huge(v)]
    if huge:
        raise DataError(
            f"Expected numbers up to {_GREATEST:.2g}, as float32 holds. Received: greater ones in "
            f"{', '.join(huge)}. Scale them, e.g. by their logarithm."
        )
    gaps = {name: int(np.isnan(values).sum()) for name, values in numbers.items()}
    gaps = {name: count for name, count in gaps.items() if count}
    if gaps:
        named = ", ".join(f"'{name}' ({count:,})" for name, count in gaps.items())
        raise DataError(
            f"Expected finite numbers in x. Received: missing ones in {named} of "
            f"{len(next(iter(numbers.values()))):,} rows. Drop those rows or columns, or give "
            "missing='impute', which fills in the training rows' mean and adds a column of marks."
        )


def label_values(given: Any) -> Array:
    """Returns labels as an array of numbers, truth values or text."""
    if len(getattr(given, "shape", ())) == 2 and hasattr(given, "columns"):
        columns = frame_columns(given)
        for name, values in columns.items():
            _check_labels_there(values, f" in '{name}'")
        return np.stack(list(columns.values()), axis=1)
    if isinstance(given, list | tuple) and not any(isinstance(v, _NESTED) for v in given[:1]):
        given = _categories(given)
    array = rectangular("y", given)
    if array.ndim == 0:
        raise DataError(f"Expected y of shape (samples,) or (samples, k). Received: y={given!r}.")
    if array.dtype == object and array.ndim == 1:
        array = _plain_labels(array)
    _check_labels_there(array, "")
    return array


def rectangular(name: str, given: Any) -> Array:
    """Returns an argument as an array, if its rows are of one length."""
    try:
        return np.asarray(given)
    except ValueError:
        raise DataError(
            f"Expected rows of the same length in {name}. Received: rows of other lengths than the "
            "first. Pad them, e.g. keras.utils.pad_sequences(...)."
        ) from None


def _plain_labels(array: Array) -> Array:
    """Returns objects as numbers or text where all are; missing ones stay None."""
    present = [value for value in array.tolist() if not is_missing(value)]
    if any(isinstance(value, _NESTED) for value in present):
        return array
    _check_kinds("y", present)
    if len(present) < len(array):
        return _categories(array.tolist())
    if all(isinstance(value, _NUMBERS) for value in present):
        return np.array([v if isinstance(v, int | float) else float(v) for v in present])
    if all(isinstance(value, bytes) for value in present):
        return np.array([value.decode(errors="replace") for value in present])
    return np.array([str(value) for value in present])


def _check_labels_there(labels: Array, where: str) -> None:
    if labels.dtype.kind == "f":
        missing = np.isnan(labels)
    elif labels.dtype.kind == "U":
        missing = np.isin(labels, _MISSING_AS_TEXT)
    elif labels.dtype == object:
        missing = np.array([is_missing(value) for value in labels.reshape(-1).tolist()])
    else:
        return
    if missing.any():
        rows = missing.reshape(len(labels), -1).any(axis=1)
        raise DataError(
            f"Expected a label in each row of y{where}. Received: {int(rows.sum()):,} of "
            f"{len(labels):,} missing, the first in row {int(rows.argmax())}. Drop those rows, "
            "e.g. frame.dropna(subset=[target]), or name their class."
        )


def refuse_several(name: str, given: Any, rows: int | None) -> None:
    """Raises DataError if `given` is several arrays where one is expected."""
    parts = list(given.values()) if isinstance(given, Mapping) else given
    if not isinstance(given, Mapping):
        if not isinstance(given, list | tuple) or rows is None or len(given) == rows:
            return
        shapes = [getattr(part, "shape", ()) for part in parts]
        if not shapes or not all(shape and shape[0] == rows for shape in shapes):
            return
    what = "input" if name == "x" else "output"
    called = f" ({', '.join(map(str, given))})" if isinstance(given, Mapping) else ""
    raise DataError(
        f"Expected one {what} of a model in {name}: an array or a data frame. Received: "
        f"{len(parts)} {what}{'s' if len(parts) > 1 else ''}{called}. Make one of them, e.g. "
        f"pd.DataFrame({name}) or np.concatenate(..., axis=-1); models of several {what}s are "
        "trained by nas.RandomSearch(build).search(x, y) and the other tuners."
    )
