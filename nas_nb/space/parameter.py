"""One choice that an architecture makes: its name, what it may be, and when it counts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, cast

from nas_nb.errors import SpaceError
from nas_nb.record.values import plain
from nas_nb.space.condition import Condition
from nas_nb.space.declaration import checked_choices, checked_range
from nas_nb.space.numeric import NumericRange

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.values import Value

__all__ = ["Condition", "Parameter", "ParameterKind"]

_REMEMBERED = 4096

LISTED_ALTERNATIVES = 100
"""Up to so many values, every other value is one change away; beyond, only nearby ones are."""


class ParameterKind(StrEnum):
    """What a parameter may be."""

    CHOICE = "choice"
    """One of a list of strings, numbers or booleans."""
    INT = "int"
    """A whole number in an interval, both ends included."""
    FLOAT = "float"
    """A number in an interval, both ends included."""
    BOOLEAN = "boolean"
    """True or False."""
    FIXED = "fixed"
    """One value: recorded, never searched."""


@dataclass(frozen=True)
class Parameter:
    """One choice of a search space.

    Two parameters may share a name where their conditions exclude each other; they then share
    one slot of the values, as in KerasTuner.

    Attributes:
        name: Name of its value.
        kind: What it may be.
        choices: All its values (`CHOICE`), or its one value (`FIXED`). Numbers of both types
            become floats.
        low: Smallest value (`INT`, `FLOAT`).
        high: Largest value, included (`INT`, `FLOAT`).
        step: Distance between values, or their ratio when `log`. Default: 1 for a linear `INT`,
            otherwise none.
        log: Whether it is spread evenly in its logarithm. Default: False.
        reverse: With `log`, whether values crowd towards `high`. Default: False.
        ordered: Whether near choices are alike. Default: whether they are numbers.
        default: Value where nothing else is asked. Default: the first or smallest, or False.
        conditions: When it counts: all of them must hold. Default: always.

    Raises:
        SpaceError: The range is empty, or a value is of the wrong type or given twice.
    """

    name: str
    kind: ParameterKind
    choices: tuple[Value, ...] = ()
    low: int | float | None = None
    high: int | float | None = None
    step: int | float | None = None
    log: bool = False
    reverse: bool = False
    ordered: bool | None = None
    default: Value | None = None
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        if not self.name:
            raise SpaceError("Expected every parameter to have a name, got an empty one.")
        if self.kind in (ParameterKind.INT, ParameterKind.FLOAT):
            low, high, step = checked_range(self, whole=self.kind is ParameterKind.INT)
            object.__setattr__(self, "low", low)
            object.__setattr__(self, "high", high)
            object.__setattr__(self, "step", step)
        else:
            given = (True, False) if self.kind is ParameterKind.BOOLEAN else self.choices
            choices = checked_choices(self.name, given)
            object.__setattr__(self, "choices", choices)
            if self.ordered is None and self.kind is ParameterKind.CHOICE:
                object.__setattr__(self, "ordered", type(choices[0]) in (int, float))
        default = self.value_at(0) if self.default is None else self.match(self.default)
        if self.kind is ParameterKind.BOOLEAN and self.default is None:
            default = False
        if default is None:
            raise SpaceError(
                f"Expected the default of '{self.name}' to be one of {self.range_text()}, "
                f"got {self.default!r}."
            )
        object.__setattr__(self, "default", default)

    @property
    def slot(self) -> tuple[str, tuple[Condition, ...]]:
        """What tells it from other parameters: its name and conditions, as in KerasTuner."""
        return self.name, self.conditions

    @cached_property
    def _range(self) -> NumericRange:
        return NumericRange(
            low=cast(float, self.low),
            high=cast(float, self.high),
            step=self.step,
            log=self.log,
            reverse=self.reverse,
            integer=self.kind is ParameterKind.INT,
        )

    @cached_property
    def _index(self) -> dict[tuple[bool, Value], int]:
        return {_typed(choice): number for number, choice in enumerate(self.choices)}

    @cached_property
    def count(self) -> int | float:
        """How many values it has: an int, or ``math.inf``."""
        return len(self.choices) or self._range.count

    def values(self) -> Iterator[Value]:
        """Yields every value of a finite parameter, in order."""
        return map(self.value_at, range(cast(int, self.count)))

    def value_at(self, index: int) -> Value:
        """Returns value number `index` (0-based), in order."""
        return self.choices[index] if self.choices else self._range.value_at(index)

    def index_of(self, value: Value) -> int:
        """Returns the number of a legal `value` of a finite parameter."""
        if self.choices:
            return self._index[_typed(value)]
        return cast(int, self._range.index_of(cast(float, value)))

    @cached_property
    def _matched(self) -> dict[tuple[type, object], Value]:
        """The own spelling of values that were asked for: each is asked for again and again."""
        return {}

    @cached_property
    def _is_short(self) -> bool:
        return self.count <= _REMEMBERED

    def match(self, value: object) -> Value | None:
        """Returns the parameter's own spelling of `value` (32 for 32.0), or None if illegal."""
        if not _hashable(value):
            return self._match(value)
        key = type(value), value
        found = self._matched.get(key)
        if found is None and (found := self._match(value)) is not None and self._is_short:
            self._matched[key] = found
        return found

    def _match(self, value: object) -> Value | None:
        given = plain(value)
        if self.choices:
            index = self._index.get(_typed(given)) if _hashable(given) else None
            return None if index is None else self.choices[index]
        if isinstance(given, bool) or not isinstance(given, int | float):
            return None
        if math.isinf(self.count):
            return self._range.clip(given)
        index = self._range.index_of(given)
        return None if index is None else self._range.value_at(index)

    def contains(self, value: object) -> bool:
        """Says whether `value` is legal."""
        return self.match(value) is not None

    def sample(self, rng: np.random.Generator) -> Value:
        """Draws a value: uniform over choices and grids, else uniform or log-uniform."""
        if self.choices or self.step is not None:
            return self.value_at(int(rng.integers(cast(int, self.count))))
        return self._range.from_unit(float(rng.random()))

    def sample_other(self, value: Value, rng: np.random.Generator) -> Value:
        """Draws a value that differs from `value`. Needs a `count` above 1."""
        if self.choices or self.step is not None:
            count = cast(int, self.count)
            shift = 1 + int(rng.integers(count - 1))
            return self.value_at((self.index_of(value) + shift) % count)
        other = value
        while other == value:
            other = self.sample(rng)
        return other

    def others(self, value: Value) -> list[Value]:
        """Lists the values one change away from `value`.

        Every other value where there are at most 100 of them; of longer ranges, the next ones on
        the grid and those 1% and 10% of the range away, on its scale.
        """
        if self.count <= LISTED_ALTERNATIVES:
            return [other for other in self.values() if other != value]
        near = self._range.nearby(cast(float, value))
        return [other for other in near if other != value]

    def range_text(self) -> str:
        """Says in a few words what it may be: ``32, 64, 128`` or ``0.001 to 0.1 (log)``."""
        if self.choices:
            return ", ".join(str(choice) for choice in self.choices)
        step = f" step {self.step}" if self.step not in (None, 1) else ""
        scale = " (reverse log)" if self.reverse else " (log)" if self.log else ""
        return f"{self.low} to {self.high}{step}{scale}"


def _typed(value: Value) -> tuple[bool, Value]:
    # True == 1 in Python, yet a choice of 1 is not a choice of True.
    return isinstance(value, bool), value


def _hashable(value: object) -> bool:
    return isinstance(value, str | int | float | bool)
