"""Tables as numbers: which columns there are, and what the categories of each are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.errors import DataError

if TYPE_CHECKING:
    from nas_nb.data.task import Array

MOST_CATEGORIES = 32
"""A column keeps so many of its most frequent categories; the rest are one: "other"."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: As in the data frame.
        categories: The names of its categories, the most frequent first; empty for numbers.
    """

    name: str
    categories: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """How many numbers a sample has for it: 1, or "other" and one a category."""
        return 1 + len(self.categories)


@dataclass(frozen=True)
class Table:
    """How the columns of a table become numbers.

    Numbers stay what they are. A category becomes a row of 0 and a single 1, as Keras's
    ``StringLookup(output_mode="one_hot")`` writes it: the first place is for whatever is missing,
    rare or new. `nas_nb.spaces.with_raw_input` puts these layers in front of a model.
    """

    columns: tuple[Column, ...]

    @classmethod
    def learn(cls, columns: Mapping[str, Array]) -> Table:
        """Returns the table of columns, (samples,) each: text and objects are categories.

        Raises:
            DataError: A column holds neither numbers nor names.
        """
        return cls(tuple(_column(str(name), values) for name, values in columns.items()))

    @property
    def marks(self) -> Array:
        """(features,) whether each number of a sample is a mark of a category."""
        return np.array(
            [bool(column.categories) for column in self.columns for _ in range(column.width)]
        )

    def numbers(self, columns: Mapping[str, Any]) -> Array:
        """Returns the samples of such columns: (samples, features), float32.

        Raises:
            DataError: A column is missing.
        """
        named = {str(name): np.asarray(values) for name, values in columns.items()}
        missing = [column.name for column in self.columns if column.name not in named]
        if missing:
            raise DataError(
                f"Expected the columns {', '.join(c.name for c in self.columns)}. "
                f"Received: none called '{missing[0]}'."
            )
        parts = [_numbers(column, named[column.name]) for column in self.columns]
        return np.concatenate(parts, axis=1)


def frame_columns(frame: Any) -> dict[str, Array]:
    """Returns the columns of a data frame as arrays: numbers as such, all else as objects."""
    columns = {}
    for name in frame.columns:
        values = np.asarray(frame[name])
        # Times stay what they are, too, to be refused by `Table.learn`.
        kept = values.dtype.kind in "biufMm" and str(frame[name].dtype) != "category"
        columns[str(name)] = values if kept else values.astype(object)
    return columns


def _column(name: str, values: Array) -> Column:
    if values.dtype.kind in "biuf":
        return Column(name)
    if values.dtype.kind not in "OUST":
        raise DataError(
            f"Expected numbers or names of categories in the column '{name}'. Received: dtype "
            f"{values.dtype}. Turn it into numbers first, e.g. days since a date."
        )
    counts = Counter(_name(value) for value in values.tolist() if not _is_missing(value))
    ranked = sorted(counts, key=lambda category: (-counts[category], category))
    if not ranked:
        raise DataError(f"Expected values in the column '{name}'. Received: none; drop it.")
    return Column(name, tuple(ranked[:MOST_CATEGORIES]))


def _numbers(column: Column, values: Array) -> Array:
    if not column.categories:
        return values.astype(np.float32)[:, np.newaxis]
    place = {category: number for number, category in enumerate(column.categories, start=1)}
    rows = np.zeros((len(values), column.width), np.float32)
    for row, value in zip(rows, values.tolist(), strict=True):
        row[0 if _is_missing(value) else place.get(_name(value), 0)] = 1
    return rows


def _name(value: object) -> str:
    return str(value)


def _is_missing(value: object) -> bool:
    return value is None or value != value or str(value) == "<NA>"  # NaN differs from itself
