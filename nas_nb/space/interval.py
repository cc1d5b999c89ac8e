"""Intervals of a dictionary space: ``nas.uniform(a, b)`` and ``nas.log_uniform(a, b)``."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nas_nb.errors import SpaceError
from nas_nb.record.values import plain


@dataclass(frozen=True)
class Interval:
    """Every number from `low` to `high`, both included.

    Attributes:
        low: Smallest value.
        high: Largest value, above `low`.
        log: Whether numbers are drawn evenly in their logarithm; `low` is then above 0.

    Raises:
        SpaceError: The ends aren't two such numbers.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        ends = []
        for end in (self.low, self.high):
            value = plain(end)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise SpaceError(f"Expected numbers for the ends of {self}, got {end!r}.")
            if not math.isfinite(value):
                raise SpaceError(f"Expected finite ends of an interval, got {self}.")
            ends.append(value)
        low, high = ends
        if not low < high:
            raise SpaceError(f"Expected an interval from a low to a higher number, got {self}.")
        if self.log and low <= 0:
            raise SpaceError(f"Expected a lower end above 0 on a log scale, got {self}.")
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
