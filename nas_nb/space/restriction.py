"""Pin, without, at least, at most: what rules leave of a domain."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar, cast

from nas_nb.errors import SpaceError, nearest
from nas_nb.record.trial import plain
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.space.ranges import LARGEST

if TYPE_CHECKING:
    from nas_nb.record.trial import Value
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Condition

AnyDomain = TypeVar("AnyDomain", bound="Domain")

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
    """One rule about one choice."""

    kind: RuleKind
    name: str  # of the choice, or what numbered ones share: `units` for `units_1`, `units_2`
    values: tuple[Value, ...]  # one or more; for a bound, the one number

    @classmethod
    def read(cls, kind: RuleKind, name: str, given: object) -> Rule:
        """Returns the rule that a user's value, or list of values, means."""
        given = plain(given)
        one = isinstance(given, str | int | float | Mapping) or not isinstance(given, Iterable)
        values = (given,) if one else tuple(map(plain, cast("Iterable[object]", given)))
        if not values or not all(isinstance(value, str | int | float) for value in values):
            raise SpaceError(
                f"Expected a value of '{name}', or a list of some. Received: {given!r}."
            )
        if kind in (RuleKind.AT_LEAST, RuleKind.AT_MOST):
            bound = values[0]
            if len(values) > 1 or isinstance(bound, str | bool) or not abs(bound) <= LARGEST:
                raise SpaceError(
                    f"Expected a number as the bound of '{name}'. Received: {given!r}."
                )
        return cls(kind, name, cast("tuple[Value, ...]", values))

    def names_in(self, domain: Domain) -> tuple[str, ...]:
        """Returns the names of the choices that it is about."""
        names = names_meant(domain, self.name)
        if self.kind in (RuleKind.PIN, RuleKind.WITHOUT):
            meant = [parameter for parameter in domain.parameters if parameter.name in names]
            for value in self.values:
                if not any(parameter.contains(value) for parameter in meant):
                    ranges = " or ".join(dict.fromkeys(p.range_text() for p in meant))
                    raise SpaceError(f"Expected '{self.name}' to be {ranges}. Received: {value!r}.")
        return names

    def narrow(self, parameter: Parameter) -> Parameter:
        """Returns what the rule leaves of a parameter."""
        if self.kind is RuleKind.PIN:
            return _keeping(parameter, self.values)
        if self.kind is RuleKind.WITHOUT:
            return _without(parameter, self.values)
        bound = cast("float", self.values[0])
        if self.kind is RuleKind.AT_LEAST:
            return _between(parameter, bound, math.inf)
        return _between(parameter, -math.inf, bound)

    def and_also(self, other: Rule) -> Rule:
        """Returns the rule that keeps both, which are of one kind and about one name."""
        if self.kind is RuleKind.WITHOUT:
            return replace(self, values=tuple(dict.fromkeys((*self.values, *other.values))))
        if self.kind is RuleKind.PIN:
            both = tuple(value for value in other.values if value in self.values)
            if not both:
                raise SpaceError(
                    f"Expected a pin that leaves something. Received: {other}, and {self} before."
                )
            return replace(self, values=both)
        pick = max if self.kind is RuleKind.AT_LEAST else min
        return pick(self, other, key=lambda rule: cast("float", rule.values[0]))

    def __str__(self) -> str:
        values = ", ".join(str(value) for value in self.values)
        words = {RuleKind.PIN: "pinned to", RuleKind.WITHOUT: "without"}
        return f"{self.name} {words.get(self.kind, self.kind.replace('_', ' '))} {values}"


@dataclass(frozen=True)
class Rules:
    """Rules about the choices of a space: what steering restricts, and what makes a subspace."""

    listed: tuple[Rule, ...] = ()  # at most one of a kind about a name, as they came

    @classmethod
    def read(cls, **given: Mapping[str, object] | None) -> Rules:
        """Returns the rules of `pin={"units": 64}` and the like."""
        for kind, by_name in given.items():
            if not isinstance(by_name, Mapping | None):
                raise SpaceError(
                    f"Expected `{kind}` to name choices, such as {kind}={{'units': 64}}. "
                    f"Received: {kind}={by_name!r}."
                )
        return cls.from_json({kind: by_name for kind, by_name in given.items() if by_name})

    @classmethod
    def from_json(cls, data: Mapping[str, Mapping[str, object]]) -> Rules:
        """Returns the rules that `to_json` wrote, in a journal for example."""
        try:
            said = [(RuleKind(kind), n, v) for kind, by in data.items() for n, v in by.items()]
        except (AttributeError, ValueError):
            raise SpaceError(
                f"Expected rules such as {{'pin': {{'units': [64]}}}}. Received: {data!r:.200}."
            ) from None
        return cls(tuple(Rule.read(*rule) for rule in said))

    def to_json(self) -> dict[str, dict[str, list[Value]]]:
        """Returns the rules as `{"pin": {"units": [64]}, ...}`."""
        said: dict[str, dict[str, list[Value]]] = {}
        for rule in self.listed:
            said.setdefault(str(rule.kind), {})[rule.name] = list(rule.values)
        return said

    def added(self, new: Rules) -> Rules:
        """Returns the rules with new ones, where a pin or bound replaces the one before it."""
        return self._merged(new, replaces=True)

    def narrowed(self, further: Rules) -> Rules:
        """Returns the rules that keep these and the further ones: the part of a part."""
        return self._merged(further, replaces=False)

    def _merged(self, new: Rules, *, replaces: bool) -> Rules:
        merged = {(rule.kind, rule.name): rule for rule in self.listed}
        for rule in new.listed:
            before = merged.pop((rule.kind, rule.name), None)
            keeps = before is not None and (not replaces or rule.kind is RuleKind.WITHOUT)
            merged[rule.kind, rule.name] = before.and_also(rule) if before and keeps else rule
        return Rules(tuple(merged.values()))

    def lifted(self, names: Collection[str] = ()) -> Rules:
        """Returns the rules that are not about `names`; none without names."""
        return Rules(tuple(rule for rule in self.listed if names and rule.name not in names))

    def narrow(self, domain: AnyDomain) -> AnyDomain:
        """Returns what all rules leave of the domain, without branches that can't be reached."""
        if not self.listed:
            return domain
        by_name: dict[str, list[Rule]] = defaultdict(list)
        for rule in self.listed:
            for name in rule.names_in(domain):
                by_name[name].append(rule)
        possible: dict[str, set[Value] | None] = {}
        kept: list[Parameter] = []
        for parameter in domain.parameters:
            if all(_can_hold(condition, possible) for condition in parameter.conditions):
                left = parameter
                for rule in by_name.get(parameter.name, ()):
                    left = rule.narrow(left)
                kept.append(left)
                _admit(possible, left)
        return replace(domain, parameters=tuple(kept))

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.listed)

    def __len__(self) -> int:
        return len(self.listed)

    def __str__(self) -> str:
        return "; ".join(map(str, self.listed))


