"""The mixture that a differentiable search learns, and the architectures that it stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nas_nb.space.condition import holds

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.values import Value
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter

Weighed = Sequence[tuple["Value", float]]


@dataclass(frozen=True)
class Mixing:
    """How much each option of each choice weighs.

    Attributes:
        weights: By the name of the choice: its options with weights of 0 or more, whose sum is
            above 0. A choice that is missing was not mixed.
    """

    weights: Mapping[str, Weighed]

    @classmethod
    def of(cls, listed: Mapping[str, Any]) -> Mixing:
        """Returns the mixture that `listed` gave, once it is back from a journal."""
        return cls({name: [(v, float(w)) for v, w in own] for name, own in listed.items()})

    @property
    def listed(self) -> dict[str, list[list[Any]]]:
        """The weights as a journal keeps them."""
        return {name: [list(pair) for pair in own] for name, own in self.weights.items()}

    def derived(self, domain: Domain) -> dict[str, Value]:
        """Returns the architecture of the options with the greatest weights."""
        best = {name: max(own, key=lambda pair: pair[1])[0] for name, own in self.weights.items()}
        return domain.representative(domain.complete(best))

    def drawn(self, domain: Domain, rng: np.random.Generator) -> dict[str, Value]:
        """Returns an architecture drawn with the weights as chances."""
        point: dict[str, Value] = {}
        for parameter in domain.parameters:  # parents come first
            if holds(parameter.conditions, point):
                point[parameter.name] = self._draw(parameter, rng)
        return domain.representative(point)

    def _draw(self, parameter: Parameter, rng: np.random.Generator) -> Value:
        if parameter.name not in self.weights:
            return parameter.sample(rng)
        values, weights = zip(*self.weights[parameter.name], strict=True)
        total = sum(weights)
        chances = [each / total for each in weights]
        chosen: Value = values[int(rng.choice(len(values), p=chances))]
        return chosen
