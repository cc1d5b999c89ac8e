"""One choice: its kind, values or range, conditions, and its JSON."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from nas_nb.errors import SpaceError, is_number
from nas_nb.record.trial import plain
from nas_nb.space.ranges import LARGEST, NumericRange

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.trial import Value, Values

__all__ = ["Condition", "Parameter", "ParameterKind"]

_REMEMBERED = 4096

_LONGEST_TEXT, _FIRST = 50, 5

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
    """

    name: str
    kind: ParameterKind
    choices: tuple[Value, ...] = ()  # all its values; the one of FIXED
    low: int | float | None = None  # smallest value (INT, FLOAT)
    high: int | float | None = None  # largest value, included (INT, FLOAT)
    step: int | float | None = None  # between values, or their ratio; None: 1 for a linear INT
    log: bool = False  # whether it is spread evenly in its logarithm
    reverse: bool = False  # with `log`, whether values crowd towards `high`
    ordered: bool | None = None  # whether near choices are alike; None: whether they are numbers
    default: Value | None = None  # None: the first or smallest, or False
    conditions: tuple[Condition, ...] = ()  # all must hold for it to count

    def __post_init__(self) -> None:
        if not self.name:
            raise SpaceError("Expected every parameter to have a name. Received: an empty one.")
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
                f"Expected the default of '{self.name}' to be one of {self.range_text()}. "
                f"Received: {self.default!r}."
            )
        object.__setattr__(self, "default", default)

    @classmethod
    def among(
        cls, name: str, values: Sequence[Value], conditions: tuple[Condition, ...] = ()
    ) -> Parameter:
        """Returns a choice of the values; where there is one, it is fixed."""
        kind = ParameterKind.CHOICE if len(values) > 1 else ParameterKind.FIXED
        return cls(name, kind, choices=tuple(values), conditions=conditions)

    @property
    def slot(self) -> tuple[str, tuple[Condition, ...]]:
        """What tells it from other parameters: its name and conditions, as in KerasTuner."""
        return self.name, self.conditions

    @property
    def extent(self) -> tuple[object, ...]:
        """What it may be, to compare: two parameters with one extent have the same values."""
        ends = self.low, self.high, self.step, self.log, self.reverse
        return (self.kind, self.choices, *ends)

    @property
    def is_ordered(self) -> bool:
        """Whether near values are alike."""
        return self.kind in (ParameterKind.INT, ParameterKind.FLOAT) or bool(self.ordered)

    @cached_property
    def range(self) -> NumericRange:
        """The range of a number (`INT`, `FLOAT`)."""
        return NumericRange(
            low=cast("float", self.low),
            high=cast("float", self.high),
            step=self.step,
            log=self.log,
            reverse=self.reverse,
            integer=self.kind is ParameterKind.INT,
        )

    @cached_property
    def _index(self) -> dict[tuple[bool, Value], int]:
        return {typed(choice): number for number, choice in enumerate(self.choices)}

    @cached_property
    def count(self) -> int | float:
        """How many values it has: an int, or ``math.inf``."""
        return len(self.choices) or self.range.count

    def values(self) -> Iterator[Value]:
        """Yields every value of a finite parameter, in order."""
        return map(self.value_at, range(cast("int", self.count)))

    def value_at(self, index: int) -> Value:
        """Returns value number `index` (0-based), in order."""
        return self.choices[index] if self.choices else self.range.value_at(index)

    def index_of(self, value: Value) -> int:
        """Returns the number of a legal `value` of a finite parameter."""
        if self.choices:
            return self._index[typed(value)]
        return cast("int", self.range.index_of(cast("float", value)))

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
            index = self._index.get(typed(given)) if _hashable(given) else None
            return None if index is None else self.choices[index]
        if not is_number(given) or not -LARGEST <= given <= LARGEST:
            return None
        if math.isinf(self.count):
            return self.range.clip(given)
        index = self.range.index_of(given)
        return None if index is None else self.range.value_at(index)

    def contains(self, value: object) -> bool:
        """Says whether `value` is legal."""
        return self.match(value) is not None

    def sample(self, rng: np.random.Generator) -> Value:
        """Draws a value: uniform over choices and grids, else uniform or log-uniform."""
        if self.choices or self.step is not None:
            return self.value_at(int(rng.integers(cast("int", self.count))))
        return self.range.from_unit(float(rng.random()))

    def sample_other(self, value: Value, rng: np.random.Generator) -> Value:
        """Draws a value that differs from `value`. Needs a `count` above 1."""
        if self.choices or self.step is not None:
            count = cast("int", self.count)
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
        return [other for other in self._nearby(value) if other != value]

    def _nearby(self, value: Value) -> Iterable[Value]:
        if not self.choices:
            return self.range.nearby(cast("float", value))
        places = NumericRange(0, len(self.choices) - 1, step=1, integer=True)
        return (self.choices[int(place)] for place in places.nearby(self.index_of(value)))

    def range_text(self) -> str:
        """Says in a few words what it may be: ``32, 64, 128`` or ``0.001 to 0.1 (log)``."""
        if len(self.choices) > _LONGEST_TEXT:
            first = ", ".join(map(str, self.choices[:_FIRST]))
            return f"{first}, ... {self.choices[-1]} ({len(self.choices):,} values)"
        if self.choices:
            return ", ".join(map(str, self.choices))
        step = f" step {self.step}" if self.step not in (None, 1) else ""
        scale = " (reverse log)" if self.reverse else " (log)" if self.log else ""
        return f"{self.low} to {self.high}{step}{scale}"


