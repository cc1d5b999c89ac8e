"""The set of legal points: sample, neighbours, mutate, count, enumerate."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from nas_nb.errors import SpaceError, nearest, shown
from nas_nb.record.trial import no_values, values_key
from nas_nb.space.parameter import (
    condition_table,
    holds,
    is_met,
    parameter_from_json,
    parameter_to_json,
)

if TYPE_CHECKING:
    from nas_nb.record.trial import Value, Values
    from nas_nb.space.parameter import ConditionTable, Parameter


@dataclass(frozen=True)
class Domain:
    """Parameters, some of which count only while others have certain values.

    A *point* is a dictionary of values that names the active parameters and no others. Every
    question about a domain is answered without building a model.

    Attributes:
        parameters: Parents before children. A name may occur again under conditions that
            exclude the earlier ones; both then share one slot of the values. Where they don't
            exclude each other, the first active one owns the slot.

    Raises:
        SpaceError: There is no parameter, a condition asks about an unknown or later parameter,
            or a name is used twice with different ranges at the same time.
    """

    parameters: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        check_parameters(self.parameters)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all values, active or not, each once, in order."""
        return tuple(dict.fromkeys(parameter.name for parameter in self.parameters))

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self.names)

    @cached_property
    def size(self) -> int | float:
        """How many points there are: an exact int, or ``math.inf``."""
        return count_points(self.parameters)

    @cached_property
    def _parents(self) -> frozenset[str]:
        """The names that conditions ask about: only these choices bear on others."""
        return frozenset(
            condition.parent for parameter in self.parameters for condition in parameter.conditions
        )

    @cached_property
    def _is_plain(self) -> bool:
        """Whether every parameter counts, whatever the values are."""
        return not self._parents and len(self.names) == len(self.parameters)

    @property
    def distinct(self) -> Domain:
        """The domain with one point for each architecture: itself, unless points have twins.

        Strategies propose from it, so that no architecture is trained twice under two names.
        """
        return self

    def key(self, point: Values) -> str:
        """Returns text that is the same for the canonical points of one architecture.

        Args:
            point: What `canonical` returned.
        """
        return values_key(point)

    def representative(self, values: Values) -> dict[str, Value]:
        """Returns the point that stands for all those of its architecture: here, the point itself.

        Raises:
            SpaceError: As `canonical` does.
        """
        return self.canonical(values)

    def active(self, values: Values) -> tuple[Parameter, ...]:
        """Returns the parameters that count for `values`, in order."""
        return tuple(self._owners(self._fill(values, _refuse)))

    def canonical(self, values: Values) -> dict[str, Value]:
        """Returns the point that `values` means: active values only, in order, in our spelling.

        Raises:
            SpaceError: An active value is missing or illegal, or a name is unknown.
        """
        self._check_names(values)
        return self._fill(values, _refuse)

    def complete(self, partial: Values) -> dict[str, Value]:
        """Returns the point that `partial` means, with defaults for active values it lacks.

        Raises:
            SpaceError: A value is illegal, or a name is unknown.
        """
        self._check_names(partial)
        return self._fill(partial, lambda p: p.default if p.name not in partial else None)

    def contains(self, values: Values) -> bool:
        """Says whether `values` names a point; values that aren't active are overlooked."""
        try:
            self.canonical(values)
        except SpaceError:
            return False
        return True

    def sample(self, rng: np.random.Generator) -> dict[str, Value]:
        """Draws a point: each active parameter on its own, parents first, as KerasTuner does."""
        _check_generator(rng)
        return self._fill({}, lambda p: p.sample(rng))

    def neighbours(self, values: Values) -> list[dict[str, Value]]:
        """Lists the points that differ from `values` in one active choice.

        Parameters that become active take their default, and values that stay legal are kept.
        Of long and continuous ranges only nearby values are tried (`Parameter.others`).
        """
        point = self.canonical(values)
        return [
            self._change(point, parameter, other, lambda p: p.default)
            for parameter in self._owners(point)
            for other in parameter.others(point[parameter.name])
        ]

    def mutate(self, values: Values, rng: np.random.Generator) -> dict[str, Value]:
        """Draws a point that differs from `values` in one active choice, drawn uniformly.

        Parameters that become active are drawn too, and values that stay legal are kept.

        Raises:
            SpaceError: Nothing can be changed, because the active parameters have one value each.
        """
        _check_generator(rng)
        return self._mutant(self.canonical(values), rng)

    def mutants(
        self, point: dict[str, Value], rng: np.random.Generator, steps: int
    ) -> list[dict[str, Value]]:
        """Draws a walk of so many steps: a mutant of `point`, a mutant of that, and so on.

        Args:
            point: What `canonical` returned.
            rng: The source of chance.
            steps: How many, 0 or more.

        Raises:
            SpaceError: As `mutate` does.
        """
        walk = []
        for _ in range(steps):
            point = self._mutant(point, rng)
            walk.append(point)
        return walk

    def _mutant(self, point: dict[str, Value], rng: np.random.Generator) -> dict[str, Value]:
        """Draws a mutant of a canonical point, which needs no check."""
        free = [parameter for parameter in self._owners(point) if parameter.count > 1]
        if not free:
            raise SpaceError(
                "Expected a space with something to change. Received: one where every active "
                "parameter has a single value. Add a choice to it."
            )
        chosen = free[int(rng.integers(len(free)))]
        other = chosen.sample_other(point[chosen.name], rng)
        return self._change(point, chosen, other, lambda p: p.sample(rng))

    def distance(self, one: Values, other: Values) -> float:
        """Returns the number of choices that differ, where near values of a range differ less.

        A choice that only one point has, and an unordered one whose values differ, count 1. Of an
        ordered list or a range the distance counts, as a fraction of the whole. Twins are 0 apart.
        """
        mine, theirs = self.canonical(one), self.canonical(other)
        if self.key(mine) == self.key(theirs):
            return 0.0
        ranges = {parameter.name: parameter for parameter in self.active(mine)}
        there = {parameter.name: parameter for parameter in self.active(theirs)}
        apart = 0.0
        for name in mine.keys() | theirs.keys():
            if name in mine and name in theirs and ranges[name] == there[name]:
                apart += _between(ranges[name], mine[name], theirs[name])
            else:
                apart += mine.get(name) != theirs.get(name)
        return apart

    def enumerate(self, after: Values | None = None) -> Iterator[dict[str, Value]]:
        """Yields every point of a finite domain, in the order of the parameters' values.

        Args:
            after: A point: only those that follow it. Default: from the first.

        Raises:
            SpaceError: The domain is infinite.
        """
        # Not in the generator: the error comes before the first point is asked for.
        if self.size == math.inf:
            raise SpaceError(
                "Expected a finite space to enumerate. Received: an infinite one. Give its "
                "continuous parameters a step, or draw samples instead."
            )
        return self._enumerated(None if after is None else self.canonical(after))

    def _enumerated(self, point: dict[str, Value] | None) -> Iterator[dict[str, Value]]:
        point = self._first({}) if point is None else self._next(point)
        while point is not None:
            yield dict(point)
            point = self._next(point)

    def _next(self, point: dict[str, Value]) -> dict[str, Value] | None:
        # The last wheel that can still turn does, and those after it start anew.
        active = self.active(point)
        for number in range(len(active) - 1, -1, -1):
            wheel = active[number]
            index = wheel.index_of(point[wheel.name]) + 1
            if index < wheel.count:
                kept = {p.name: point[p.name] for p in active[:number]}
                return self._first({**kept, wheel.name: wheel.value_at(index)})
        return None

    def _first(self, kept: Values) -> dict[str, Value]:
        """Returns the first point that has these values of the foremost active parameters."""
        return self._fill(kept, lambda p: p.value_at(0))

    def to_json(self) -> dict[str, Any]:
        """Returns the domain as plain lists and dictionaries, ready for ``json.dumps``."""
        return {"parameters": [parameter_to_json(parameter) for parameter in self.parameters]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Domain:
        """Returns the domain that `to_json` wrote.

        Raises:
            SpaceError: It is none.
        """
        parameters = data.get("parameters") if isinstance(data, Mapping) else None
        if not isinstance(parameters, list):
            raise SpaceError(f"Expected a domain as a journal keeps it. Received: {data!r:.200}.")
        return cls(tuple(map(parameter_from_json, parameters)))

    def _change(
        self,
        point: dict[str, Value],
        parameter: Parameter,
        value: Value,
        otherwise: Callable[[Parameter], Value | None],
    ) -> dict[str, Value]:
        changed = {**point, parameter.name: value}
        # Strategies draw hundreds of mutants for one proposal: don't check what can't be wrong.
        return self._fill(changed, otherwise) if parameter.name in self._parents else changed

    @cached_property
    def _plan(self) -> tuple[tuple[str, Parameter, ConditionTable], ...]:
        """The parameters in order, with what must hold for each to count."""
        return tuple((p.name, p, condition_table(p.conditions)) for p in self.parameters)

    def _owners(self, point: Values) -> list[Parameter]:
        """The active parameters of a canonical point, whose values need no check, in order."""
        if self._is_plain:
            return list(self.parameters)
        owners: dict[str, Parameter] = {}
        for name, parameter, conditions in self._plan:
            if name in point and name not in owners and is_met(conditions, point):
                owners[name] = parameter
        return list(owners.values())

    def _fill(
        self, values: Values, otherwise: Callable[[Parameter], Value | None]
    ) -> dict[str, Value]:
        """Returns the point of the active values; `otherwise` mends what isn't legal."""
        known: dict[str, Value] = {}
        for name, parameter, conditions in self._plan:
            if name in known or (conditions and not is_met(conditions, known)):
                continue
            given = values.get(name)
            value = None if given is None else parameter.match(given)
            if value is None:
                value = otherwise(parameter)
            if value is None:
                raise illegal(parameter, values)
            known[name] = value
        return known

    def _check_names(self, values: Values) -> None:
        if not isinstance(values, (dict, Mapping)):  # a trial, say
            raise no_values(values)
        if not self._names.issuperset(values):
            raise unknown(values, self.names)


def _check_generator(rng: object) -> None:
    if not isinstance(rng, np.random.Generator):
        raise SpaceError(
            "Expected a generator of NumPy, as `np.random.default_rng(0)`. Received: "
            f"rng={shown(rng)}."
        )


def _refuse(parameter: Parameter) -> None:
    """Mends nothing: what isn't legal stays an error."""


def check_parameters(parameters: Sequence[Parameter]) -> None:
    """Checks that parents come first, and that what shares a name has one range."""
    if not parameters:
        raise SpaceError(
            "Expected a space with at least one parameter. Received: an empty one. Add a choice "
            "to it."
        )
    seen: dict[str, list[Parameter]] = {}
    for parameter in parameters:
        for condition in parameter.conditions:
            if condition.parent not in seen or condition.parent == parameter.name:
                raise SpaceError(
                    f"Expected the condition of '{parameter.name}' to ask about another, earlier "
                    f"parameter. Received: '{condition.parent}'." + nearest(condition.parent, seen)
                )
        for earlier in seen.setdefault(parameter.name, []):
            _check_sharing(earlier, parameter)
        seen[parameter.name].append(parameter)


def illegal(parameter: Parameter, values: Values) -> SpaceError:
    """Returns the error of a value that is missing or not in its range."""
    given = repr(values[parameter.name]) if parameter.name in values else "no value"
    return SpaceError(
        f"Expected '{parameter.name}' to be {parameter.range_text()}. Received: {given}."
    )


def unknown(values: Values, names: Sequence[str]) -> SpaceError:
    """Returns the error of values of which one has none of the domain's `names`."""
    name = min(map(str, set(values) - set(names)))
    return SpaceError(
        f"Expected values of the space's own parameters. Received: '{name}'."
        + (nearest(name, names) or f" They are: {', '.join(names)}.")
    )


def _check_sharing(earlier: Parameter, later: Parameter) -> None:
    mine = {condition.parent: set(condition.values) for condition in later.conditions}
    exclusive = any(
        condition.parent in mine and not mine[condition.parent] & set(condition.values)
        for condition in earlier.conditions
    )
    if not exclusive and earlier.extent != later.extent:
        raise SpaceError(
            f"Expected '{later.name}' to have one range wherever it is active. Received: "
            f"{earlier.range_text()} and {later.range_text()}. Give one of them another name."
        )


def _between(parameter: Parameter, mine: Value, theirs: Value) -> float:
    if mine == theirs:
        return 0.0
    if not parameter.is_ordered:
        return 1.0
    if parameter.choices:
        steps = abs(parameter.index_of(mine) - parameter.index_of(theirs))
        return steps / (len(parameter.choices) - 1)
    line = parameter.range.off_grid
    return abs(line.to_unit(cast("float", mine)) - line.to_unit(cast("float", theirs)))


def size_text(size: float) -> str:
    """Returns the size of a space: '15,625 architectures', 'about 10^334 architectures'."""
    if size == math.inf:
        return "infinitely many architectures"
    if size < _EXACT:
        return f"{size:,} architecture{'' if size == 1 else 's'}"
    return f"about 10^{math.log10(size):.0f} architectures"


_EXACT = 10**9
"""From here on nobody counts: a size is told by its power of ten."""


Count = int | float
Frontier = tuple[tuple[str, "Value | None"], ...]
"""What later parameters still ask about: the names, with a value, or None where not active."""


def count_points(parameters: tuple[Parameter, ...]) -> Count:
    """Counts the distinct points of the parameters' domain, exactly."""
    # A dynamic programme over the parameters: after each, prefixes that no later parameter can tell
    # apart are counted together, by the values that a later condition asks about.
    ordered = _children_near_parents(parameters)
    last_asked = _last_asked(ordered)
    prefixes: dict[Frontier, Count] = {(): 1}
    for number, parameter in enumerate(ordered):
        cases = _cases(parameter, ordered)
        longer: dict[Frontier, Count] = defaultdict(int)
        for frontier, ways in prefixes.items():
            known = dict(frontier)
            for value, multiplicity in _extensions(parameter, known, cases):
                after = {**known, parameter.name: value}
                kept = tuple((n, v) for n, v in after.items() if last_asked.get(n, -1) > number)
                longer[kept] = _add(longer[kept], _times(ways, multiplicity))
        prefixes = longer
    return sum(prefixes.values())


def _extensions(
    parameter: Parameter, known: Mapping[str, Value | None], cases: list[tuple[Value, Count]]
) -> list[tuple[Value | None, Count]]:
    taken = known.get(parameter.name)
    if taken is not None:
        return [(taken, 1)]
    return list(cases) if holds(parameter.conditions, known) else [(None, 1)]


def _cases(parameter: Parameter, ordered: list[Parameter]) -> list[tuple[Value, Count]]:
    """Returns the values that conditions tell apart, each with how many values it stands for."""
    asked = {
        condition.values
        for other in ordered
        for condition in other.conditions
        if condition.parent == parameter.name
    }
    named = {match for values in asked for v in values if (match := parameter.match(v)) is not None}
    groups: dict[tuple[bool, ...], list[Value]] = defaultdict(list)
    for value in sorted(named, key=repr):
        groups[tuple(value in values for values in asked)].append(value)
    cases: list[tuple[Value, Count]] = [(group[0], len(group)) for group in groups.values()]
    unnamed = parameter.count - len(named)
    if unnamed:
        cases.append((_unnamed(parameter, named), unnamed))
    return cases


def _unnamed(parameter: Parameter, named: set[Value]) -> Value:
    # Of a continuous range any number outside the conditions stands for all the others.
    if math.isinf(parameter.count):
        return math.nan
    return next(value for value in parameter.values() if value not in named)


def _children_near_parents(parameters: tuple[Parameter, ...]) -> list[Parameter]:
    """Orders parameters depth first, so that few values have to be remembered at any time."""
    needs = _needs(parameters)
    dependants: dict[int, list[int]] = defaultdict(list)
    for number, before in enumerate(needs):
        for other in before:
            dependants[other].append(number)
    ordered: dict[int, Parameter] = {}
    for number in range(len(parameters)):
        stack = [number]
        while stack:
            chosen = stack.pop()
            if chosen not in ordered and needs[chosen] <= ordered.keys():
                ordered[chosen] = parameters[chosen]
                stack += reversed(dependants[chosen])
    return list(ordered.values())


def _needs(parameters: tuple[Parameter, ...]) -> list[set[int]]:
    """Returns, for each parameter, which earlier ones own a name that it asks about."""
    owners: dict[str, list[int]] = defaultdict(list)
    needs = []
    for number, parameter in enumerate(parameters):
        names = {parameter.name, *(condition.parent for condition in parameter.conditions)}
        needs.append({owner for name in names for owner in owners[name]})
        owners[parameter.name].append(number)
    return needs


def _last_asked(ordered: list[Parameter]) -> dict[str, int]:
    last: dict[str, int] = {}
    for number, parameter in enumerate(ordered):
        last[parameter.name] = number
        for condition in parameter.conditions:
            last[condition.parent] = number
    return last


def _add(a: Count, b: Count) -> Count:
    return math.inf if math.inf in (a, b) else a + b


def _times(a: Count, b: Count) -> Count:
    return math.inf if math.inf in (a, b) else a * b
