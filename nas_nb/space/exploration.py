"""What a build function asks for in which branch, found by building."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from nas_nb.errors import SpaceError, is_number
from nas_nb.space.domain import Domain
from nas_nb.space.hyperparameters import UNKNOWN, BuildTrace, Scope, Slot
from nas_nb.space.parameter import Condition, Parameter, ParameterKind

if TYPE_CHECKING:
    from nas_nb.record.trial import Value, Values


Path = Mapping[str, "tuple[Value, ...]"]
"""Causes by name, with the values of each that lead on."""


class View(NamedTuple):
    """What two builds are compared by: the outcome of a slot, and the range of a name if any."""

    slot: Slot
    decides: str | None

    def __call__(self, trace: BuildTrace) -> object:
        """Returns what is compared; `UNKNOWN` where the outcome is."""
        outcome = trace.outcome(self.slot)
        if self.decides is None or outcome == UNKNOWN:
            return outcome
        return outcome, trace.range_of(self.decides)


# KerasTuner learns of a parameter when a build asks for it, so what is asked for in a branch is
# unknown until the branch was taken. Builds are made until nothing new turns up:
#
# 1. Which conditional scopes were never open? Values are chosen that open many at once.
# 2. Which options of a choice were never built? One build tries a new option of every choice.
# 3. Are other things asked for where all numbers are small, or large?
# 4. Where two builds differ in what they ask for, which value is the cause? Of the values in
#    which they differ half are changed, then half of those: a tree of causes is grown for each
#    parameter, and each of its leaves is a parameter with the conditions on the way to it.
# 5. Do points that cover pairs of options ask for what the trees say? Else 1 to 4 again.

LARGEST_COUNT = 64
"""Numbers up to this may count blocks and steer a loop; larger ones are taken for widths."""

MOST_OPTIONS = 32
"""Longer lists of choices are not built one by one."""

MOST_BUILDS = 500
"""After so many builds nothing new is looked for."""

MOST_LOOKS = 100
"""A cause with more different outcomes than this is refused, not followed."""

MOST_VALUES = 10_000
"""Conditions on a number with more values than this can't be listed."""

CHECKS, MOST_CHECKS = 12, 60
"""How many points are built to check the trees with: four more for each branch they have..."""

REPEATS = 5
"""How many builds with the same values show that chance has no part..."""

CHECKED_LAYERS = 600
"""...as long as their models have no more layers than this together, the first three aside."""


