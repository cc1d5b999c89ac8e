"""What a search space is made of: a domain, and how a point of it becomes a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from nas_nb.errors import SpaceError

if TYPE_CHECKING:
    import keras
    import keras_tuner as kt
    import numpy as np

    from nas_nb.data import DataSpec
    from nas_nb.record.values import Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.graph import Graph


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

    def read(self, text: str) -> Values:
        """Returns the values of an architecture that is written in a published form.

        Raises:
            SpaceError: The space has no such form, or `text` isn't of it.
        """
        raise SpaceError(
            f"Expected the values of an architecture as a dictionary, got the text {text!r}: "
            "only cells have a published form as text."
        )

    def write(self, point: Values) -> str | None:
        """Returns the published form of a canonical point; None where the space has none."""
        return None

    def graph(self, point: Values) -> Graph | None:
        """Returns what to draw of a canonical point; None to draw the layers of its model."""
        return None

    def implied(self, point: Values) -> dict[str, Value]:
        """Returns what follows from a point's choices and is no choice itself, by name."""
        return {}

    def costs(self, point: Values) -> dict[str, int]:
        """Returns the costs of a canonical point that are known without a model, by name."""
        return {}

    def path_code(self, point: Values) -> np.ndarray:
        """Returns a row with a 1 for each way from input to output that the cell has.

        Raises:
            SpaceError: The space is not one of cells.
        """
        raise SpaceError(
            "Expected a space of cells for the path encoding, got one without paths: "
            "leave `form` out."
        )

    @property
    def recipe(self) -> dict[str, Any] | None:
        """What makes the blueprint again, as JSON; None where that needs code of the user's."""
        return None

    @property
    @abstractmethod
    def identity(self) -> object:
        """What makes two blueprints build the same models: hashable, compared by ``==``."""
