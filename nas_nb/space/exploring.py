"""Finding the whole domain of a build function with few builds.

KerasTuner learns of a parameter when a build asks for it, so a parameter in a branch is unknown
until that branch was taken. Three questions find them:

1. Which conditional scopes were never open? Values are chosen that open many at once.
2. Which options of a choice were never built? One build tries a new option of every choice. A
   number is tried at its top as well where it may count something (blocks, layers).
3. Which parameters come and go without a scope (``if hp.Boolean("conv"): hp.Int("kernel", ...)``)?
   Changing one value at a time tells whose branch they are in, and they get that condition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from nas_nb.space.condition import holds
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Condition, Parameter, ParameterKind

if TYPE_CHECKING:
    from nas_nb.record.values import Value, Values
    from nas_nb.space.recording import Scope, Trace

LARGEST_COUNT = 64
"""Numbers up to this may count blocks and steer a loop; larger ones are taken for widths."""

MOST_OPTIONS = 32
"""Longer lists of choices are not built one by one."""

MOST_BUILDS = 300
"""After so many builds the rest of the parameters is taken to be unconditional."""


class Survey:
    """What is known of a build function, and the builds that taught it.

    Args:
        record: Builds once with some values and returns the trace; see `recording.record`.
    """

    def __init__(self, record: Callable[[Values], Trace]) -> None:
        self._record = record
        self._seen: dict[frozenset[tuple[str, str, Value]], Trace] = {}
        self._parameters: list[Parameter] = []
        self._implied: dict[Parameter, tuple[Condition, ...]] = {}
        self._tried: set[object] = set()

    @property
    def traces(self) -> tuple[Trace, ...]:
        """One trace a build, in the order of the builds."""
        return tuple(self._seen.values())

    def visit(self, values: Values) -> Trace:
        """Returns the trace of a build with these values; builds unless that was done before."""
        key = frozenset((name, type(v).__name__, v) for name, v in values.items())
        if key not in self._seen:
            self._seen[key] = self._record(values)
            self._learn(self._seen[key])
        return self._seen[key]

    def explore(self) -> Domain:
        """Builds until nothing new turns up, and returns the domain.

        Raises:
            SpaceError: No build asked for a parameter, or the parameters contradict each other.
        """
        self.visit({})
        while self._open_a_scope() or self._try_options() or self._explain():
            if len(self._seen) >= MOST_BUILDS:
                break
        return Domain(tuple(self._conditioned(parameter) for parameter in self._parameters))

    def _learn(self, trace: Trace) -> None:
        """Inserts the new parameters of a trace behind all that it asked for before them."""
        position = 0
        for parameter in trace.asked:
            slots = [known.slot for known in self._parameters]
            if parameter.slot not in slots:
                self._parameters.insert(position, parameter)
                slots.insert(position, parameter.slot)
            position = max(position, slots.index(parameter.slot) + 1)

    def _open_a_scope(self) -> bool:
        """Builds with values that open a scope which was never open; False if there is none."""
        opened = {scope for trace in self.traces for scope in trace.opened}
        never = [s for trace in self.traces for s in trace.shut if s not in opened]
        waiting = [scope for scope in dict.fromkeys(never) if scope not in self._tried]
        if not waiting:
            return False
        self._tried.add(waiting[0])
        allowed: dict[str, tuple[Value, ...]] = {}
        for scope in waiting:
            allowed = _narrowed(allowed, scope) or allowed
        self.visit({name: self._legal(name, values) for name, values in allowed.items()})
        return True

    def _legal(self, name: str, values: tuple[Value, ...]) -> Value:
        known = [p for p in self._parameters if p.name == name]
        return next((v for v in values if any(p.contains(v) for p in known)), values[0])

    def _try_options(self) -> bool:
        """Builds with options that were never built, of as many parameters as go together."""
        for parameter in self._parameters:
            new = self._new_options(parameter)
            trace = self._latest_with(parameter)
            if not new or trace is None:
                continue
            self._tried.add((parameter, new[0]))
            values = {**trace.values, parameter.name: new[0]}
            # Later parameters can't undo an earlier one's branch, so they may change along.
            later = trace.asked[(trace.position(parameter) or 0) + 1 :]
            for other in later:
                if trace.asks(other) and (options := self._new_options(other)):
                    values[other.name] = options[0]
            self.visit(values)
            return True
        return False

    def _latest_with(self, parameter: Parameter) -> Trace | None:
        sound = (t for t in reversed(self.traces) if t.error is None)
        return next((trace for trace in sound if trace.asks(parameter)), None)

    def _new_options(self, parameter: Parameter) -> list[Value]:
        built = [t.values[parameter.name] for t in self.traces if t.asks(parameter)]
        return [
            option
            for option in _options(parameter)
            if option not in built and (parameter, option) not in self._tried
        ]

    def _explain(self) -> bool:
        """Finds out why a parameter was missing in a build; False if none was."""
        for parameter in self._parameters:
            for trace in self.traces:
                expected = holds(self._conditioned(parameter).conditions, trace.values)
                step = ("explained" if expected else "undone", parameter.slot)
                if trace.error or step in self._tried or expected == trace.asks(parameter):
                    continue
                self._tried.add(step)
                self._implied[parameter] = self._reasons(parameter, trace) if expected else ()
                return True
        return False

    def _reasons(self, parameter: Parameter, without: Trace) -> tuple[Condition, ...]:
        """Returns conditions on earlier parameters that explain why `without` lacks it."""
        having = self._latest_with(parameter)
        if having is None:
            return ()
        other: dict[str, Value] = {}
        for parent in having.asked[: having.position(parameter)]:
            steers = having.asks(parent) and 1 < parent.count <= LARGEST_COUNT
            value = without.values.get(parent.name, parent.default)
            if steers and value is not None and value != having.values[parent.name]:
                other[parent.name] = value
        other.pop(parameter.name, None)
        return tuple(
            Condition(name, self._values_with(parameter, having, name))
            for name, value in other.items()
            if not self._asked_with(parameter, having, {name: value})
        )

    def _values_with(self, parameter: Parameter, having: Trace, name: str) -> tuple[Value, ...]:
        parent = next(asked for asked in having.asked if asked.name == name and having.asks(asked))
        return tuple(
            value for value in parent.values() if self._asked_with(parameter, having, {name: value})
        )

    def _asked_with(self, parameter: Parameter, base: Trace, changes: Values) -> bool:
        trace = self.visit({**base.values, **changes})
        # A build that broke off early says nothing of what it would have asked for.
        return trace.error is not None or trace.asks(parameter)

    def _conditioned(self, parameter: Parameter) -> Parameter:
        implied = self._implied.get(parameter, ())
        new = tuple(c for c in implied if c not in parameter.conditions)
        return replace(parameter, conditions=(*parameter.conditions, *new))


def _narrowed(
    allowed: Mapping[str, tuple[Value, ...]], scope: Scope
) -> dict[str, tuple[Value, ...]] | None:
    """Returns the values that also open `scope`, or None where they contradict it."""
    both = dict(allowed)
    for condition in scope:
        before = both.get(condition.parent, condition.values)
        both[condition.parent] = tuple(v for v in condition.values if v in before)
        if not both[condition.parent]:
            return None
    return both


def _options(parameter: Parameter) -> tuple[Value, ...]:
    """Returns the values that are worth a build, because a branch may hang on them."""
    if parameter.kind is ParameterKind.BOOLEAN:
        return parameter.choices
    if parameter.kind is ParameterKind.FIXED:
        return ()
    numbers = parameter.choices or (parameter.high,)
    tops = [n for n in numbers if isinstance(n, int | float) and not isinstance(n, bool)]
    if tops:
        return (max(tops),) if max(tops) <= LARGEST_COUNT else ()
    return parameter.choices if len(parameter.choices) <= MOST_OPTIONS else ()