def names_meant(domain: Domain, name: str) -> tuple[str, ...]:
    """Returns the choices that a name means: itself, or the numbered ones that begin with it."""
    if name in domain.names:
        return (name,)
    stems = {other: tuple(_stems(other)) for other in domain.names}
    if meant := tuple(other for other, its in stems.items() if name in its):
        return meant
    known = dict.fromkeys((*domain.names, *(stem for its in stems.values() for stem in its)))
    hint = nearest(str(name), known) or f" They are: {', '.join(domain.names)}."
    raise SpaceError(f"Expected names of the space's choices. Received: '{name}'.{hint}")


def _stems(name: str) -> Iterator[str]:
    """Yields a name without its last number, without its last two ... : `edge_0`, `edge`."""
    while match := _NUMBERED.fullmatch(name):
        name = match[1]
        yield name


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


def _keeping(parameter: Parameter, values: Collection[Value]) -> Parameter:
    wanted = [match for value in values if (match := parameter.match(value)) is not None]
    if not wanted:
        raise _nothing_left(parameter, f"pinned to {', '.join(map(str, values))}")
    if math.isfinite(parameter.count):
        wanted.sort(key=parameter.index_of)  # as the choice lists them, not as the user does
    return _with_values(parameter, tuple(dict.fromkeys(wanted)))


def _without(parameter: Parameter, values: Collection[Value]) -> Parameter:
    """Returns the parameter without those of the values that it can have."""
    gone = {match for value in values if (match := parameter.match(value)) is not None}
    if not gone:
        return parameter
    if math.isinf(parameter.count):
        raise SpaceError(
            f"Expected a choice with a list of values to leave some out. Received: "
            f"'{parameter.name}', which is {parameter.range_text()}: pin it, or give it a least "
            "or a largest value."
        )
    left = tuple(value for value in parameter.values() if value not in gone)
    if not left:
        raise _nothing_left(parameter, f"without {', '.join(map(str, values))}")
    return _with_values(parameter, left)


def _between(parameter: Parameter, least: float, most: float) -> Parameter:
    """Returns the parameter without its values below `least` and above `most`."""
    if parameter.choices and isinstance(parameter.choices[0], str | bool):
        raise SpaceError(
            f"Expected a choice of numbers to set a bound to. Received: '{parameter.name}', which "
            f"is {parameter.range_text()}: pin it, or leave values out."
        )
    bounds = f"at least {least:g}" if math.isinf(most) else f"at most {most:g}"
    if parameter.count <= _LONGEST_LIST:
        every = cast("Iterable[float]", parameter.values())
        left = tuple(value for value in every if least <= value <= most)
        if not left:
            raise _nothing_left(parameter, bounds)
        return parameter if len(left) == parameter.count else _with_values(parameter, left)
    ends = _ends(parameter, least, most)
    if ends is None:
        raise _nothing_left(parameter, bounds)
    low, high = ends
    default = cast("float", parameter.default)
    kept = default if low <= default <= high else None
    return replace(parameter, low=low, high=high, default=kept)


def _ends(parameter: Parameter, least: float, most: float) -> tuple[float, float] | None:
    """Returns other ends of a long or continuous range, its grid kept; None if nothing is left."""
    first, last = cast("float", parameter.low), cast("float", parameter.high)
    low, high = max(first, least), min(last, most)
    step = parameter.step
    if step is not None and first < low <= last:
        turns = math.log(low / first, step) if parameter.log else (low - first) / step
        low = cast("float", parameter.value_at(math.ceil(turns - 1e-9)))
    if parameter.kind is ParameterKind.INT and low <= high:
        low, high = math.ceil(low), math.floor(high)
    return (low, high) if low <= high else None


def _nothing_left(parameter: Parameter, rule: str) -> SpaceError:
    """Returns what is raised where a rule, such as "at least 3", leaves nothing of a choice."""
    branch = " Pin also what decides on its branch." if parameter.conditions else ""
    return SpaceError(
        f"Expected something to be left of '{parameter.name}', which is {parameter.range_text()}. "
        f"Received: {rule}.{branch}"
    )


def _with_values(parameter: Parameter, values: tuple[Value, ...]) -> Parameter:
    """Returns the parameter with these of its values, in a list, and no others."""
    default = parameter.default if parameter.default in values else values[0]
    kind = ParameterKind.CHOICE if len(values) > 1 else ParameterKind.FIXED
    return Parameter(
        parameter.name,
        kind,
        choices=values,
        ordered=parameter.ordered,
        default=default,
        conditions=parameter.conditions,
    )
