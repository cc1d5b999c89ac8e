"""Places in a plane for the architectures of a space, decided by the space alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from nas_nb.space.encoding import Encoding

if TYPE_CHECKING:
    from nas_nb.record.trial import Values
    from nas_nb.space.domain import Domain

Points = tuple[tuple[float, float], ...]
Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]

LANDMARKS = 200
_ROUNDS = 100
_STEPS = 40
_TINY = 1e-9


class SpaceEmbedding:
    """Places for all architectures of a space, decided by the space alone.

    Landmarks are drawn from the space and placed once, by multidimensional scaling: the weighted
    stress of Sammon (1969), which takes small distances as seriously as large ones, is minimised
    by majorisation (de Leeuw 1977, here from the classical solution of Torgerson 1952). An
    architecture then goes where the stress of its distances to the landmarks is least, by the
    same steps; that place is kept.
    """

    def __init__(self, domain: Domain) -> None:
        rng = np.random.default_rng(0)
        drawn = [domain.sample(rng) for _ in range(LANDMARKS)]
        different = {domain.key(point): point for point in map(domain.representative, drawn)}
        self._domain = domain
        self._encoding = Encoding(domain)
        self._rows = self._encoding.rows(list(different.values()))
        wanted = _apart(self._rows, self._rows)
        self._placed = _scaled(wanted)
        self._known: dict[str, tuple[float, float]] = {}
        self.landmarks = _points(self._placed)
        self.likeness = _correlation(wanted, self._placed)

    def places(self, points: Sequence[Values]) -> Points:
        """Returns where points of the domain stand."""
        keys = [self._domain.key(point) for point in points]
        new = {key: at for at, key in enumerate(keys) if key not in self._known}
        if new:
            rows = self._encoding.rows(
                [self._domain.representative(points[at]) for at in new.values()]
            )
            found = _points(_nearest(_apart(rows, self._rows), self._placed))
            self._known |= dict(zip(new, found, strict=True))
        return tuple(self._known[key] for key in keys)


@lru_cache(maxsize=4)
def embedding_of(domain: Domain) -> SpaceEmbedding:
    """Returns the plane of a space; the same whenever it is asked for."""
    return SpaceEmbedding(domain)


def _apart(rows: Matrix, others: Matrix) -> Matrix:
    """Returns the distances of all pairs: rows are so made that these are squared differences."""
    squares = (rows**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)[None, :]
    apart: Matrix = np.maximum(squares - 2 * rows @ others.T, 0.0)
    return apart


def _scaled(wanted: Matrix) -> Matrix:
    """Returns places of shape (points, 2) whose distances are close to those that are wanted."""
    places = _classical(wanted)
    weights = np.where(wanted > _TINY, 1 / np.maximum(wanted, _TINY), 0.0)
    laplacian = np.diag(weights.sum(axis=1)) - weights
    inverse = np.linalg.pinv(laplacian)
    for _ in range(_ROUNDS):
        ratio = weights * wanted / np.maximum(_far(places, places), _TINY)
        places = inverse @ (np.diag(ratio.sum(axis=1)) - ratio) @ places
    return places


def _classical(wanted: Matrix) -> Matrix:
    centred = -0.5 * (wanted**2 - (wanted**2).mean(axis=0))
    centred -= centred.mean(axis=1, keepdims=True)
    values, vectors = np.linalg.eigh((centred + centred.T) / 2)
    count = min(2, len(values))
    found = vectors[:, ::-1][:, :count] * np.sqrt(np.maximum(values[::-1][:count], 0.0))
    # The sign of a direction is the algorithm's whim; its largest part is made positive.
    found = found * np.where(found[np.abs(found).argmax(axis=0), range(count)] < 0, -1.0, 1.0)
    places: Matrix = np.pad(found, ((0, 0), (0, 2 - count)))
    return places


def _nearest(wanted: Matrix, landmarks: Matrix) -> Matrix:
    """Returns places, each as close as can be to its distances to the landmarks."""
    weights = 1 / np.maximum(wanted, 0.1)
    total = weights.sum(axis=1, keepdims=True)
    near = weights**4
    places: Matrix = (near @ landmarks) / near.sum(axis=1, keepdims=True)
    fixed = weights @ landmarks
    for _ in range(_STEPS):
        ratio = weights * wanted / np.maximum(_far(places, landmarks), _TINY)
        places = (fixed + ratio.sum(axis=1, keepdims=True) * places - ratio @ landmarks) / total
    return places


def _far(places: Matrix, others: Matrix) -> Matrix:
    far: Matrix = np.sqrt(_apart(places, others))
    return far


def _correlation(wanted: Matrix, places: Matrix) -> float:
    upper = np.triu_indices(len(wanted), 1)
    mine, theirs = wanted[upper], _far(places, places)[upper]
    if mine.size < 2 or mine.std() == 0 or theirs.std() == 0:
        return 1.0
    return float(np.corrcoef(mine, theirs)[0, 1])


def _points(places: Matrix) -> Points:
    return tuple((float(x), float(y)) for x, y in places)
