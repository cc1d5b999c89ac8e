"""What a search space is made of: a domain, and how a point of it becomes a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras
    import keras_tuner as kt

    from nas_nb.data import DataSpec
    from nas_nb.record.values import Values
    from nas_nb.space.domain import Domain


class Blueprint(ABC):
    """One way to make a search space; `SearchSpace` asks it and adds KerasTuner's protocol."""

    @property
    @abstractmethod
    def domain(self) -> Domain:
        """The legal values."""

    @abstractmethod
    def build(self, point: Values) -> keras.Model:
        """Returns the compiled model of a canonical `point` of the domain.

        Raises:
            SpaceError: The blueprint needs data and has none.
        """

    def for_data(self, spec: DataSpec) -> Blueprint:
        """Returns the blueprint for data of this shape and task; itself where that is no matter.

        Raises:
            SpaceError: Nothing in the space can take such data.
        """
        return self

    @property
    def hypermodel(self) -> kt.HyperModel | None:
        """The user's HyperModel, whose own `fit` a tuner has to call; None where there is none."""
        return None

    @property
    @abstractmethod
    def identity(self) -> object:
        """What makes two blueprints build the same models: hashable, compared by ``==``."""
