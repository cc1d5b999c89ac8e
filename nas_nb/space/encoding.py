"""Choices as axes, points as rows of numbers, their distances, places in a plane, features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

import numpy as np

from nas_nb.space.parameter import typed
from nas_nb.space.ranges import NumericRange

if TYPE_CHECKING:
    from nas_nb.record.trial import Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Points = tuple[tuple[float, float], ...]

Code = tuple[str, "dict[Value, list[float]] | NumericRange", list[float]]
Columns = tuple[str, bool, "Callable[[Value], list[float]]", list[float]]

_LONGEST_TABLE, _MOST_COLUMNS = 32, 1000

LONGEST_LIST = 100
"""Of more numbers than this a density takes a range, not a list."""

_APART = float(np.sqrt(0.5))


@dataclass(frozen=True)
class Axis:
    """A choice as numbers: by index where its values are listed, by position along a range."""

    name: str
    values: tuple[Value, ...]  # in order; none for a range that is continuous or too long to list
    line: NumericRange | None  # that range
    ordered: bool  # whether near values are alike
    conditional: bool  # whether some points don't make the choice

    @classmethod
    def of(cls, parameter: Parameter, longest: int) -> Axis:
        """Returns the axis of a parameter; a range is listed where it has at most `longest`."""
        listed = bool(parameter.choices) or parameter.count <= longest
        return cls(
            parameter.name,
            tuple(parameter.values()) if listed else (),
            None if listed else parameter.range,
            parameter.is_ordered,
            bool(parameter.conditions),
        )

    @cached_property
    def _indices(self) -> dict[tuple[bool, Value], int]:
        return {typed(value): index for index, value in enumerate(self.values)}

    def index(self, value: Value) -> int | None:
        """Returns the place of a value in the list, from 0; None where it is not in it."""
        return self._indices.get(typed(value))

    def position(self, value: Value) -> float | None:
        """Returns where a value stands, 0 to 1; None for one that a list or grid lacks."""
        line = self.line
        if line is not None and line.step is None:
            within = min(max(cast("float", value), line.low), line.high)
            return min(max(line.off_grid.to_unit(within), 0.0), 1.0)
        index = self.index(value) if line is None else line.index_of(cast("float", value))
        count = len(self.values) if line is None else cast("int", line.count)
        return None if index is None else index / max(1, count - 1)

    def value(self, position: float) -> Value:
        """Returns the value at a position, 0 to 1, or the nearest to it."""
        if self.line is None:
            return self.values[int(position * (len(self.values) - 1) + 0.5)]
        if self.line.step is not None:
            return self.line.value_at(round(position * (cast("int", self.line.count) - 1)))
        value = self.line.off_grid.from_unit(position)
        return round(value) if self.line.integer else value


def axes(domain: Domain, *, longest: int) -> tuple[Axis, ...]:
    """Returns the axis of each parameter; ranges of more than `longest` values are no lists."""
    return tuple(Axis.of(parameter, longest) for parameter in domain.parameters)


@dataclass(frozen=True)
class Encoding:
    """Maps points of a domain to rows, one block of columns a choice."""

    # Within a block the squared distance of two points is 0 where they agree, else
    # - 1 where an unordered choice differs (one-hot, scaled by the root of 1/2),
    # - |i - j| / (count - 1) between values i and j of an ordered list (a thermometer),
    # - the square of the difference on a range's own scale, 0 to 1.
    # A choice that isn't always active has a block more, a flag, and stands at the middle of its
    # range while it isn't: otherwise two architectures would differ in what neither has.

    domain: Domain

    @cached_property
    def _ranges(self) -> tuple[tuple[Parameter, ...], ...]:
        """The parameters that are searched; those that share a name and a range are one."""
        ranges: dict[tuple[object, ...], list[Parameter]] = {}
        for parameter in self.domain.parameters:
            if parameter.count > 1:
                ranges.setdefault((parameter.name, *parameter.extent), []).append(parameter)
        return tuple(tuple(alike) for alike in ranges.values())

    @cached_property
    def _codes(self) -> tuple[Code, ...]:
        """Of each range: its name, its codes by value or its scale, and the code of absence."""
        codes: list[Code] = []
        for axis in (Axis.of(alike[0], _LONGEST_TABLE) for alike in self._ranges):
            if axis.line is None:
                table = _table(axis)
                absent = np.mean(list(table.values()), axis=0) * axis.ordered
                codes.append((axis.name, table, absent.tolist()))
            else:
                codes.append((axis.name, axis.line.off_grid, [0.5]))
        return tuple(codes)

    @cached_property
    def _flagged(self) -> tuple[bool, ...]:
        """Of each range: whether it may be inactive."""
        return tuple(all(parameter.conditions for parameter in alike) for alike in self._ranges)

    @cached_property
    def _shared(self) -> frozenset[str]:
        """The names that stand for several ranges: only conditions tell which one is meant."""
        names = [name for name, _, _ in self._codes]
        return frozenset(name for name in names if names.count(name) > 1)

    @cached_property
    def blocks(self) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        """The block that each column belongs to, counted from 0 without gaps."""
        blocks: list[int] = []
        for (_, _, absent), flagged in zip(self._codes, self._flagged, strict=True):
            number = blocks[-1] + 1 if blocks else 0
            blocks += [number] * len(absent) + [number + 1] * flagged
        return np.array(blocks, dtype=np.intp)

    @cached_property
    def in_range(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each column is the place in a long or continuous range."""
        columns: list[bool] = []
        for (_, codes, absent), flagged in zip(self._codes, self._flagged, strict=True):
            columns += [isinstance(codes, NumericRange)] * len(absent) + [False] * flagged
        return np.array(columns, dtype=np.bool_)

    def rows(self, points: Sequence[Values]) -> Matrix:
        """Returns one row a point, of shape (points, columns)."""
        rows = [self._row(point) for point in points]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.blocks))

    def _row(self, point: Values) -> list[float]:
        row: list[float] = []
        for number, (name, shared, present, absent) in enumerate(self._columns):
            if name in point and (not shared or self._meant(number, point)):
                row += present(point[name])
            else:
                row += absent
        return row

    @cached_property
    def _columns(self) -> tuple[Columns, ...]:
        """Of each range: its name, whether others have it too, and its columns with the flag."""
        return tuple(
            (name, name in self._shared, _present(codes, [1.0] * flagged), absent + [0.0] * flagged)
            for (name, codes, absent), flagged in zip(self._codes, self._flagged, strict=True)
        )

    def _meant(self, number: int, point: Values) -> bool:
        active = self.domain.active(point)
        return any(parameter in active for parameter in self._ranges[number])


