"""What a space can tell about an architecture without building it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from nas_nb.record.values import Values
    from nas_nb.space.domain import Domain

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]


@runtime_checkable
class Featured(Protocol):
    """A domain that knows cheap facts about its points.

    The facts should be as straight a line to the score as they can be made: the logarithm of
    the parameters and of the FLOPs, the depth, the number of paths, counts of operations.
    """

    def features(self, values: Values) -> Mapping[str, float]:
        """Returns the same names, with finite numbers, for every point; in microseconds."""


def feature_rows(domain: Domain, points: Sequence[Values]) -> Matrix:
    """Returns the features of the points, of shape (points, features): no columns if unknown."""
    if not isinstance(domain, Featured) or not points:
        return np.zeros((len(points), 0))
    return np.array([list(domain.features(point).values()) for point in points], dtype=np.float64)


_SIZES = ("log_flops", "flops", "log_params", "params")


def size_of(domain: Domain, values: Values) -> float | None:
    """Returns how large an architecture's model is, in FLOPs or else in weights, or None.

    Only the order of the sizes means something: some spaces know them as logarithms.
    """
    if not isinstance(domain, Featured):
        return None
    known = domain.features(values)
    return next((known[name] for name in _SIZES if name in known), None)
