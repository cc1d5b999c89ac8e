"""Domains as KerasTuner's `HyperParameters`, and back; what one `build(hp)` asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import keras_tuner as kt
from keras_tuner.engine import hyperparameters as kt_parameters

from nas_nb.errors import SpaceError, nearest
from nas_nb.private_imports import Parent
from nas_nb.space.definition import fresh_names
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Condition, Parameter, ParameterKind, holds

if TYPE_CHECKING:
    from nas_nb.record.trial import Value, Values
    from nas_nb.space.definition import WeightlessBuilder


def to_hyperparameters(domain: Domain) -> kt.HyperParameters:
    """Returns the domain in KerasTuner's terms, with default values for its active parameters."""
    hp = kt.HyperParameters()
    hp.merge([_to_kt(parameter) for parameter in domain.parameters])
    return hp


def from_hyperparameters(hp: kt.HyperParameters) -> Domain:
    """Returns the domain of KerasTuner's HyperParameters, its conditional ones included."""
    return Domain(tuple(from_hyperparameter(parameter) for parameter in hp.space))


def _to_kt(parameter: Parameter) -> Any:
    common = {
        "name": parameter.name,
        "conditions": [
            Parent(condition.parent, list(condition.values)) for condition in parameter.conditions
        ],
    }
    match parameter.kind:
        case ParameterKind.FIXED:
            return kt_parameters.Fixed(value=parameter.choices[0], **common)
        case ParameterKind.BOOLEAN:
            return kt_parameters.Boolean(default=parameter.default, **common)
        case ParameterKind.CHOICE:
            return kt_parameters.Choice(
                values=list(parameter.choices),
                ordered=parameter.ordered,
                default=parameter.default,
                **common,
            )
    numeric = kt_parameters.Int if parameter.kind is ParameterKind.INT else kt_parameters.Float
    return numeric(
        min_value=parameter.low,
        max_value=parameter.high,
        step=parameter.step,
        sampling=_sampling(parameter),
        default=parameter.default,
        **common,
    )


def _sampling(parameter: Parameter) -> str:
    if not parameter.log:
        return "linear"
    return "reverse_log" if parameter.reverse else "log"


def from_hyperparameter(parameter: Any) -> Parameter:
    """Returns one of KerasTuner's hyperparameters as ours."""
    common: dict[str, Any] = {
        "name": parameter.name,
        "conditions": tuple(
            Condition(condition.name, tuple(condition.values)) for condition in parameter.conditions
        ),
    }
    if isinstance(parameter, kt_parameters.Fixed):
        return Parameter(kind=ParameterKind.FIXED, choices=(parameter.value,), **common)
    if isinstance(parameter, kt_parameters.Boolean):
        return Parameter(kind=ParameterKind.BOOLEAN, default=bool(parameter.default), **common)
    if isinstance(parameter, kt_parameters.Choice):
        return _from_choice(parameter, common)
    if isinstance(parameter, kt_parameters.Int | kt_parameters.Float):
        return _from_numeric(parameter, common)
    raise SpaceError(
        f"Expected a hyperparameter of KerasTuner. Received: '{parameter.name}' (of type "
        f"{type(parameter).__name__}). Use hp.Choice, Int, Float, Boolean or Fixed."
    )


def _from_choice(choice: Any, common: dict[str, Any]) -> Parameter:
    # KerasTuner takes the same value twice; one point may have only one spelling.
    return Parameter(
        kind=ParameterKind.CHOICE,
        choices=tuple(dict.fromkeys(choice.values)),
        ordered=choice.ordered,
        default=choice.default,
        **common,
    )


def _from_numeric(number: Any, common: dict[str, Any]) -> Parameter:
    integer = isinstance(number, kt_parameters.Int)
    return Parameter(
        kind=ParameterKind.INT if integer else ParameterKind.FLOAT,
        low=number.min_value,
        high=number.max_value,
        step=number.step,
        log=number.sampling != "linear",
        reverse=number.sampling == "reverse_log",
        default=cast("float", number.default),
        **common,
    )


