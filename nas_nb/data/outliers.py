"""Columns of which a few values make the variance, and columns of one value: warned of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nas_nb.errors import tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nas_nb.data.preprocessing import Array

APART = 20
"""Outliers are so many times as far from the median as the farthest of the other values."""
SHARE = 0.9
"""Of a column's squared distances from its median, which outliers make."""
FEWEST_ROWS = 20
"""Of fewer values it is not told which are usual."""

_SAMPLED_NUMBERS, _SAMPLED_ROWS = 1_000_000, 500
_NAMED = 3


def tell_odd_array(where: str, array: Array) -> None:
    """Warns, by their places, of odd columns or channels of an array, (rows, ...): no images."""
    if array.ndim > 3:
        return
    columns = array.reshape(-1, array.shape[-1] if array.ndim > 1 else 1)
    count = columns.shape[1]
    names = [f"{where}[..., {place}]" for place in range(count)] if count > 1 else [where]
    # In x, zeros alone are the margin of an image, or a rare word.
    tell_odd_columns(columns, names, per_row=len(columns) // len(array), zeros=where == "y")


def tell_odd_columns(
    array: Array, names: Sequence[str], *, per_row: int = 1, row: str = "row", zeros: bool = True
) -> None:
    """Warns of outliers and of columns of one value.

    Args:
        array: (rows, features) finite numbers.
        names: (features,) the columns they are of: of a category there are several.
        per_row: Rows of the array for one row of the user's.
        row: What the user calls a row.
        zeros: Whether a column of zeros alone is told.
    """
    if len(array) < FEWEST_ROWS:
        return
    low, high = array.min(axis=0), array.max(axis=0)
    ends = zip(names, low.tolist(), high.tolist(), strict=True)
    varied = {name for name, one, other in ends if one != other or not (one or zeros)}
    constant = [name for name in dict.fromkeys(names) if name not in varied]
    if constant:
        holds = "holds" if len(constant) == 1 else "hold"
        tell(
            f"{_listed(constant)} {holds} one value alone, from which nothing can be learned. "
            "Check where the values came from, or drop the column."
        )
    told = [
        f"{names[at]} holds {found}"
        for at in _suspected(array, low, high).tolist()
        if (found := _outliers(array[:, at], per_row, row))
    ]
    if told:
        tell(
            f"Outliers make over 90 % of a column's variance: {_listed(told, '; ')}. Scaled with "
            f"them, the other values can hardly be told apart. Correct them or drop those {row}s; "
            "if they are right, take the logarithm."
        )


def _suspected(array: Array, low: Array, high: Array) -> Array:
    """Returns the features with a value far outside of nine in ten, by a sample of the rows."""
    count = max(_SAMPLED_ROWS, _SAMPLED_NUMBERS // array.shape[1])
    sample = array[:: -(-len(array) // count)].astype(float)
    median = np.median(sample, axis=0)
    usual = np.quantile(np.abs(sample - median), 0.9, axis=0, method="lower")
    # Where nine in ten are equal, a feature is sparse: its few other values are what it tells.
    return np.flatnonzero((usual > 0) & (np.maximum(high - median, median - low) > APART * usual))


def _outliers(column: Array, per_row: int, row: str) -> str | None:
    """Returns in words which values stand apart; None where none or many do."""
    column = column.astype(float)
    distance = np.abs(column - np.median(column))
    most = min(max(3, len(column) // 1_000), len(column) // 10)
    far = np.argpartition(distance, -most - 1)[-most - 1 :]
    far = far[np.argsort(-distance[far], kind="stable")]
    gaps = np.flatnonzero(distance[far[:-1]] > APART * distance[far[1:]])
    if not gaps.size:
        return None
    found = far[: gaps[-1] + 1]
    squares = distance**2
    if squares[found].sum() < SHARE * squares.sum():
        return None
    others = np.delete(column, found)
    more = f" (and {len(found) - 1} more like it)" if len(found) > 1 else ""
    return (
        f"{column[found[0]]:,.7g} in {row} {found[0] // per_row}{more}, all others "
        f"{others.min():,.4g} to {others.max():,.4g}"
    )


def _listed(told: Sequence[str], separator: str = ", ") -> str:
    more = f" and {len(told) - _NAMED:,} more" if len(told) > _NAMED else ""
    return separator.join(told[:_NAMED]) + more
