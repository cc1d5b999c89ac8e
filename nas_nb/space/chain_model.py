"""The model of a chain: its values turned into layers, in a row or with connections past them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import keras

from nas_nb.space.chain_choices import KEYS
from nas_nb.space.chain_values import CONVOLUTIONS, NORMALIZATIONS, POOLINGS
from nas_nb.space.head import compile_for, output_layer

if TYPE_CHECKING:
    from nas_nb.data import DataSpec
    from nas_nb.record.values import Value, Values

POOL_SIZE = 2
SMALLEST_POOLED = 4
"""Feature maps are halved while their shortest side has at least so many pixels."""

MOMENTUM = 0.9
"""Of batch normalisation: Keras's 0.99 needs hundreds of batches before validation means much."""


@dataclass(frozen=True)
class _Stage:
    """One position of the chain.

    Attributes:
        before: What makes its input flat, where that is needed.
        main: The layer, and its normalisation and activation where they are layers.
        shortcut: A linear layer that brings the input to the output's size; None if it has it.
        after: Pooling and dropout.
    """

    before: list[keras.layers.Layer]
    main: list[keras.layers.Layer]
    shortcut: keras.layers.Layer | None
    after: list[keras.layers.Layer]


def chain_model(point: Values, spec: DataSpec) -> keras.Model:
    """Returns the compiled model of a chain's values."""
    stages, shape = _stages(point, spec.input_shape)
    ending = [*_flattening(shape), output_layer(spec)]
    inputs = keras.Input(spec.input_shape)
    if _value(point, "skip"):
        model = keras.Model(inputs, _connected(inputs, stages, ending))
    else:
        rows = [[*stage.before, *stage.main, *stage.after] for stage in stages]
        model = keras.Sequential([inputs, *(layer for row in rows for layer in row), *ending])
    return compile_for(
        model,
        spec,
        optimizer=cast(str, _value(point, "optimizer")),
        learning_rate=cast(float, _value(point, "learning_rate")),
    )


def _value(point: Values, key: str) -> Value:
    about = KEYS[key]
    return point.get(about.parameter, about.default[0])


def _connected(
    x: keras.KerasTensor, stages: list[_Stage], ending: list[keras.layers.Layer]
) -> keras.KerasTensor:
    for stage in stages:
        x = _through(stage.before, x)
        past = x if stage.shortcut is None else stage.shortcut(x)
        x = keras.layers.Add()([_through(stage.main, x), past])
        x = _through(stage.after, x)
    return _through(ending, x)


def _through(layers: list[keras.layers.Layer], x: keras.KerasTensor) -> keras.KerasTensor:
    for layer in layers:
        x = layer(x)
    return x


def _stages(point: Values, shape: tuple[int, ...]) -> tuple[list[_Stage], tuple[int, ...]]:
    """Returns the stages of the chain, and the shape of a sample after the last one."""
    stages = []
    for position in range(1, cast(int, point["depth"]) + 1):
        kind = str(point.get(f"layer_{position}", "Dense"))
        units = cast(int, point[f"units_{position}"])
        before = [] if kind in CONVOLUTIONS else _flattening(shape)
        given = shape if kind in CONVOLUTIONS else (math.prod(shape),)
        shortcut = None if given[-1] == units else _linear(kind, units)
        shape = (*given[:-1], units)
        after = list(_pooling(point, shape)) if kind in CONVOLUTIONS else []
        if after:
            shape = (*(side // POOL_SIZE for side in shape[:-1]), units)
        if rate := cast(float, _value(point, "dropout")):
            after.append(keras.layers.Dropout(rate))
        main = list(_main(point, kind, units, position))
        stages.append(_Stage(before, main, shortcut, after))
    return stages, shape


def _main(point: Values, kind: str, units: int, position: int) -> Iterator[keras.layers.Layer]:
    activation = point[f"activation_{position}"]
    normalization = NORMALIZATIONS[str(_value(point, "normalization"))]
    inside = None if normalization else activation
    if kind in CONVOLUTIONS:
        size = cast(int, point.get(f"kernel_size_{position}", KEYS["kernel_sizes"].default[0]))
        layer = getattr(keras.layers, kind)
        yield layer(units, size, padding="same", activation=inside)
    else:
        yield keras.layers.Dense(units, activation=inside)
    if normalization:
        batch = normalization == "BatchNormalization"
        options = {"momentum": MOMENTUM} if batch else {}
        yield getattr(keras.layers, normalization)(**options)
        yield keras.layers.Activation(activation)


def _linear(kind: str, units: int) -> keras.layers.Layer:
    """Returns the layer that brings a sample, or each of its pixels, to so many channels."""
    return getattr(keras.layers, kind)(*((units, 1) if kind in CONVOLUTIONS else (units,)))


def _pooling(point: Values, shape: tuple[int, ...]) -> Iterator[keras.layers.Layer]:
    layer = POOLINGS[str(_value(point, "pooling"))]
    if layer and min(shape[:-1]) >= SMALLEST_POOLED:
        yield getattr(keras.layers, f"{layer}{len(shape) - 1}D")(POOL_SIZE)


def _flattening(shape: tuple[int, ...]) -> list[keras.layers.Layer]:
    return [keras.layers.Flatten()] if len(shape) > 1 else []
