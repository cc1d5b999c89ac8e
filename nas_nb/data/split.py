"""Which rows go to training, validation and test."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from nas_nb.errors import DataError

if TYPE_CHECKING:
    from nas_nb.data.task import Array


def split(
    rows: int, strata: Array | None, validation: float, test: float, seed: int
) -> tuple[Array, Array, Array]:
    """Returns the row numbers of training, validation and test.

    The rows are shuffled, and then ordered by their rank within their class, so that each stretch
    of that order holds every class in its share: the test rows are the first, the training rows
    the last. The first rows of each part are such a stretch again, whatever their number.

    Args:
        rows: How many there are.
        strata: (rows,) class numbers to keep in proportion, or None.
        validation: Share of the rows, between 0 and 1; counts are rounded up.
        test: The same.
        seed: Of the shuffle.

    Raises:
        DataError: The shares leave a part without rows.
    """
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
