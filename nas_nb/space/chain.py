"""Chains of layers: the space that a plain dictionary describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import keras

from nas_nb.errors import SpaceError
from nas_nb.space.blueprint import Blueprint
from nas_nb.space.chain_choices import KEYS, read_choices
from nas_nb.space.domain import Domain
from nas_nb.space.head import compile_for, output_layer
from nas_nb.space.parameter import Condition, Parameter, ParameterKind

if TYPE_CHECKING:
    from nas_nb.data import DataSpec
    from nas_nb.record.values import Value, Values

KERNEL_SIZE = 3
POOL_SIZE = 2
SMALLEST_POOLED = 4
"""Feature maps are halved while their shorter side has at least so many pixels."""


@dataclass(frozen=True)
class Chain(Blueprint):
    """Layers in a row, each with a kind, a width and an activation of its own.

    A ``Conv2D`` has a 3x3 kernel and keeps the size of its input; a 2x2 max-pooling follows while
    height and width are both at least 4. The first ``Dense`` flattens, so that after it only
    ``Dense`` may follow. The output layer and the loss are the task's.

    The values of an architecture are named ``depth``, then ``layer_1``, ``units_1``,
    ``activation_1``, ``layer_2`` ... for the layers that it has; after a ``Dense`` there is no
    ``layer_`` value, because there is no choice. ``optimizer`` and ``learning_rate`` are among
    them where the dictionary gives them.

    Attributes:
        choices: For each key of the dictionary, its parameter, not yet repeated by layer.
        spec: The data that models are built for; ``None`` until `for_data`.
    """

    choices: tuple[tuple[str, Parameter], ...]
    spec: DataSpec | None = None

    @classmethod
    def from_dict(cls, choices: Mapping[str, Any]) -> Chain:
        """Makes the space of a dictionary.

        Args:
            choices: ``layers`` (``Conv2D``, ``Dense``: Keras's classes or their names), ``units``
                (whole numbers above 0), ``activations`` (names, functions of
                ``keras.activations`` or ``tf.nn``); optionally ``depth`` (whole numbers above 0;
                default ``[1, 2, 3]``), ``optimizer`` (Keras's names; default ``"adam"``) and
                ``learning_rate`` (numbers above 0; default 0.001).

        Raises:
            SpaceError: A key or a value is unknown, or a list is empty.
        """
        return cls(tuple(read_choices(choices).items()))

    @cached_property
    def domain(self) -> Domain:
        """The legal values."""
        named = dict(self.choices)
        once = [named[key] for key, about in KEYS.items() if key in named and not about.per_layer]
        depths = sorted(cast("tuple[int, ...]", named["depth"].choices))
        layers = [
            parameter
            for position in range(1, depths[-1] + 1)
            for parameter in _layer_parameters(named, position, depths)
        ]
        return Domain((*once, *layers))

    @property
    def identity(self) -> object:
        """The choices and the data."""
        return self

    def for_data(self, spec: DataSpec) -> Chain:
        """Returns the chain for this data: without ``Conv2D`` where a sample is no image.

        Args:
            spec: Its `input_shape` is ``(height, width, channels)`` for images.

        Raises:
            SpaceError: Every layer of the space needs images, and the data has none.
        """
        if len(spec.input_shape) == 3:
            return replace(self, spec=spec)
        layers = dict(self.choices)["layers"]
        flat = tuple(kind for kind in layers.choices if kind != "Conv2D")
        if not flat:
            raise SpaceError(
                "Expected samples of shape (height, width, channels) for a space of Conv2D only, "
                f"got samples of shape {spec.input_shape}: reshape the data, or add 'Dense' to "
                "'layers'."
            )
        only = Parameter(layers.name, _kind(flat), choices=flat)
        return replace(self, choices=(("layers", only), *self.choices[1:]), spec=spec)

    def build(self, point: Values) -> keras.Model:
        """Returns the compiled model of a point.

        Raises:
            SpaceError: The space has not been given data.
        """
        if self.spec is None:
            raise SpaceError(
                "Expected a space that knows the data's shape to build a model, got one without "
                "data: take space.for_data(data.spec), or pass the data to the search."
            )
        layers = [*_layers(point, self.spec.input_shape), output_layer(self.spec)]
        model = keras.Sequential([keras.Input(self.spec.input_shape), *layers])
        return compile_for(
            model,
            self.spec,
            optimizer=cast(str, point.get("optimizer", KEYS["optimizer"].default[0])),
            learning_rate=cast(float, point.get("learning_rate", KEYS["learning_rate"].default[0])),
        )


def _layer_parameters(
    named: Mapping[str, Parameter], position: int, depths: list[int]
) -> list[Parameter]:
    """Returns the parameters of the layer at a position, counted from 1."""
    deep_enough = tuple(depth for depth in depths if depth >= position)
    # Every chain has the first layers; a condition that always holds would only be noise.
    exists = (Condition("depth", deep_enough),) if len(deep_enough) < len(depths) else ()
    free = () if position == 1 else (Condition(f"layer_{position - 1}", ("Conv2D",)),)
    return [
        replace(
            named[key],
            name=f"{about.parameter}_{position}",
            conditions=((*exists, *free) if key == "layers" and named[key].count > 1 else exists),
        )
        for key, about in KEYS.items()
        if about.per_layer
    ]


def _kind(values: tuple[Value, ...]) -> ParameterKind:
    return ParameterKind.CHOICE if len(values) > 1 else ParameterKind.FIXED


def _layers(point: Values, input_shape: tuple[int, ...]) -> list[keras.layers.Layer]:
    """Returns the layers of a point up to the output layer, whose input they leave flat."""
    layers: list[keras.layers.Layer] = []
    shape = input_shape
    for position in range(1, cast(int, point["depth"]) + 1):
        units = cast(int, point[f"units_{position}"])
        activation = point[f"activation_{position}"]
        if point.get(f"layer_{position}", "Dense") == "Dense":
            layers += _flattening(shape)
            layers.append(keras.layers.Dense(units, activation=activation))
            shape = (units,)
            continue
        layers.append(
            keras.layers.Conv2D(units, KERNEL_SIZE, padding="same", activation=activation)
        )
        if min(shape[:2]) >= SMALLEST_POOLED:
            layers.append(keras.layers.MaxPooling2D(POOL_SIZE))
            shape = (shape[0] // POOL_SIZE, shape[1] // POOL_SIZE, units)
    return [*layers, *_flattening(shape)]


def _flattening(shape: tuple[int, ...]) -> list[keras.layers.Layer]:
    return [keras.layers.Flatten()] if len(shape) > 1 else []
