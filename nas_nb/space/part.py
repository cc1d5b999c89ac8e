"""A part of a search space: the blueprint of another, over a smaller domain."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from nas_nb.space.blueprint import Blueprint
from nas_nb.space.subspace import Cut, cut

if TYPE_CHECKING:
    import keras
    import keras_tuner as kt
    import numpy as np

    from nas_nb.data import DataSpec
    from nas_nb.record.values import Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.graph import Graph


@dataclass(frozen=True)
class Part(Blueprint):
    """What is left of a blueprint when choices are pinned and values left out.

    Attributes:
        whole: The blueprint of the whole space.
        wanted: What is left of it.
    """

    whole: Blueprint
    wanted: Cut

    def __post_init__(self) -> None:
        # What can't be cut is refused here, not by the first question.
        cut(self.whole.domain, self.wanted)

    @cached_property
    def domain(self) -> Domain:
        """The legal values that are left."""
        return cut(self.whole.domain, self.wanted)

    @property
    def hypermodel(self) -> kt.HyperModel | None:
        """The user's HyperModel, if the whole space has one."""
        return self.whole.hypermodel

    @property
    def identity(self) -> object:
        """The whole's identity, and what is left."""
        return self.whole.identity, self.wanted

    def for_data(self, spec: DataSpec) -> Part:
        """Returns the part of the whole that takes such data."""
        bound = self.whole.for_data(spec)
        return self if bound is self.whole else Part(bound, self.wanted)

    def build(self, point: Values) -> keras.Model:
        """Returns the model that the whole space builds of the point."""
        return self.whole.build(point)

    def read(self, text: str) -> Values:
        """Returns the values of a published form."""
        return self.whole.read(text)

    def write(self, point: Values) -> str | None:
        """Returns the published form of a point."""
        return self.whole.write(point)

    def graph(self, point: Values) -> Graph | None:
        """Returns what to draw of a point."""
        return self.whole.graph(point)

    def implied(self, point: Values) -> dict[str, Value]:
        """Returns what follows from a point's choices."""
        return self.whole.implied(point)

    def costs(self, point: Values) -> dict[str, int]:
        """Returns the costs of a point that are known without a model."""
        return self.whole.costs(point)

    def path_code(self, point: Values) -> np.ndarray:
        """Returns the path encoding of a point: as long as in the whole space."""
        return self.whole.path_code(point)