def _present(
    codes: dict[Value, list[float]] | NumericRange, flag: list[float]
) -> Callable[[Value], list[float]]:
    if isinstance(codes, NumericRange):
        return lambda value: [codes.to_unit(cast("float", value)), *flag]
    return {value: code + flag for value, code in codes.items()}.__getitem__


def _table(axis: Axis) -> dict[Value, list[float]]:
    """Returns the columns of each listed value: one-hot, or a thermometer."""
    last = len(axis.values) - 1
    if last >= _MOST_COLUMNS:
        return _long_table(axis)
    if not axis.ordered:
        return dict(zip(axis.values, (np.eye(last + 1) * _APART).tolist(), strict=True))
    height = 1.0 / float(np.sqrt(last))
    return {v: [height * (step < i) for step in range(last)] for i, v in enumerate(axis.values)}


def _long_table(axis: Axis) -> dict[Value, list[float]]:
    """Returns few columns for a long list: a line, or random ones with squared distances near 1."""
    if axis.ordered:
        return {value: [axis.position(value) or 0.0] for value in axis.values}
    rows = np.random.default_rng(0).normal(size=(len(axis.values), _LONGEST_TABLE))
    rows *= _APART / np.linalg.norm(rows, axis=1, keepdims=True)
    return dict(zip(axis.values, rows.tolist(), strict=True))


@runtime_checkable
class Featured(Protocol):
    """A domain that knows cheap facts about its points, each as linear in the score as can be."""

    def features(self, values: Values) -> Mapping[str, float]:
        """Returns the same names, with finite numbers, for every point; in microseconds."""


def feature_rows(domain: Domain, points: Sequence[Values]) -> Matrix:
    """Returns the features of the points, of shape (points, features): no columns if unknown."""
    if not isinstance(domain, Featured) or not points:
        return np.zeros((len(points), 0))
    return np.array([list(domain.features(point).values()) for point in points], dtype=np.float64)


_SIZES = ("log_macs", "macs", "log_params", "params")


def size_of(domain: Domain, values: Values) -> float | None:
    """Returns a number that orders architectures by size, from MACs or else weights; or None."""
    if not isinstance(domain, Featured):
        return None
    known = domain.features(values)
    return next((known[name] for name in _SIZES if name in known), None)


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
