"""Pin, without, at least, at most: what rules leave of a domain."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar, cast

from nas_nb.errors import SpaceError, nearest
from nas_nb.record.trial import plain
from nas_nb.space.parameter import Parameter, ParameterKind

if TYPE_CHECKING:
    from nas_nb.record.trial import Value
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Condition

# Up to so many values a range becomes a list; a longer one gets other ends.
_LONGEST_LIST = 1000
_NUMBERED = re.compile(r"(.+)_\d+")


class RuleKind(StrEnum):
    """What a rule does with the values of a choice."""

    PIN = "pin"
    """Only these values may be chosen."""
    WITHOUT = "without"
    """These values may not be chosen."""
    AT_LEAST = "at_least"
    """Smaller numbers may not be chosen."""
    AT_MOST = "at_most"
    """Larger numbers may not be chosen."""


@dataclass(frozen=True)
class Rule:
    """One rule about one choice.

    Attributes:
        kind: What it does.
        name: Of the choice; or what numbered choices share, `units` for `units_1`, `units_2`...
        values: One or more; for a bound, the one number.
    """

    kind: RuleKind
    name: str
    values: tuple[Value, ...]

    @classmethod
    def read(cls, kind: RuleKind | str, name: str, given: object) -> Rule:
        """Returns the rule that a user's value, or list of values, means.

        Raises:
            SpaceError: It is no value, an empty list, or no number where a bound is meant.
        """
        kind = RuleKind(kind)
        given = plain(given)
        several = not isinstance(given, str | int | float) and isinstance(given, Iterable)
        values = tuple(map(plain, cast("Iterable[object]", given))) if several else (given,)
        if not values or not all(isinstance(value, str | int | float) for value in values):
            raise SpaceError(f"Expected a value of '{name}', or a list of some, got {given!r}.")
        if kind in (RuleKind.AT_LEAST, RuleKind.AT_MOST):
            bound = values[0]
            if len(values) > 1 or isinstance(bound, str | bool) or not math.isfinite(bound):
                raise SpaceError(f"Expected a number as the bound of '{name}', got {given!r}.")
        return cls(kind, name, cast("tuple[Value, ...]", values))

    def narrow(self, parameter: Parameter) -> Parameter:
        """Returns what the rule leaves of a parameter.

        Raises:
            SpaceError: Nothing, or the rule makes no sense for it.
        """
        if self.kind is RuleKind.PIN:
            return _keeping(parameter, self.values)
        if self.kind is RuleKind.WITHOUT:
            return without_values(parameter, self.values)
        bound = cast("float", self.values[0])
        if self.kind is RuleKind.AT_LEAST:
            return _between(parameter, bound, math.inf)
        return _between(parameter, -math.inf, bound)

    def __str__(self) -> str:
        values = ", ".join(str(value) for value in self.values)
        words = {RuleKind.PIN: "pinned to", RuleKind.WITHOUT: "without"}
        return f"{self.name} {words.get(self.kind, self.kind.replace('_', ' '))} {values}"


def restrict(domain: AnyDomain, rules: Collection[Rule]) -> AnyDomain:
    """Returns the part of the domain that all rules leave.

    Raises:
        SpaceError: A name or value is unknown, or a rule leaves nothing of a choice.
    """
    by_name: dict[str, list[Rule]] = {}
    for rule in rules:
        meant = names_meant(domain, rule.name)
        _check_known(domain, rule, meant)
        for name in meant:
            by_name.setdefault(name, []).append(rule)

    def narrow(parameter: Parameter) -> Parameter:
        for rule in by_name.get(parameter.name, ()):
            parameter = rule.narrow(parameter)
        return parameter

    return narrow_domain(domain, narrow) if by_name else domain


def names_meant(domain: Domain, name: str) -> tuple[str, ...]:
    """Returns the choices that a name means: itself, or the numbered ones that begin with it.

    Raises:
        SpaceError: There is none.
    """
    if name in domain.names:
        return (name,)
    stems = {other: match[1] for other in domain.names if (match := _NUMBERED.fullmatch(other))}
    if name in stems.values():
        return tuple(other for other, stem in stems.items() if stem == name)
    known = dict.fromkeys((*domain.names, *stems.values()))
    hint = nearest(name, known) or f" They are: {', '.join(domain.names)}."
    raise SpaceError(f"Expected names of the space's choices, got '{name}'.{hint}")


def rules_of(said: Mapping[str, Mapping[str, object]]) -> list[Rule]:
    """Returns the rules of `{"pin": {"units": [64]}, ...}`, the form that a journal keeps."""
    return [Rule.read(kind, name, given) for kind, by in said.items() for name, given in by.items()]


def _check_known(domain: Domain, rule: Rule, names: Collection[str]) -> None:
    """Raises SpaceError for a value that is left out, or pinned, and that nothing can have."""
    if rule.kind in (RuleKind.AT_LEAST, RuleKind.AT_MOST):
        return
    meant = [parameter for parameter in domain.parameters if parameter.name in names]
    for value in rule.values:
        if not any(parameter.contains(value) for parameter in meant):
            ranges = " or ".join(dict.fromkeys(parameter.range_text() for parameter in meant))
            raise SpaceError(f"Expected '{rule.name}' to be {ranges}, got {value!r}.")


def _keeping(parameter: Parameter, values: Collection[Value]) -> Parameter:
    wanted = [match for value in values if (match := parameter.match(value)) is not None]
    if not wanted:
        raise nothing_left(parameter, f"pinned to {', '.join(map(str, values))}")
    if math.isfinite(parameter.count):
        wanted.sort(key=parameter.index_of)  # as the choice lists them, not as the user does
    return with_values(parameter, tuple(dict.fromkeys(wanted)))


def _between(parameter: Parameter, least: float, most: float) -> Parameter:
    """Returns the parameter without its values below `least` and above `most`."""
    if parameter.choices and isinstance(parameter.choices[0], str | bool):
        raise SpaceError(
            f"Expected a choice of numbers to set a bound to, got '{parameter.name}', which is "
            f"{parameter.range_text()}: pin it, or leave values out."
        )
    if parameter.count <= _LONGEST_LIST:
        every = cast("Iterable[float]", parameter.values())
        left = tuple(value for value in every if least <= value <= most)
        if not left:
            raise nothing_left(parameter, _bounds(least, most))
        return parameter if len(left) == parameter.count else with_values(parameter, left)
    low, high = cast("float", parameter.low), cast("float", parameter.high)
    if least > high or most < low:
        raise nothing_left(parameter, _bounds(least, most))
    return _with_ends(parameter, max(low, least), min(high, most))


def _with_ends(parameter: Parameter, low: float, high: float) -> Parameter:
    """Returns a long or continuous range with other ends, its grid kept."""
    step, first = parameter.step, cast("float", parameter.low)
    if step is not None and low > first:
        turns = math.log(low / first, step) if parameter.log else (low - first) / step
        low = cast("float", parameter.value_at(math.ceil(turns - 1e-9)))
    if parameter.kind is ParameterKind.INT:
        low, high = math.ceil(low), math.floor(high)
    if low > high:
        raise nothing_left(parameter, _bounds(low, high))
    default = cast("float", parameter.default)
    kept = default if low <= default <= high else None
    return replace(parameter, low=low, high=high, default=kept)


def _bounds(least: float, most: float) -> str:
    return f"at least {least:g}" if math.isinf(most) else f"at most {most:g}"


AnyDomain = TypeVar("AnyDomain", bound="Domain")


@dataclass(frozen=True)
class SubspaceSpec:
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
    ) -> SubspaceSpec:
        """Reads what `SearchSpace.subspace` was given."""
        left_out: list[tuple[str | None, Value]] = []
        if isinstance(without, Mapping):
            for name, values in without.items():
                left_out += [(name, value) for value in _listed(values)]
        elif without is not None:
            left_out += [(None, value) for value in _listed(without)]
        return cls(tuple((pins or {}).items()), tuple(left_out))


def cut_domain(domain: AnyDomain, wanted: SubspaceSpec) -> AnyDomain:
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
        return without_values(pinned, gone)

    return narrow_domain(domain, narrow)


def narrow_domain(domain: AnyDomain, narrow: Callable[[Parameter], Parameter]) -> AnyDomain:
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


def _check(domain: Domain, wanted: SubspaceSpec) -> None:
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
    return with_values(parameter, (value,))


def without_values(parameter: Parameter, values: Collection[Value]) -> Parameter:
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
    return with_values(parameter, left)


def nothing_left(parameter: Parameter, rule: str) -> SpaceError:
    """Returns what is raised where a rule, such as "at least 3", leaves nothing of a choice."""
    branch = " Pin also what decides on its branch." if parameter.conditions else ""
    return SpaceError(
        f"Expected something to be left of '{parameter.name}', which is {parameter.range_text()}, "
        f"got no value when it is {rule}.{branch}"
    )


def with_values(parameter: Parameter, values: tuple[Value, ...]) -> Parameter:
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
