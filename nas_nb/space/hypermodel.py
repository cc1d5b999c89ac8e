"""The space of a `build(hp)` or `HyperModel`, found by watching it build."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import keras
import keras_tuner as kt

from nas_nb.errors import SpaceError
from nas_nb.space.definition import SpaceDefinition
from nas_nb.space.domain import Domain
from nas_nb.space.hyperparameters import CheckedHyperParameters, from_hyperparameter
from nas_nb.space.parameter import Condition, Parameter, ParameterKind, holds
from nas_nb.space.symbolic import WeightlessBuilder, undisturbed_random_state

if TYPE_CHECKING:
    from nas_nb.data.dataset import DataSpec
    from nas_nb.record.trial import Value, Values


@dataclass(frozen=True)
class HyperModelSpace(SpaceDefinition):
    """The space of a function ``build(hp)``, or of a HyperModel.

    Attributes:
        source: Makes and compiles a model from `kt.HyperParameters`. It is called a few times, with
            values that take its branches, to find out which parameters it has.
        input_shape: Shape of a sample of the data that models are built for; None until `for_data`.

    Raises:
        SpaceError: It fails with its default values, returns something else than a Keras model,
            asks for no parameter, or for one that can't be.
    """

    source: Callable[[kt.HyperParameters], keras.Model] | kt.HyperModel
    input_shape: tuple[int, ...] | None = None
    found: Domain | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.found is None:
            object.__setattr__(self, "found", discover(self.source))

    @property
    def whole_domain(self) -> Domain:
        """The values that are legal without the rules."""
        return cast("Domain", self.found)

    @property
    def identity(self) -> object:
        """The function: equal code in another function may read other variables."""
        return self.source

    @property
    def hypermodel(self) -> kt.HyperModel | None:
        """The HyperModel; None for a function."""
        return self.source if isinstance(self.source, kt.HyperModel) else None

    @property
    def code(self) -> object:
        """The function, or the HyperModel."""
        return self.source

    def for_data(self, spec: DataSpec) -> HyperModelSpace:
        """Returns the same space, whose models are built for this data.

        Many functions leave the input's shape to the first batch; costs are counted before it.
        """
        same = self.input_shape == spec.input_shape
        return self if same else replace(self, input_shape=spec.input_shape)

    def build(self, point: Values) -> keras.Model:
        """Returns the compiled model of a point.

        Raises:
            SpaceError: The function returns something else for these values.
        """
        hp = kt.HyperParameters()
        hp.values = dict(point)
        model = _function(self.source)(hp)
        if not isinstance(model, keras.Model):
            raise _no_model(self.source, type(model))
        if self.input_shape is not None and not model.built:
            _build(model, self.input_shape)
        return model


def _build(model: keras.Model, input_shape: tuple[int, ...]) -> None:
    if type(model).build is keras.Model.build:
        # Asked to build, a subclass without a `build` of its own would make no variables.
        model(keras.Input(input_shape, batch_size=2))
    else:
        model.build((None, *input_shape))


def discover(build: Callable[[kt.HyperParameters], keras.Model] | kt.HyperModel) -> Domain:
    """Returns the domain of a build function, after as few builds as its branches need.

    The models get no weights where Keras can do without; the global random states stay as they
    are, and no session is cleared.

    Args:
        build: A function ``build(hp)`` or a HyperModel.

    Raises:
        SpaceError: It fails with its default values, returns something else than a Keras model,
            asks for no parameter, or for one that can't be.
    """
    function = _function(build)
    builder = WeightlessBuilder()
    survey = BuildExplorer(lambda values: record_build(function, values, builder))
    with undisturbed_random_state():
        try:
            _check(survey.visit({}), build)
            return survey.explore()
        finally:
            builder.close()


def _function(source: Any) -> Callable[[kt.HyperParameters], Any]:
    if not isinstance(source, kt.HyperModel):
        return source  # type: ignore[no-any-return]

    def build(hp: kt.HyperParameters) -> Any:
        source.declare_hyperparameters(hp)
        return source.build(hp)

    return build


def _check(trace: BuildTrace, build: object) -> None:
    name = _name_of(build)
    if trace.error is not None:
        raise SpaceError(
            f"Expected {name} to build a model from its default values, but it failed: "
            f"{type(trace.error).__name__}: {trace.error}"
        ) from trace.error
    if not issubclass(trace.returned, keras.Model):
        raise _no_model(build, trace.returned)
    if not trace.asked:
        raise SpaceError(
            f"Expected {name} to ask for hyperparameters, got a build without any: "
            'call hp.Choice("units", [32, 64]) or the like in it.'
        )


def _no_model(build: object, returned: type) -> SpaceError:
    return SpaceError(
        f"Expected {_name_of(build)} to return a compiled keras.Model, "
        f"got {returned.__name__}: end it with `return model`."
    )


def _name_of(build: object) -> str:
    return str(getattr(build, "__name__", type(build).__name__))


Scope = tuple[Condition, ...]
"""A conditional scope: its condition, after those of the scopes around it."""

Build = Callable[[kt.HyperParameters], Any]


@dataclass(frozen=True)
class BuildTrace:
    """What one build asked for.

    Attributes:
        asked: The parameters in the order of the first call, inactive ones included.
        values: What the active ones were.
        opened: The conditional scopes that were entered while their conditions held.
        shut: The conditional scopes that were entered while their conditions did not hold.
        returned: The type of what the build returned.
        error: What the build raised, or None. What it asked for before that still counts.
    """

    asked: tuple[Parameter, ...]
    values: Mapping[str, Value]
    opened: frozenset[Scope]
    shut: tuple[Scope, ...]
    returned: type
    error: BaseException | None

    def asks(self, parameter: Parameter) -> bool:
        """Says whether the build asked for the parameter and got a value."""
        return self.position(parameter) is not None and holds(parameter.conditions, self.values)

    def position(self, parameter: Parameter) -> int | None:
        """Returns how many parameters it asked for before this one, or None if never for it."""
        slots = [asked.slot for asked in self.asked]
        return slots.index(parameter.slot) if parameter.slot in slots else None


def record_build(build: Build, values: Values, builder: WeightlessBuilder) -> BuildTrace:
    """Builds once with `values`, defaults for the rest, and returns what was asked for.

    Args:
        build: A function of HyperParameters.
        values: Values by name, illegal and inactive ones included: they are used as they are.
        builder: Builds without weights; where that fails, the model is built with them.

    Raises:
        SpaceError: What it asks for can't be; see `watched.WatchedParameters`.
    """
    hp = _hyperparameters(values)
    error: BaseException | None = None
    returned: Any = None
    try:
        returned = builder.call(lambda: build(hp))
    except SpaceError:
        raise
    except (Exception, SystemExit):  # noqa: BLE001 - the user's code may raise anything
        hp = _hyperparameters(values)
        try:
            returned = build(hp)
        except (Exception, SystemExit) as raised:  # noqa: BLE001 - shown where it matters
            error = raised
    asked = tuple(from_hyperparameter(parameter) for parameter in hp.space)
    active = {p.name: hp.values[p.name] for p in asked if holds(p.conditions, hp.values)}
    return BuildTrace(
        asked=asked,
        values=active,
        opened=frozenset(_scope(conditions) for conditions in hp.active_scopes),
        shut=tuple(_scope(conditions) for conditions in hp.inactive_scopes),
        returned=type(returned),
        error=error,
    )


def _hyperparameters(values: Values) -> kt.HyperParameters:
    hp = CheckedHyperParameters()
    hp.values = dict(values)
    return hp


def _scope(conditions: Any) -> Scope:
    return tuple(Condition(c.name, tuple(c.values)) for c in conditions)


# KerasTuner learns of a parameter when a build asks for it, so a parameter in a branch is unknown
# until that branch was taken. Three questions find them:
#
# 1. Which conditional scopes were never open? Values are chosen that open many at once.
# 2. Which options of a choice were never built? One build tries a new option of every choice. A
#    number is tried at its top as well where it may count something (blocks, layers).
# 3. Which parameters come and go without a scope, as in ``if hp.Boolean("a"): hp.Int("b")``?
#    Changing one value at a time tells whose branch they are in, and they get that condition.

LARGEST_COUNT = 64
"""Numbers up to this may count blocks and steer a loop; larger ones are taken for widths."""

MOST_OPTIONS = 32
"""Longer lists of choices are not built one by one."""

MOST_BUILDS = 300
"""After so many builds the rest of the parameters is taken to be unconditional."""


class BuildExplorer:
    """What is known of a build function, and the builds that taught it.

    Args:
        record: Builds once with some values and returns the trace; see `recording.record`.
    """

    def __init__(self, record: Callable[[Values], BuildTrace]) -> None:
        self._record = record
        self._seen: dict[frozenset[tuple[str, str, Value]], BuildTrace] = {}
        self._parameters: list[Parameter] = []
        self._implied: dict[Parameter, tuple[Condition, ...]] = {}
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
        """Builds until nothing new turns up, and returns the domain.

        Raises:
            SpaceError: No build asked for a parameter, or the parameters contradict each other.
        """
        self.visit({})
        while self._open_a_scope() or self._try_options() or self._explain():
            if len(self._seen) >= MOST_BUILDS:
                break
        return Domain(tuple(self._conditioned(parameter) for parameter in self._parameters))

    def _learn(self, trace: BuildTrace) -> None:
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

    def _latest_with(self, parameter: Parameter) -> BuildTrace | None:
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

    def _reasons(self, parameter: Parameter, without: BuildTrace) -> tuple[Condition, ...]:
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

    def _values_with(
        self, parameter: Parameter, having: BuildTrace, name: str
    ) -> tuple[Value, ...]:
        parent = next(asked for asked in having.asked if asked.name == name and having.asks(asked))
        return tuple(
            value for value in parent.values() if self._asked_with(parameter, having, {name: value})
        )

    def _asked_with(self, parameter: Parameter, base: BuildTrace, changes: Values) -> bool:
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