class BuildExplorer:
    """What is known of a build function, and the builds that taught it."""

    def __init__(self, record: Callable[[Values], BuildTrace]) -> None:
        self._record = record
        self._seen: dict[frozenset[tuple[str, str, Value]], BuildTrace] = {}
        self._slots: list[Slot] = []
        self._ranges: dict[Slot, list[Parameter]] = {}
        self._tried: set[object] = set()

    @property
    def traces(self) -> tuple[BuildTrace, ...]:
        """One trace a build, in the order of the builds."""
        return tuple(self._seen.values())

    def visit(self, values: Values) -> BuildTrace:
        """Returns the trace of a build with these values; builds unless that was done before."""
        key = frozenset((name, type(v).__name__, v) for name, v in values.items())
        if key not in self._seen:
            self._seen[key] = self._record(values)
            self._learn(self._seen[key])
        return self._seen[key]

    def explore(self) -> Domain:
        """Builds until builds agree with what is known, and returns the domain."""
        self._check_repeated({})
        while True:
            while len(self._seen) < MOST_BUILDS and (
                self._open_a_scope() or self._try_options() or self._try_ends()
            ):
                pass
            builds = len(self._seen)
            domain = Domain(tuple(self._explained()))
            if len(self._seen) > builds:
                continue  # something new may have turned up
            wrong = self._disagreeing(domain)
            if wrong is None:
                return domain
            self._check_repeated(wrong)
            if len(self._seen) == builds or builds > MOST_BUILDS:
                raise _lawless(f"{len(self._seen)} builds, and no rule that all of them follow")

    def _learn(self, trace: BuildTrace) -> None:
        """Puts the parameters of a trace behind all that it asked for before them."""
        position = 0
        for parameter in trace.asked:
            if parameter.slot not in self._ranges:
                self._slots.insert(position, parameter.slot)
                self._ranges[parameter.slot] = []
            position = max(position, self._slots.index(parameter.slot) + 1)
            known = self._ranges[parameter.slot]
            if all(parameter.extent != other.extent for other in known):
                known.append(parameter)
        places = [self._slots.index(parameter.slot) for parameter in trace.asked]
        if places != sorted(places):
            self._sort()

    def _sort(self) -> None:
        """Orders the slots as all builds asked for them, as far as builds agree."""
        before: dict[Slot, set[Slot]] = {slot: set() for slot in self._slots}
        for trace in self.traces:
            for one, other in itertools.pairwise(trace.asked):
                before[other.slot].add(one.slot)
        waiting, self._slots = self._slots, []
        while waiting:
            ready = (slot for slot in waiting if before[slot].issubset(self._slots))
            self._slots.append(next(ready, waiting[0]))
            waiting.remove(self._slots[-1])

    def _check_repeated(self, values: Values) -> None:
        """Raises SpaceError if further builds with the same values ask for something else."""
        first = self.visit(values)
        for number in range(REPEATS):
            if number and number * first.layers > CHECKED_LAYERS:
                break
            again = self._record(values)
            if odd := {*first.asked} ^ {*again.asked}:
                raise _lawless(
                    f"builds with the same values that differ in '{min(p.name for p in odd)}'. A "
                    "build may depend on `hp` alone, not on chance or on what earlier calls left"
                )

    @property
    def _parameters(self) -> Iterator[Parameter]:
        """What was asked for, in order; a range for each that a slot was seen with."""
        return (parameter for slot in tuple(self._slots) for parameter in self._ranges[slot])

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
            later = trace.asked[1 + [p.slot for p in trace.asked].index(parameter.slot) :]
            for other in later:
                if other.slot in trace.ranges and (options := self._new_options(other)):
                    values[other.name] = options[0]
            self.visit(values)
            return True
        return False

    def _latest_with(self, parameter: Parameter) -> BuildTrace | None:
        sound = (t for t in reversed(self.traces) if t.error is None)
        return next((trace for trace in sound if _asks(trace, parameter)), None)

    def _new_options(self, parameter: Parameter) -> list[Value]:
        built = [t.values[parameter.name] for t in self.traces if _asks(t, parameter)]
        return [
            option
            for option in _options(parameter)
            if option not in built and (parameter, option) not in self._tried
        ]

    def _try_ends(self) -> bool:
        """Builds with all numbers at their least, and with all at their largest."""
        numbers = [p for p in self._parameters if _is_number(p)]
        weighted = any(trace.weighted for trace in self.traces)
        for pick in (min, max):
            step = (pick, tuple(numbers))
            if not numbers or step in self._tried:
                continue
            self._tried.add(step)
            ends = {
                p.name: pick(cast("tuple[float, ...]", p.choices or (p.low, p.high)))
                for p in numbers
            }
            if weighted and pick is max:  # the widest layers, with weights, may not fit
                ends = {name: end for name, end in ends.items() if end <= LARGEST_COUNT}
            self.visit(ends)
            return True
        return False

    def _explained(self) -> Iterator[Parameter]:
        """Yields each parameter that is asked for, with the conditions of its scope and branch."""
        for slot in tuple(self._slots):
            leaves = list(self._leaves(slot, {}))
            if not leaves:  # its scope never opened
                yield self._ranges[slot][0]
            for path, found in leaves:
                names = [name for name, _ in self._slots]
                implied = (Condition(n, path[n]) for n in sorted(path, key=names.index))
                new = tuple(condition for condition in implied if condition not in slot[1])
                yield replace(found, conditions=(*slot[1], *new))

    def _leaves(self, slot: Slot, path: Path) -> Iterator[tuple[Path, Parameter]]:
        """Yields the values of causes that lead to each range of a slot, and the range."""
        known = [t for t in self._on(path) if t.outcome(slot) != UNKNOWN]
        having = next((t for t in known if t.outcome(slot) is not None), None)
        if having is None:
            return
        others = [t for t in known if t.outcome(slot) != having.outcome(slot)]
        if not others:
            yield path, cast("Parameter", having.outcome(slot))
            return
        # The earliest cause first, so that conditions read from the trunk to the leaf.
        other = min(others, key=lambda trace: self._first_difference(having, trace))
        name, groups = self._split(slot, having, other, path)
        for values in groups:
            yield from self._leaves(slot, {**path, name: values})

    def _on(self, path: Path) -> list[BuildTrace]:
        return [t for t in self.traces if all(t.values.get(n) in path[n] for n in path)]

    def _first_difference(self, one: BuildTrace, other: BuildTrace) -> int:
        return next(
            (n for n, (name, _) in enumerate(self._slots) if _differ(one, other, name)),
            len(self._slots),
        )

    def _split(
        self, slot: Slot, having: BuildTrace, other: BuildTrace, path: Path
    ) -> tuple[str, list[tuple[Value, ...]]]:
        """Returns what makes `having` ask for what `other` doesn't, and its values in groups."""
        # Where builds that lack the cause, or ask for it with another range, ask for the slot, too,
        # what decides on the cause comes first.
        decides: str | None = None
        for _ in self._slots:
            view = View(slot, decides)
            name, context = self._cause(view, having, other)
            marks = [t.values[name] for t in (having, other) if name in t.values]
            groups = self._groups(view, context, name, path.get(name), marks)
            listed = {value for values in groups for value in values}
            lost = [
                trace
                for trace in self._on(path)
                if trace.outcome(slot) not in (None, UNKNOWN)
                and trace.values.get(name) not in listed
            ]
            if not lost and len(groups) > 1:
                return name, groups
            if not lost:
                break
            # The values listed are those of the range that the cause has in this context.
            having, other, decides = self.visit(context), lost[0], name
        raise _lawless(f"'{slot[0]}', by a rule that no values explain")

    def _cause(
        self, view: View, one: BuildTrace, other: BuildTrace
    ) -> tuple[str, dict[str, Value]]:
        """Returns the name whose change makes the difference, and the values to change it in."""
        names = dict.fromkeys(name for name, _ in self._slots)
        changed = [n for n in names if n in other.values and _differ(one, other, n)]

        def context(count: int) -> dict[str, Value]:
            return {**one.values, **{name: other.values[name] for name in changed[:count]}}

        def alike(count: int) -> bool:
            found = self.visit(context(count))
            return view(found) == view(one) or view(found) == UNKNOWN

        low, high = 0, len(changed)
        if not changed or alike(high):
            raise _lawless(f"'{view.slot[0]}' in one of two builds with the same values")
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if alike(middle) else (low, middle)
        return changed[low], context(low)

    def _groups(
        self,
        view: View,
        context: Values,
        name: str,
        allowed: tuple[Value, ...] | None,
        marks: Sequence[Value],
    ) -> list[tuple[Value, ...]]:
        """Returns the values of a cause, those together with which the same is asked for."""
        base = self.visit(context)
        cause = base.range_of(name)
        if cause is None or cause.count > MOST_VALUES:
            of = f" ({cause.range_text()})" if cause else ""
            raise _lawless(
                f"'{view.slot[0]}', which depends on '{name}'{of}: let a choice or a boolean "
                f"decide, or give '{name}' a step"
            )
        values = [v for v in cause.values() if allowed is None or v in allowed]
        looked: set[int] = set()

        def look(index: int) -> object:
            looked.add(index)
            if len(looked) > MOST_LOOKS:
                raise _lawless(
                    f"'{view.slot[0]}', whose range is another for each of the {len(values)} "
                    f"values of '{name}': let it depend on fewer, with a step or a list"
                )
            found = view(self.visit({**context, name: values[index]}))
            return view(base) if found == UNKNOWN else found

        every = len(values) <= LARGEST_COUNT or not cause.is_ordered
        first = range(len(values)) if every else [values.index(v) for v in marks if v in values]
        groups: dict[object, list[Value]] = {}
        for value, outcome in zip(values, _outcomes(len(values), look, first), strict=True):
            groups.setdefault(outcome, []).append(value)
        return [tuple(group) for group in groups.values()]

    def _disagreeing(self, domain: Domain) -> dict[str, Value] | None:
        """Returns a point for which a build asks for something else than the domain says."""
        rng = np.random.default_rng(0)
        covered: set[object] = set()
        layers = 0
        branches = sum(parameter.slot not in self._ranges for parameter in domain.parameters)
        for number in range(min(CHECKS + 4 * branches, MOST_CHECKS)):
            if number >= 3 and layers > CHECKED_LAYERS:
                break
            drawn = [domain.sample(rng) for _ in range(10)]
            pairs = [_pairs(domain, point) for point in drawn]
            best = max(range(len(drawn)), key=lambda n: len(pairs[n] - covered))
            if number >= 3 + 4 * branches and pairs[best] <= covered:
                break
            covered |= pairs[best]
            trace = self.visit(drawn[best])
            layers += trace.layers
            expected = {p.name: replace(p, conditions=()) for p in domain.active(drawn[best])}
            asked = {name: parameter for (name, _), parameter in trace.ranges.items()}
            if asked != expected and not (trace.error and asked.items() <= expected.items()):
                return drawn[best]
        return None


