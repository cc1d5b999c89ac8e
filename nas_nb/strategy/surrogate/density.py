"""A kernel density over architectures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from nas_nb.errors import SpaceError
from nas_nb.space.encoding import is_ordered
from nas_nb.space.twins import Distinct
from nas_nb.strategy.positions import inward, is_listed, outward

if TYPE_CHECKING:
    from nas_nb.record.values import Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Vector = np.ndarray[tuple[int], np.dtype[np.float64]]

_NARROWEST = 1e-3
_ABSENT = 0.1


class Positions:
    """Points as rows of positions, 0 to 1, one column a parameter; NaN where one has no part.

    Args:
        domain: The space.
    """

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.parameters = tuple(p for p in domain.parameters if p.count > 1)
        self.ordered = np.array([is_ordered(p) for p in self.parameters], dtype=bool)
        self.counts = np.array([float(p.count) for p in self.parameters])
        self._columns = tuple((p.name, p, _places(p)) for p in self.parameters)

    def rows(self, points: Sequence[Values]) -> Matrix:
        """Returns the positions, of shape (points, parameters)."""
        rows = np.array([self._row(point) for point in points], dtype=np.float64)
        return rows.reshape(len(points), len(self.parameters))

    def _row(self, point: Values) -> list[float]:
        row = []
        for name, parameter, places in self._columns:
            value = point.get(name)
            at = places.get((type(value), value))
            row.append(_position(parameter, value) if at is None else at)
        return row

    def point(self, row: Vector, rng: np.random.Generator) -> dict[str, Value]:
        """Returns the point at the positions; what they don't say is drawn."""
        told = {
            p.name: outward(p, at * (p.count - 1) + 0.5 if is_listed(p) else at)
            for p, at in zip(self.parameters, row.tolist(), strict=True)
            if not math.isnan(at)
        }
        drawn = self._whole.sample(rng)
        try:
            return self.domain.complete({**drawn, **told})
        except SpaceError:  # not all that single choices allow is in every space
            return self.domain.representative(drawn)

    @property
    def _whole(self) -> Domain:
        """The domain with all twins: it need not look for the one that stands for the others."""
        return self.domain.whole if isinstance(self.domain, Distinct) else self.domain


class Density:
    """A product of kernels around each of some points.

    Numbers have a Gaussian kernel, unordered choices that of Aitchison and Aitken: 1 - lambda for
    the same, lambda / (c - 1) for each other. The bandwidths are by the normal reference rule,
    1.06 * deviation * n^(-1 / (4 + d)), as in the paper's code.

    Args:
        positions: How points are written.
        points: Positions to put the kernels at, of shape (points, parameters), at least one.
    """

    def __init__(self, positions: Positions, points: Matrix) -> None:
        self.positions = positions
        self.points = points

    @cached_property
    def bandwidths(self) -> Vector:
        """One for each parameter; of an unordered choice it is lambda."""
        n, d = self.points.shape
        present = ~np.isnan(self.points)
        known = np.where(present, self.points, 0.0)
        many = np.maximum(present.sum(0), 1)
        mean = known.sum(0) / many
        deviation = np.sqrt((np.where(present, known - mean, 0.0) ** 2).sum(0) / many)
        # BOHB's rule of thumb, Falkner et al. 2018, section 4.1.
        widths = np.maximum(1.06 * deviation * n ** (-1.0 / (4 + d)), _NARROWEST)
        # Above 1 - 1/c the same choice would be less likely than another.
        most = np.where(self.positions.ordered, np.inf, 1.0 - 1.0 / self.positions.counts)
        result: Vector = np.minimum(widths, most)
        return result

    def log(self, rows: Matrix) -> Vector:
        """Returns the logarithm of the density at each row, of shape (rows,)."""
        total = np.zeros((len(rows), len(self.points)))
        for column, width in enumerate(self.bandwidths):
            gaps = rows[:, column, None] - self.points[None, :, column]
            if self.positions.ordered[column]:
                factor = -0.5 * (gaps / width) ** 2 - math.log(width)
            else:
                others = self.positions.counts[column] - 1
                factor = np.where(np.abs(gaps) < 1e-9, 1.0 - width, width / others)
                factor = np.log(factor)
            one = np.isnan(rows[:, column, None]) ^ np.isnan(self.points[None, :, column])
            total += np.where(np.isnan(gaps), np.where(one, math.log(_ABSENT), 0.0), factor)
        highest = total.max(1)
        result: Vector = highest + np.log(np.exp(total - highest[:, None]).mean(1))
        return result

    def draw(self, wider: float, rng: np.random.Generator) -> Vector:
        """Draws positions: around one of the points, with bandwidths that many times as wide."""
        row = self.points[int(rng.integers(len(self.points)))].tolist()
        for column, (ordered, count, width) in enumerate(self._kernels):
            if math.isnan(row[column]):
                continue
            if ordered:
                row[column] = _reflected(rng.normal(row[column], width * wider))
            elif rng.random() < min(width * wider, 1.0 - 1.0 / count):
                row[column] = rng.integers(int(count)) / (count - 1)
        return np.array(row)

    @cached_property
    def _kernels(self) -> list[tuple[bool, float, float]]:
        """Of each parameter: whether it is ordered, its count, and its bandwidth."""
        columns = self.positions.ordered, self.positions.counts, self.bandwidths
        return list(zip(*(column.tolist() for column in columns), strict=True))


def _places(parameter: Parameter) -> dict[tuple[type, Value | None], float]:
    """Returns the position of each value of a list by type and value: True is not 1."""
    if not is_listed(parameter):
        return {}
    return {(type(value), value): _position(parameter, value) for value in parameter.values()}


def _position(parameter: Parameter, value: Value | None) -> float:
    if value is None or not parameter.contains(value):
        return math.nan
    at = inward(parameter, value)
    return at / (parameter.count - 1) if is_listed(parameter) else float(at)


def _reflected(position: float) -> float:
    """Back into 0 to 1 from beyond an end, at most once; the rest stops at the end."""
    inside = abs(position)
    inside = 2.0 - inside if inside > 1 else inside
    return min(max(inside, 0.0), 1.0)