def typed(value: Value) -> tuple[bool, Value]:
    """Returns what tells a value from others."""
    # True == 1 in Python, yet a choice of 1 is not a choice of True.
    return isinstance(value, bool), value


def _hashable(value: object) -> bool:
    return isinstance(value, str | int | float | bool)


ConditionTable = tuple[tuple[str, "frozenset[Value]"], ...]
"""Parents, and the values that each of them must have."""


@dataclass(frozen=True)
class Condition:
    """The parameter counts only while `parent` is active and has one of `values`."""

    parent: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise SpaceError(
                f"Expected the condition on '{self.parent}' to name values. Received: none."
            )


def holds(conditions: Iterable[Condition], values: Mapping[str, Value | None]) -> bool:
    """Says whether all `conditions` hold for the active `values`."""
    return all(values.get(condition.parent) in condition.values for condition in conditions)


def condition_table(conditions: Iterable[Condition]) -> ConditionTable:
    """Returns the conditions in the form that `is_met` reads: it is asked thousands of times."""
    return tuple((condition.parent, frozenset(condition.values)) for condition in conditions)


def is_met(wanted: ConditionTable, values: Mapping[str, Value]) -> bool:
    """Says whether all conditions hold for the active `values`: as `holds`, and sooner."""
    for parent, legal in wanted:  # noqa: SIM110 - a generator would take most of the time
        if values.get(parent) not in legal:
            return False
    return True


def checked_range(parameter: Parameter, *, whole: bool) -> tuple[float, float, float | None]:
    """Returns the low end, the high end and the step of a numeric parameter."""
    name, low, high, step = parameter.name, parameter.low, parameter.high, parameter.step
    if not is_number(low) or not is_number(high) or not low <= high:
        raise SpaceError(
            f"Expected '{name}' to run from a low to a higher number. Received: low={low!r}, "
            f"high={high!r}."
        )
    if not -LARGEST <= low <= high <= LARGEST:
        raise SpaceError(
            f"Expected finite ends of '{name}'. Received: {low!r:.50} and {high!r:.50}."
        )
    if parameter.log and low <= 0:
        raise SpaceError(
            f"Expected '{name}' to start above 0 on a log scale. Received: low={low!r}."
        )
    convert = int if whole else float
    if convert(low) != low or convert(high) != high:
        raise SpaceError(f"Expected whole ends of '{name}'. Received: {low!r} and {high!r}.")
    if step is None and whole and not parameter.log:
        step = 1
    least = 1 if parameter.log else 0
    if step is not None and (not isinstance(step, int | float) or not least < step <= LARGEST):
        raise SpaceError(f"Expected the step of '{name}' above {least}. Received: {step!r}.")
    return convert(low), convert(high), step


def checked_choices(name: str, given: Sequence[Value]) -> tuple[Value, ...]:
    """Returns the values of a parameter as plain Python's, numbers of both types as floats."""
    choices = tuple(plain(choice) for choice in given)
    if not choices:
        raise SpaceError(f"Expected '{name}' to have a value to choose. Received: none.")
    types = {type(choice) for choice in choices}
    if types == {int, float}:
        choices = tuple(float(choice) for choice in choices)
    elif len(types) > 1 or not types <= {str, int, float, bool}:
        raise SpaceError(
            f"Expected the values of '{name}' to be all strings, all numbers or all booleans. "
            f"Received: {list(given)!r}."
        )
    return distinct(name, choices)


def distinct(name: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Returns the values."""
    if len(set(values)) < len(values):
        twice, _ = Counter(values).most_common(1)[0]
        raise SpaceError(
            f"Expected the values of '{name}' to differ. Received: {twice!r} twice. Remove one."
        )
    return values


def parameter_to_json(parameter: Parameter) -> dict[str, Any]:
    """Returns the parameter as plain lists and dictionaries, without what its kind implies."""
    entry: dict[str, Any] = {"name": parameter.name, "kind": str(parameter.kind)}
    fields = ("low", "high", "step", "ordered", "default")
    entry |= {f: v for f in fields if (v := getattr(parameter, f)) is not None}
    entry |= {flag: True for flag in ("log", "reverse") if getattr(parameter, flag)}
    if parameter.choices and parameter.kind is not ParameterKind.BOOLEAN:
        entry["choices"] = list(parameter.choices)
    if parameter.conditions:
        entry["conditions"] = [
            {"parent": condition.parent, "values": list(condition.values)}
            for condition in parameter.conditions
        ]
    return entry


def parameter_from_json(entry: Mapping[str, Any]) -> Parameter:
    """Returns the parameter that `parameter_to_json` wrote."""
    try:
        fields = {**entry, "kind": ParameterKind(entry["kind"])}
        fields["choices"] = tuple(entry.get("choices", ()))
        fields["conditions"] = tuple(
            Condition(c["parent"], tuple(c["values"])) for c in entry.get("conditions", ())
        )
        return Parameter(**fields)
    except SpaceError:
        raise
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        raise SpaceError(
            f"Expected a parameter as a journal keeps it. Received: {entry!r:.200}."
        ) from error


def is_next_active(parameter: Parameter, known: Values) -> bool:
    """Says whether a parameter is active and its name is still free."""
    return parameter.name not in known and holds(parameter.conditions, known)
