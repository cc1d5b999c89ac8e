"""What the spaces of cells and blocks share: a skeleton that is given images, and its head."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

import keras

from nas_nb.space.blueprint import Blueprint
from nas_nb.space.cell_costs import Skeleton
from nas_nb.space.darts_costs import DartsSkeleton
from nas_nb.space.head import compile_for, output_layer
from nas_nb.space.images import needs_images

if TYPE_CHECKING:
    from nas_nb.data import DataSpec
    from nas_nb.record.values import Values

S = TypeVar("S", Skeleton, DartsSkeleton)


@dataclass(frozen=True, kw_only=True)
class ImageBlueprint(Blueprint, Generic[S]):
    """Nets for images: a skeleton, and in it what a point of the domain chooses.

    Attributes:
        skeleton: Where the chosen parts stand.
        optimizer: Keras's name of the optimiser.
        learning_rate: Its constant learning rate.
        spec: The data that models are built for; ``None`` until `for_data`.
    """

    made_of: ClassVar[str] = "cells"
    """What the space consists of, in messages."""

    skeleton: S
    optimizer: str
    learning_rate: float
    spec: DataSpec | None = None

    @abstractmethod
    def features(self, inputs: Any, point: Values) -> Any:
        """Returns the net of a point up to its head, of shape ``(batch, features)``."""

    @property
    def identity(self) -> object:
        """The choices, the skeleton and the data."""
        return self

    def for_data(self, spec: DataSpec) -> Self:
        """Returns the space for images of this shape.

        Raises:
            SpaceError: The samples are no images.
        """
        needs_images(spec, self.made_of)
        skeleton = replace(self.skeleton, input_shape=tuple(spec.input_shape), outputs=spec.outputs)
        return replace(self, skeleton=skeleton, spec=spec)

    def build(self, point: Values) -> keras.Model:
        """Returns the compiled model of a point.

        Raises:
            SpaceError: The space has not been given data.
        """
        spec = needs_images(self.spec, self.made_of)
        inputs = keras.Input(spec.input_shape)
        model = keras.Model(inputs, output_layer(spec)(self.features(inputs, point)))
        return compile_for(model, spec, optimizer=self.optimizer, learning_rate=self.learning_rate)
