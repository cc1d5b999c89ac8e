"""How far two points of a domain are apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from nas_nb.space.encoding import is_ordered, scale

if TYPE_CHECKING:
    from nas_nb.record.values import Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter


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
    line = scale(parameter)
    return abs(line.to_unit(cast(float, mine)) - line.to_unit(cast(float, theirs)))
