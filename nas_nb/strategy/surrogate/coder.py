"""Points as the process sees them, each worked out once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nas_nb.space.encoding import Encoding
from nas_nb.strategy.surrogate.features import feature_rows

if TYPE_CHECKING:
    from nas_nb.record.values import Value, Values
    from nas_nb.space.domain import Domain

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Key = tuple[tuple[str, "Value"], ...]

_STRETCH = 4.0
"""How far the ends of a range are apart: at 1 the process takes it for nearly a straight line."""

_KEPT = 20_000


class Coder:
    """Encodes points of a domain, and remembers them.

    The same trials, and the neighbours of the same best ones, are looked at again for proposal
    after proposal, and what a space knows about a point may take longer than all the rest. The
    memory changes no result; it is emptied when it holds 20,000 points.

    Args:
        domain: The space.
    """

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.encoding = Encoding(domain)
        self._stretch = np.where(self.encoding.in_range, _STRETCH, 1.0)
        self._places: dict[Key, int] = {}
        self._coded: Matrix = np.empty((0, 0))  # a row a place; there is room for more

    def knows(self, values: Values) -> bool:
        """Says whether `values` is a point of the domain."""
        return _key(values) in self._places or self.domain.contains(values)

    def code(self, points: Sequence[Values]) -> tuple[Matrix, Matrix]:
        """Returns the encoded rows and the features of the points, one row each.

        Args:
            points: Points of the domain, at least one.
        """
        if len(self._places) > _KEPT:
            self._places.clear()
        keys = [_key(point) for point in points]
        new = {key: at for at, key in enumerate(keys) if key not in self._places}
        if new:
            fresh = [points[at] for at in new.values()]
            rows = self.encoding.rows(fresh) * self._stretch
            facts = feature_rows(self.domain, fresh)
            self._keep(new, np.concatenate([rows, facts], axis=1))
        known = self._coded[[self._places[key] for key in keys]]
        columns = len(self.encoding.blocks)
        return known[:, :columns], known[:, columns:]

    def _keep(self, keys: Collection[Key], coded: Matrix) -> None:
        size = len(self._places)
        more = size + len(coded)
        if more > len(self._coded):
            grown = np.empty((2 * more, coded.shape[1]))
            grown[:size] = self._coded[:size] if size else 0.0
            self._coded = grown
        self._coded[size:more] = coded
        self._places.update(zip(keys, range(size, more), strict=True))


def _key(values: Values) -> Key:
    return tuple(values.items())
