"""The set of legal values: what may be proposed, and what is one change away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nas_nb.errors import SpaceError
from nas_nb.record.values import values_key
from nas_nb.space.condition import is_met, wanted
from nas_nb.space.consistency import check_parameters, illegal, unknown
from nas_nb.space.counting import count_points
from nas_nb.space.odometer import points
from nas_nb.space.serialising import parameter_from_json, parameter_to_json

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.values import Value, Values
    from nas_nb.space.condition import Wanted
    from nas_nb.space.parameter import Parameter


@dataclass(frozen=True)
class Domain:
    """Parameters, some of which count only while others have certain values.

    A *point* is a dictionary of values that names the active parameters and no others. Every
    question about a domain is answered without building a model.

    Attributes:
        parameters: Parents before children. A name may occur again under conditions that
            exclude the earlier ones; both then share one slot of the values. Where they don't
            exclude each other, the first active one owns the slot.

    Raises:
        SpaceError: There is no parameter, a condition asks about an unknown or later parameter,
            or a name is used twice with different ranges at the same time.
    """

    parameters: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        check_parameters(self.parameters)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all values, active or not, each once, in order."""
        return tuple(dict.fromkeys(parameter.name for parameter in self.parameters))

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self.names)

    @cached_property
    def size(self) -> int | float:
        """How many points there are: an exact int, or ``math.inf``."""
        return count_points(self.parameters)

    @cached_property
    def _parents(self) -> frozenset[str]:
        """The names that conditions ask about: only these choices bear on others."""
        return frozenset(
            condition.parent for parameter in self.parameters for condition in parameter.conditions
        )

    @cached_property
    def _is_plain(self) -> bool:
        """Whether every parameter counts, whatever the values are."""
        return not self._parents and len(self.names) == len(self.parameters)

    @property
    def distinct(self) -> Domain:
        """The domain with one point for each architecture: itself, unless points have twins.

        Strategies propose from it, so that no architecture is trained twice under two names.
        """
        return self

    def key(self, point: Values) -> str:
        """Returns text that is the same for the canonical points of one architecture.

        Args:
            point: What `canonical` returned.
        """
        return values_key(point)

    def representative(self, values: Values) -> dict[str, Value]:
        """Returns the point that stands for all those of its architecture: here, the point itself.

        Raises:
            SpaceError: As `canonical` does.
        """
        return self.canonical(values)

    def active(self, values: Values) -> tuple[Parameter, ...]:
        """Returns the parameters that count for `values`, in order."""
        return tuple(self._owners(self._fill(values, _refuse)))

    def canonical(self, values: Values) -> dict[str, Value]:
        """Returns the point that `values` means: active values only, in order, in our spelling.

        Raises:
            SpaceError: An active value is missing or illegal, or a name is unknown.
        """
        self._check_names(values)
        return self._fill(values, _refuse)

    def complete(self, partial: Values) -> dict[str, Value]:
        """Returns the point that `partial` means, with defaults for active values it lacks.

        Raises:
            SpaceError: A value is illegal, or a name is unknown.
        """
        self._check_names(partial)
        return self._fill(partial, lambda p: p.default if p.name not in partial else None)

    def contains(self, values: Values) -> bool:
        """Says whether `values` names a point; values that aren't active are overlooked."""
        try:
            self.canonical(values)
        except SpaceError:
            return False
        return True

    def sample(self, rng: np.random.Generator) -> dict[str, Value]:
        """Draws a point: each active parameter on its own, parents first, as KerasTuner does."""
        return self._fill({}, lambda p: p.sample(rng))

    def neighbours(self, values: Values) -> list[dict[str, Value]]:
        """Lists the points that differ from `values` in one active choice.

        Parameters that become active take their default, and values that stay legal are kept.
        Of long and continuous ranges only nearby values are tried (`Parameter.others`).
        """
        point = self.canonical(values)
        return [
            self._change(point, parameter, other, lambda p: p.default)
            for parameter in self._owners(point)
            for other in parameter.others(point[parameter.name])
        ]

    def mutate(self, values: Values, rng: np.random.Generator) -> dict[str, Value]:
        """Draws a point that differs from `values` in one active choice, drawn uniformly.

        Parameters that become active are drawn too, and values that stay legal are kept.

        Raises:
            SpaceError: Nothing can be changed, because the active parameters have one value each.
        """
        return self._mutant(self.canonical(values), rng)

    def mutants(
        self, point: dict[str, Value], rng: np.random.Generator, steps: int
    ) -> list[dict[str, Value]]:
        """Draws a walk of so many steps: a mutant of `point`, a mutant of that, and so on.

        Args:
            point: What `canonical` returned.
            rng: The source of chance.
            steps: How many, 0 or more.

        Raises:
            SpaceError: As `mutate` does.
        """
        walk = []
        for _ in range(steps):
            point = self._mutant(point, rng)
            walk.append(point)
        return walk

    def _mutant(self, point: dict[str, Value], rng: np.random.Generator) -> dict[str, Value]:
        """Draws a mutant of a canonical point, which needs no check."""
        free = [parameter for parameter in self._owners(point) if parameter.count > 1]
        if not free:
            raise SpaceError(
                "Expected a space with something to change, got one where every active parameter "
                "has a single value: add a choice to it."
            )
        chosen = free[int(rng.integers(len(free)))]
        other = chosen.sample_other(point[chosen.name], rng)
        return self._change(point, chosen, other, lambda p: p.sample(rng))

    def enumerate(self, after: Values | None = None) -> Iterator[dict[str, Value]]:
        """Yields every point of a finite domain, in the order of the parameters' values.

        Args:
            after: A point: only those that follow it. Default: from the first.

        Raises:
            SpaceError: The domain is infinite.
        """
        return points(self, lambda kept: self._fill(kept, lambda p: p.value_at(0)), after)

    def to_json(self) -> dict[str, Any]:
        """Returns the domain as plain lists and dictionaries, ready for ``json.dumps``."""
        return {"parameters": [parameter_to_json(parameter) for parameter in self.parameters]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Domain:
        """Returns the domain that `to_json` wrote."""
        return cls(tuple(parameter_from_json(entry) for entry in data["parameters"]))

    def _change(
        self,
        point: dict[str, Value],
        parameter: Parameter,
        value: Value,
        otherwise: Callable[[Parameter], Value | None],
    ) -> dict[str, Value]:
        changed = {**point, parameter.name: value}
        # Strategies draw hundreds of mutants for one proposal: don't check what can't be wrong.
        return self._fill(changed, otherwise) if parameter.name in self._parents else changed

    @cached_property
    def _plan(self) -> tuple[tuple[str, Parameter, Wanted], ...]:
        """The parameters in order, with what must hold for each to count."""
        return tuple((p.name, p, wanted(p.conditions)) for p in self.parameters)

    def _owners(self, point: Values) -> list[Parameter]:
        """The active parameters of a canonical point, whose values need no check, in order."""
        if self._is_plain:
            return list(self.parameters)
        owners: dict[str, Parameter] = {}
        for name, parameter, conditions in self._plan:
            if name in point and name not in owners and is_met(conditions, point):
                owners[name] = parameter
        return list(owners.values())

    def _fill(
        self, values: Values, otherwise: Callable[[Parameter], Value | None]
    ) -> dict[str, Value]:
        """Returns the point of the active values; `otherwise` mends what isn't legal."""
        known: dict[str, Value] = {}
        for name, parameter, conditions in self._plan:
            if name in known or (conditions and not is_met(conditions, known)):
                continue
            given = values.get(name)
            value = None if given is None else parameter.match(given)
            if value is None:
                value = otherwise(parameter)
            if value is None:
                raise illegal(parameter, values)
            known[name] = value
        return known

    def _check_names(self, values: Values) -> None:
        if not self._names.issuperset(values):
            raise unknown(values, self.names)


def _refuse(parameter: Parameter) -> None:
    """Mends nothing: what isn't legal stays an error."""
