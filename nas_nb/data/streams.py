"""What a ``tf.data.Dataset``, or any iterable of (x, y), holds, as arrays."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.errors import DataError

if TYPE_CHECKING:
    from nas_nb.data.task import Array

MOST_ELEMENTS = 1_000_000


def collect(stream: Iterable[Any]) -> tuple[Array, Array]:
    """Reads (x, y) samples or batches to the end.

    Args:
        stream: A ``tf.data.Dataset`` of (x, y) pairs, batched or not; or an iterable of batches.

    Returns:
        x of shape (samples, ...) and y of shape (samples, ...).

    Raises:
        DataError: An element isn't a pair of arrays, or there is none, or no end.
    """
    elements = []
    for element in islice(stream, MOST_ELEMENTS + 1):
        if not isinstance(element, tuple | list) or len(element) != 2:
            raise DataError(
                f"Expected pairs (x, y) in the dataset. Received: a {type(element).__name__}. "
                "Map it to such pairs first."
            )
        elements.append((np.asarray(element[0]), np.asarray(element[1])))
    if not elements:
        raise DataError("Expected samples in the dataset. Received: an empty one.")
    if len(elements) > MOST_ELEMENTS:
        raise DataError(
            f"Expected a dataset that ends. Received: more than {MOST_ELEMENTS:,} elements; "
            "take(n) of a repeated one."
        )
    join = np.concatenate if _is_batched(stream, elements) else np.stack
    try:
        return join([x for x, _ in elements]), join([y for _, y in elements])
    except ValueError as error:
        raise DataError(f"Expected samples of one shape in the dataset: {error}.") from error


def _is_batched(stream: Iterable[Any], elements: list[tuple[Array, Array]]) -> bool:
    x, y = elements[0]
    if x.ndim == 0 or y.ndim == 0:
        return False
    spec = getattr(stream, "element_spec", None)
    # A dataset that was batched without dropping the rest has no fixed first dimension.
    if spec is not None and spec[0].shape.rank and spec[0].shape[0] is None:
        return True
    return all(x.shape[:1] == y.shape[:1] for x, y in elements)