class CheckedHyperParameters(kt.HyperParameters):
    """What a recorded build gets for `hp`."""

    @classmethod
    def of(cls, values: Values) -> CheckedHyperParameters:
        """Returns hyperparameters with these values."""
        hp = cls()
        hp.values = dict(values)
        return hp

    def Choice(self, name: str, values: Sequence[Any], *args: Any, **options: Any) -> Any:  # noqa: N802 - KerasTuner's name
        """Asks for one of `values`; see KerasTuner."""
        if len(values) == 0:
            raise SpaceError(
                f"Expected hp.Choice({name!r}, ...) to offer at least one value. Received: none. "
                "List some, or leave it out."
            )
        return super().Choice(name, values, *args, **options)

    def conditional_scope(self, parent_name: str, parent_values: Any) -> Any:
        """Opens a scope that is active while the parent has one of the values; see KerasTuner."""
        known = [parameter.name for parameter in self.space]
        if self._get_name(parent_name) not in known:
            raise SpaceError(
                "Expected a conditional scope on a hyperparameter that was asked for. Received: "
                f"{parent_name!r}. Ask for it first, for example with hp.Choice({parent_name!r}, "
                f"...).{nearest(parent_name, known)}"
            )
        return super().conditional_scope(parent_name, parent_values)

    def _retrieve(self, hp: Any) -> Any:
        asked = from_hyperparameter(hp)
        for known in self.space:
            if known.name == hp.name and known.conditions == hp.conditions:
                before = from_hyperparameter(known)
                if before.extent != asked.extent:
                    raise SpaceError(
                        f"Expected '{hp.name}' to have one range wherever it is asked for. "
                        f"Received: {_told(before)} and {_told(asked)}: give one of them another "
                        "name."
                    )
        if hp.name in self.values and not asked.contains(self.values[hp.name]):
            self.values[hp.name] = hp.default  # a value from where the range is another
        return super()._retrieve(hp)


def _told(parameter: Parameter) -> str:
    return f"{parameter.kind} {parameter.range_text()}"


Scope = tuple[Condition, ...]
"""A conditional scope: its condition, after those of the scopes around it."""

Slot = tuple[str, Scope]
"""A name, and the conditional scope that it is asked for in: KerasTuner's identity."""

Build = Callable[[kt.HyperParameters], Any]


UNKNOWN = "unknown"
"""The outcome of a build that does not tell whether it would have asked for a parameter."""


@dataclass(frozen=True)
class BuildTrace:
    """What one build asked for."""

    asked: tuple[Parameter, ...]  # in the order of the first call, inactive ones included
    values: Mapping[str, Value]  # of the active ones
    opened: frozenset[Scope]  # entered while their conditions held
    shut: tuple[Scope, ...]  # entered while they did not
    returned: type
    error: BaseException | None  # what was asked for before it still counts
    layers: int = 0  # of the model: what a build costs
    weighted: bool = False  # whether it could only be built with weights

    @cached_property
    def ranges(self) -> dict[Slot, Parameter]:
        """The active parameters without their conditions."""
        active = (p for p in self.asked if holds(p.conditions, self.values))
        return {p.slot: replace(p, conditions=()) for p in active}

    def outcome(self, slot: Slot) -> Parameter | str | None:
        """Returns what it asked for there; None for nothing, or `UNKNOWN`."""
        found = self.ranges.get(slot)
        if found is None and (self.error is not None or not holds(slot[1], self.values)):
            return UNKNOWN
        return found

    def range_of(self, name: str) -> Parameter | None:
        """Returns what an active name was asked for as, or None."""
        return next((p for (own, _), p in self.ranges.items() if own == name), None)


def record_build(build: Build, values: Values, builder: WeightlessBuilder) -> BuildTrace:
    """Builds once with `values`, defaults for the rest, and returns what was asked for."""
    hp = CheckedHyperParameters.of(values)
    error: BaseException | None = None
    returned: Any = None
    weighted = False
    try:
        with fresh_names():
            returned = builder.call(lambda: build(hp))
    except SpaceError:
        raise
    except (Exception, SystemExit):  # noqa: BLE001 - the user's code may raise anything
        hp, weighted = CheckedHyperParameters.of(values), True
        try:
            with fresh_names():
                returned = build(hp)
        except (Exception, SystemExit) as raised:  # noqa: BLE001 - shown where it matters
            error = raised
    asked = tuple(from_hyperparameter(parameter) for parameter in hp.space)
    return BuildTrace(
        asked=asked,
        values={p.name: hp.values[p.name] for p in asked if holds(p.conditions, hp.values)},
        opened=frozenset(_scope(conditions) for conditions in hp.active_scopes),
        shut=tuple(_scope(conditions) for conditions in hp.inactive_scopes),
        returned=type(returned),
        error=error,
        layers=len(getattr(returned, "layers", ())),
        weighted=weighted,
    )


def _scope(conditions: Any) -> Scope:
    return tuple(Condition(c.name, tuple(c.values)) for c in conditions)