def _pairs(domain: Domain, point: Values) -> set[object]:
    """Returns the pairs of options in a point; of a long range a half is an option."""
    options = [
        (
            p.name,
            v if p.choices or p.count <= 10 else p.range.off_grid.to_unit(cast("float", v)) > 0.5,
        )
        for p, v in ((p, point[p.name]) for p in domain.active(point))
    ]
    return set(itertools.combinations(options, 2)) | set(options)


def _outcomes(count: int, look: Callable[[int], object], first: Iterable[int]) -> list[object]:
    """Returns the outcome at each index; of a long list not all between two alike are looked at."""
    found = {n: look(n) for n in sorted({*first, *(round(q * (count - 1) / 4) for q in range(5))})}
    waiting = list(itertools.pairwise(found))
    while waiting:
        low, high = waiting.pop()
        middle = (low + high) // 2
        if found[low] == found[high]:
            found |= dict.fromkeys(range(low + 1, high), found[low])
        elif middle > low:
            found[middle] = look(middle)
            waiting += [(low, middle), (middle, high)]
    return [found[index] for index in range(count)]


def _asks(trace: BuildTrace, parameter: Parameter) -> bool:
    found = trace.ranges.get(parameter.slot)
    return found is not None and found.extent == parameter.extent


def _differ(one: BuildTrace, other: BuildTrace, name: str) -> bool:
    return one.values.get(name) != other.values.get(name)


def _lawless(received: str) -> SpaceError:
    return SpaceError(
        "Expected what a build asks for to follow from earlier choices, booleans or short ranges. "
        f"Received: {received}."
    )


def _is_number(parameter: Parameter) -> bool:
    first = parameter.choices[0] if parameter.choices else parameter.low
    return not isinstance(first, str | bool) and parameter.count > 1


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
    tops = [n for n in numbers if is_number(n)]
    if tops:
        return (max(tops),) if max(tops) <= LARGEST_COUNT else ()
    return parameter.choices if len(parameter.choices) <= MOST_OPTIONS else ()
