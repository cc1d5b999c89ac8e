"""Points as rows of numbers, positions on a line, distances, cheap features."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

import numpy as np

from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.space.ranges import NumericRange

if TYPE_CHECKING:
    from nas_nb.record.trial import Value, Values
    from nas_nb.space.domain import Domain

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]

Code = tuple[str, "dict[Value, list[float]] | NumericRange", list[float]]
Columns = tuple[str, bool, "Callable[[Value], list[float]]", list[float]]

_LONGEST_TABLE = 32
_APART = float(np.sqrt(0.5))


@dataclass(frozen=True)
class Encoding:
    """Maps points of a domain to rows, one block of columns a choice.

    Within a block the squared distance of two points is 0 where they agree and

    - 1 where an unordered choice differs (one-hot, scaled by the root of 1/2),
    - |i - j| / (count - 1) between values i and j of an ordered list (a thermometer),
    - the square of the difference on the parameter's own scale, 0 to 1, for long and continuous
      ranges.

    A choice that isn't always active has a block more, a flag, and stands at the middle of its
    range while it isn't: otherwise two architectures would differ in what neither has.

    Args:
        domain: The space.
    """

    domain: Domain

    @cached_property
    def _ranges(self) -> tuple[tuple[Parameter, ...], ...]:
        """The parameters that are searched; those that share a name and a range are one."""
        ranges: dict[tuple[str, str], list[Parameter]] = {}
        for parameter in self.domain.parameters:
            if parameter.count > 1:
                ranges.setdefault((parameter.name, parameter.range_text()), []).append(parameter)
        return tuple(tuple(alike) for alike in ranges.values())

    @cached_property
    def _codes(self) -> tuple[Code, ...]:
        """Of each range: its name, its codes by value or its scale, and the code of absence."""
        codes: list[Code] = []
        for alike in self._ranges:
            parameter = alike[0]
            if parameter.choices or parameter.count <= _LONGEST_TABLE:
                table = _table(parameter)
                absent = np.mean(list(table.values()), axis=0) * is_ordered(parameter)
                codes.append((parameter.name, table, absent.tolist()))
            else:
                codes.append((parameter.name, unit_scale(parameter), [0.5]))
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
        """Returns one row a point, of shape (points, columns).

        Args:
            points: Canonical points of the domain.
        """
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


def is_ordered(parameter: Parameter) -> bool:
    """Says whether near values of the parameter are alike."""
    return parameter.kind in (ParameterKind.INT, ParameterKind.FLOAT) or bool(parameter.ordered)


def _present(
    codes: dict[Value, list[float]] | NumericRange, flag: list[float]
) -> Callable[[Value], list[float]]:
    if isinstance(codes, NumericRange):
        return lambda value: [codes.to_unit(cast("float", value)), *flag]
    return {value: code + flag for value, code in codes.items()}.__getitem__


def _table(parameter: Parameter) -> dict[Value, list[float]]:
    values = list(parameter.values())
    if not is_ordered(parameter):
        rows = (np.eye(len(values)) * _APART).tolist()
        return dict(zip(values, rows, strict=True))
    height = 1.0 / float(np.sqrt(len(values) - 1))
    return {
        value: [height * (step < index) for step in range(len(values) - 1)]
        for index, value in enumerate(values)
    }


def unit_scale(parameter: Parameter) -> NumericRange:
    """Returns the interval of a number, off its grid: `NumericRange.to_unit` places values."""
    return NumericRange(
        low=cast("float", parameter.low),
        high=cast("float", parameter.high),
        log=parameter.log,
        reverse=parameter.reverse,
    )


def distance(domain: Domain, one: Values, other: Values) -> float:
    """Returns the number of choices that differ, where near values of a range differ less.

    A choice that only one point has, and an unordered one whose values differ, count 1. Of an
    ordered list the distance of the positions counts, and of a range that on its own scale, both
    as a fraction of the whole. Twins are 0 apart.

    Args:
        domain: The domain.
        one: A point of it.
        other: Another.

    Raises:
        SpaceError: One of them isn't a point of the domain.
    """
    mine, theirs = domain.canonical(one), domain.canonical(other)
    if domain.key(mine) == domain.key(theirs):
        return 0.0
    ranges = {parameter.name: parameter for parameter in domain.active(mine)}
    there = {parameter.name: parameter for parameter in domain.active(theirs)}
    apart = 0.0
    for name in mine.keys() | theirs.keys():
        if name in mine and name in theirs and ranges[name] == there[name]:
            apart += _between(ranges[name], mine[name], theirs[name])
        else:
            apart += mine.get(name) != theirs.get(name)
    return apart


def _between(parameter: Parameter, mine: Value, theirs: Value) -> float:
    if mine == theirs:
        return 0.0
    if not is_ordered(parameter):
        return 1.0
    if parameter.choices:
        steps = abs(parameter.index_of(mine) - parameter.index_of(theirs))
        return steps / (len(parameter.choices) - 1)
    line = unit_scale(parameter)
    return abs(line.to_unit(cast("float", mine)) - line.to_unit(cast("float", theirs)))


_LONGEST_LIST = 100


def is_listed(parameter: Parameter) -> bool:
    """Says whether a parameter counts as a list: of choices, or of at most 100 numbers."""
    return bool(parameter.choices) or parameter.count <= _LONGEST_LIST


def to_position(parameter: Parameter, value: Value) -> int | float:
    """Returns the position of a value: its number in a list, or 0 to 1 along a range."""
    if is_listed(parameter):
        return parameter.index_of(value)
    if _on_a_grid(parameter):
        return parameter.index_of(value) / (cast("int", parameter.count) - 1)
    return min(max(unit_scale(parameter).to_unit(cast("float", value)), 0.0), 1.0)


def from_position(parameter: Parameter, position: int | float) -> Value:
    """Returns the value at a position, that `inward` returned or one between."""
    if is_listed(parameter):
        return parameter.value_at(int(position))
    if _on_a_grid(parameter):
        return parameter.value_at(round(position * (cast("int", parameter.count) - 1)))
    value = unit_scale(parameter).from_unit(position)
    return value if math.isinf(parameter.count) else round(value)


def _on_a_grid(parameter: Parameter) -> bool:
    """Whether its points are even on its own scale."""
    return parameter.step is not None


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
