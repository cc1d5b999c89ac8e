"""One recorded build: which hyperparameters it asked for, and under which conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras_tuner as kt

from nas_nb.errors import SpaceError
from nas_nb.space.condition import holds
from nas_nb.space.hyperparameters import from_hyperparameter
from nas_nb.space.parameter import Condition
from nas_nb.space.watched import WatchedParameters

if TYPE_CHECKING:
    from nas_nb.record.values import Value, Values
    from nas_nb.space.parameter import Parameter
    from nas_nb.space.symbolic import WeightlessBuilder

Scope = tuple[Condition, ...]
"""A conditional scope: its condition, after those of the scopes around it."""

Build = Callable[[kt.HyperParameters], Any]


@dataclass(frozen=True)
class Trace:
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


def record(build: Build, values: Values, builder: WeightlessBuilder) -> Trace:
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
    return Trace(
        asked=asked,
        values=active,
        opened=frozenset(_scope(conditions) for conditions in hp.active_scopes),
        shut=tuple(_scope(conditions) for conditions in hp.inactive_scopes),
        returned=type(returned),
        error=error,
    )


def _hyperparameters(values: Values) -> kt.HyperParameters:
    hp = WatchedParameters()
    hp.values = dict(values)
    return hp


def _scope(conditions: Any) -> Scope:
    return tuple(Condition(c.name, tuple(c.values)) for c in conditions)
