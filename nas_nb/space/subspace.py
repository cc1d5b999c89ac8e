"""A part of a domain: some choices pinned, some values left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from nas_nb.errors import SpaceError, nearest
from nas_nb.space.parameter import Parameter, ParameterKind

if TYPE_CHECKING:
    from nas_nb.record.values import Value
    from nas_nb.space.condition import Condition
    from nas_nb.space.domain import Domain

AnyDomain = TypeVar("AnyDomain", bound="Domain")

_LONGEST_LIST = 1000


@dataclass(frozen=True)
class Cut:
    """What a part of a space leaves of it.

    Attributes:
        pins: (name, value) of each choice that is decided.
        without: (name, value) of each value that is left out; name None for all choices that
            have it.
    """

    pins: tuple[tuple[str, Value], ...] = ()
    without: tuple[tuple[str | None, Value], ...] = ()

    @classmethod
    def read(
        cls,
        pins: Mapping[str, Value] | None,
        without: Mapping[str, Iterable[Value]] | Iterable[Value] | None,
    ) -> Cut:
        """Reads what `SearchSpace.subspace` was given."""
        left_out: list[tuple[str | None, Value]] = []
        if isinstance(without, Mapping):
            for name, values in without.items():
                left_out += [(name, value) for value in _listed(values)]
        elif without is not None:
            left_out += [(None, value) for value in _listed(without)]
        return cls(tuple((pins or {}).items()), tuple(left_out))


def cut(domain: AnyDomain, wanted: Cut) -> AnyDomain:
    """Returns the part of the domain that is wanted.

    Parameters whose conditions can't hold any more are gone with their branch.

    Raises:
        SpaceError: A name is unknown, a value is illegal, or nothing is left of a choice.
    """
    _check(domain, wanted)
    pins = dict(wanted.pins)

    def narrow(parameter: Parameter) -> Parameter:
        pinned = _pinned(parameter, pins) if parameter.name in pins else parameter
        gone = [value for name, value in wanted.without if name in (None, parameter.name)]
        return leaving_out(pinned, gone)

    return narrowed(domain, narrow)


def narrowed(domain: AnyDomain, narrow: Callable[[Parameter], Parameter]) -> AnyDomain:
    """Returns the domain with each parameter narrowed, parents first.

    Parameters whose conditions can't hold any more are gone with their branch, and are not asked
    about.
    """
    possible: dict[str, set[Value] | None] = {}
    kept: list[Parameter] = []
    for parameter in domain.parameters:
        if all(_can_hold(condition, possible) for condition in parameter.conditions):
            kept.append(narrow(parameter))
            _admit(possible, kept[-1])
    return replace(domain, parameters=tuple(kept))


def _check(domain: Domain, wanted: Cut) -> None:
    names = [name for name, _ in wanted.pins] + [n for n, _ in wanted.without if n is not None]
    for name in names:
        if name not in domain.names:
            raise SpaceError(
                f"Expected names of the space's choices, got '{name}'."
                + (nearest(name, domain.names) or f" They are: {', '.join(domain.names)}.")
            )
    for owner, value in wanted.without:
        if not any(p.contains(value) for p in domain.parameters if owner in (None, p.name)):
            where = "any choice" if owner is None else f"'{owner}'"
            raise SpaceError(f"Expected a value of {where} to leave out, got {value!r}.")


def _can_hold(condition: Condition, possible: Mapping[str, set[Value] | None]) -> bool:
    if condition.parent not in possible:
        return False
    values = possible[condition.parent]
    return values is None or not values.isdisjoint(condition.values)


def _admit(possible: dict[str, set[Value] | None], parameter: Parameter) -> None:
    """Notes what a name may be; None where that can't be listed."""
    known = possible.get(parameter.name, set())
    if known is None or parameter.count > _LONGEST_LIST:
        possible[parameter.name] = None
    else:
        possible[parameter.name] = known | set(parameter.values())


def _pinned(parameter: Parameter, pins: Mapping[str, Value]) -> Parameter:
    value = parameter.match(pins[parameter.name])
    if value is None:
        raise SpaceError(
            f"Expected '{parameter.name}' to be pinned to {parameter.range_text()}, "
            f"got {pins[parameter.name]!r}."
            + (" Pin also what decides on its branch." if parameter.conditions else "")
        )
    return listing(parameter, (value,))


def leaving_out(parameter: Parameter, values: Collection[Value]) -> Parameter:
    """Returns the parameter without those of the values that it can have.

    Raises:
        SpaceError: It has no list of values, or none is left.
    """
    gone = {match for value in values if (match := parameter.match(value)) is not None}
    if not gone:
        return parameter
    if math.isinf(parameter.count):
        raise SpaceError(
            f"Expected a choice with a list of values to leave some out, got '{parameter.name}', "
            f"which is {parameter.range_text()}: pin it, or give it a least or a largest value."
        )
    left = tuple(value for value in parameter.values() if value not in gone)
    if not left:
        raise nothing_left(parameter, f"without {', '.join(map(str, values))}")
    return listing(parameter, left)


def nothing_left(parameter: Parameter, rule: str) -> SpaceError:
    """Returns what is raised where a rule, such as "at least 3", leaves nothing of a choice."""
    branch = " Pin also what decides on its branch." if parameter.conditions else ""
    return SpaceError(
        f"Expected something to be left of '{parameter.name}', which is {parameter.range_text()}, "
        f"got no value when it is {rule}.{branch}"
    )


def listing(parameter: Parameter, values: tuple[Value, ...]) -> Parameter:
    """Returns the parameter with these of its values, in a list, and no others."""
    kind = ParameterKind.CHOICE if len(values) > 1 else ParameterKind.FIXED
    default = parameter.default if parameter.default in values else values[0]
    return Parameter(
        parameter.name,
        kind,
        choices=values,
        ordered=parameter.ordered,
        default=default,
        conditions=parameter.conditions,
    )


def _listed(values: object) -> list[Value]:
    if isinstance(values, str | int | float | bool):
        return [values]
    if isinstance(values, Iterable):
        return list(values)
    raise SpaceError(f"Expected values to leave out, in a list, got {values!r}.")
