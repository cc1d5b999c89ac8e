"""Numeric ranges, on a grid or a log scale; `uniform` and `log_uniform`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

from nas_nb.errors import SpaceError, is_number
from nas_nb.record.trial import plain

GRID_TOLERANCE = 1e-9
"""How far off the grid, relative to its spacing, a number may be and still be meant by it."""

LARGEST = 1e300
"""Larger numbers could not be multiplied with any."""

NEARBY = (-0.1, -0.01, 0.01, 0.1)
"""How far the nearby values of a long or continuous range lie, as fractions of its length."""


@dataclass(frozen=True)
class NumericRange:
    """An interval ``[low, high]``, both ends included."""

    low: float
    high: float
    step: float | None = None  # distance of grid points, their ratio when `log`; None for no grid
    log: bool = False  # whether values are spread evenly in their logarithm; `low` is above 0
    reverse: bool = False  # with `log`, whether they crowd towards `high` ("reverse_log")
    integer: bool = False  # whether only whole numbers count

    @cached_property
    def off_grid(self) -> NumericRange:
        """The interval without its grid, whose positions `to_unit` and `from_unit` map."""
        return replace(self, step=None, integer=False)

    @property
    def count(self) -> int | float:
        """How many values there are: an int, or ``math.inf``."""
        if self.step is not None:
            span = (
                math.log(self.high / self.low, self.step)
                if self.log
                else (self.high - self.low) / self.step
            )
            return math.floor(span + GRID_TOLERANCE) + 1
        if self.integer:
            return int(self.high) - int(self.low) + 1
        return 1 if self.low == self.high else math.inf

    def value_at(self, index: int) -> int | float:
        """Returns the value number `index` (0-based) of a finite range."""
        if self.step is None:
            return self._plain(self.low + index if self.integer else self.low)
        if not self.log:
            return self._plain(self.low + index * self.step)
        forward = self.low * math.pow(self.step, index)
        return self._plain(self.high + self.low - forward if self.reverse else forward)

    def index_of(self, value: float) -> int | None:
        """Returns the number of `value` in a finite range, or ``None`` where it isn't in it."""
        if not self.low - GRID_TOLERANCE <= value <= self.high * (1 + GRID_TOLERANCE) + 1e-12:
            return None
        index = round(self._grid_position(value))
        if not 0 <= index < self.count:
            return None
        exact = self.value_at(index)
        close = math.isclose(exact, value, rel_tol=GRID_TOLERANCE, abs_tol=1e-12)
        return index if close else None

    def clip(self, value: float) -> float | None:
        """Returns a continuous range's `value`, rounding errors beyond an end forgiven, or None."""
        clipped = min(max(value, self.low), self.high)
        close = math.isclose(clipped, value, rel_tol=GRID_TOLERANCE, abs_tol=1e-12)
        return float(clipped) if close else None

    def from_unit(self, position: float) -> int | float:
        """Returns the value at a `position` in ``[0, 1]`` along the interval, off any grid."""
        high = self.high + 1 if self.integer else self.high
        if not self.log:
            value = self.low + position * (high - self.low)
        elif self.reverse:
            value = high + self.low - self.low * math.pow(high / self.low, 1 - position)
        else:
            value = self.low * math.pow(high / self.low, position)
        clipped = min(max(value, self.low), self.high)
        return math.floor(clipped) if self.integer else clipped

    def to_unit(self, value: float) -> float:
        """Returns the position in ``[0, 1]`` of `value`: 0 at `low`, 1 at `high`."""
        if self.low == self.high:
            return 0.5
        if not self.log:
            return (value - self.low) / (self.high - self.low)
        ratio = math.log(self.high / self.low)
        if self.reverse:
            return 1 - math.log((self.high + self.low - value) / self.low) / ratio
        return math.log(value / self.low) / ratio

    def nearby(self, value: float) -> list[int | float]:
        """Returns values 1% and 10% of the range away on its scale, and a grid's next ones."""
        near: set[int | float] = set()
        if self.step is None:
            position = self.to_unit(value)
            units = (min(max(position + distance, 0.0), 1.0) for distance in NEARBY)
            near |= {self.from_unit(unit) for unit in units}
        if not math.isinf(self.count):
            index, last = cast("int", self.index_of(value)), cast("int", self.count) - 1
            moves = [-1, 1, *(round(distance * last) for distance in NEARBY if self.step)]
            near |= {self.value_at(index + move) for move in moves if 0 <= index + move <= last}
        return sorted(near)

    def _grid_position(self, value: float) -> float:
        if self.step is None:
            return value - self.low
        if not self.log:
            return (value - self.low) / self.step
        forward = self.high + self.low - value if self.reverse else value
        return math.log(forward / self.low, self.step) if forward > 0 else -1.0

    def _plain(self, value: float) -> int | float:
        # Twelve digits: 0.3 rather than 0.30000000000000004, which no reader would type.
        return int(value + GRID_TOLERANCE) if self.integer else float(f"{value:.12g}")


@dataclass(frozen=True)
class Interval:
    """Every number from `low` to `high`, both included; `log` draws evenly in the logarithm."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        ends = []
        for end in (self.low, self.high):
            value = plain(end)
            if not is_number(value):
                raise SpaceError(f"Expected numbers for the ends of {self}. Received: {end!r}.")
            if not abs(value) <= LARGEST:
                raise SpaceError(f"Expected finite ends of an interval. Received: {self!r:.200}.")
            ends.append(value)
        low, high = ends
        if not low < high:
            raise SpaceError(
                f"Expected an interval from a low to a higher number. Received: {self}."
            )
        if self.log and low <= 0:
            raise SpaceError(f"Expected a lower end above 0 on a log scale. Received: {self}.")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    def __repr__(self) -> str:
        return f"{'log_uniform' if self.log else 'uniform'}({self.low!r}, {self.high!r})"


def uniform(low: float, high: float) -> Interval:
    """Returns the interval from `low` to `high`, both included, for a key of a dictionary space.

    For keys of whole numbers, such as ``"units"``, these are the whole numbers in it.

    Raises:
        SpaceError: `low` isn't a number below `high`.

    Example:
        >>> space = SearchSpace.from_dict({..., "dropout": uniform(0.0, 0.5)})
    """
    return Interval(low, high)


def log_uniform(low: float, high: float) -> Interval:
    """Returns the interval, drawn from evenly in the logarithm: as often in 1-10 as in 10-100.

    Raises:
        SpaceError: `low` isn't a number above 0 and below `high`.

    Example:
        >>> space = SearchSpace.from_dict({..., "learning_rate": log_uniform(1e-4, 1e-1)})
    """
    return Interval(low, high, log=True)
