"""How many points a conditional domain has, without listing them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from nas_nb.space.condition import holds

if TYPE_CHECKING:
    from nas_nb.record.values import Value
    from nas_nb.space.parameter import Parameter

Count = int | float
Frontier = tuple[tuple[str, "Value | None"], ...]
"""What later parameters still ask about: the names, with a value, or None where not active."""


def count_points(parameters: tuple[Parameter, ...]) -> Count:
    """Counts the distinct points of the parameters' domain, exactly.

    A dynamic programme over the parameters: after each, prefixes that no later parameter can
    tell apart are counted together. What is kept is the *frontier*, the values that a later
    condition asks about; with nested conditions it is as wide as the nesting is deep.

    Args:
        parameters: Parents before children; of parameters that share a name, the first active
            one counts.

    Returns:
        An int, or ``math.inf`` where a reachable parameter is continuous.
    """
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
    """Reorders the parameters so that few values have to be remembered at any time.

    Depth first: children follow as soon as all that they ask about is known. Parameters that
    share a name keep their order.
    """
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
