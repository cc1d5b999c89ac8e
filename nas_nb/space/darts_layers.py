"""DARTS's net in Keras: stem, normal and reducing cells, head.

It has the published operations. Where a reducing cell halves what it takes, a skip is a strided
1x1 convolution instead of the published pair of them, shifted against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from nas_nb.space.cell_layers import normalise
from nas_nb.space.darts_costs import KERNELS, STEM, DartsSkeleton
from nas_nb.space.darts_form import INPUTS, Cell

_POOLS = {"max_pool_3x3": "MaxPooling2D", "avg_pool_3x3": "AveragePooling2D"}


def features(inputs: Any, normal: Cell, reduce: Cell, skeleton: DartsSkeleton) -> Any:
    """Returns the features that the net finds in images: ``(samples, channels)``.

    Args:
        inputs: ``(samples, height, width, channels)``.
        normal: The cell that keeps height and width.
        reduce: The one that halves them and doubles the channels.
        skeleton: Where they stand.
    """
    width = skeleton.width
    x = keras.layers.Conv2D(STEM * width, 3, padding="same", use_bias=False)(inputs)
    before, last = (stem := normalise(x)), stem
    shrunk = False
    for layer in range(skeleton.layers):
        reducing = skeleton.is_reducing(layer)
        width *= 2 if reducing else 1
        states = [_fitted(before, width, 2 if shrunk else 1), _fitted(last, width, 1)]
        before, last = last, cell(states, reduce if reducing else normal, width, reducing)
        shrunk = reducing
    return keras.layers.GlobalAveragePooling2D()(last)


def cell(states: Sequence[Any], nodes: Cell, width: int, reducing: bool) -> Any:
    """Returns the nodes of a cell side by side, each the sum of what its two edges bring."""
    known = list(states)
    for node in nodes:
        brought = [
            operation(
                known[step.state],
                step.operation,
                width,
                2 if reducing and step.state < INPUTS else 1,
            )
            for step in node
        ]
        known.append(keras.layers.Add()(brought))
    made = known[INPUTS:]
    return keras.layers.Concatenate()(made) if len(made) > 1 else made[0]


def operation(x: Any, name: str, width: int, stride: int) -> Any:
    """Returns what an edge's operation makes of `x`, with height and width divided by `stride`."""
    if name in _POOLS:
        return getattr(keras.layers, _POOLS[name])(3, strides=stride, padding="same")(x)
    if name == "skip_connect":
        return x if stride == 1 else _fitted(x, width, stride)
    side = KERNELS[name]
    if name.startswith("dil"):
        return _separable(x, width, side, stride, dilation=2)
    return _separable(_separable(x, width, side, stride), width, side, 1)


def _separable(x: Any, width: int, side: int, stride: int, dilation: int = 1) -> Any:
    x = keras.layers.Activation("relu")(x)
    x = keras.layers.DepthwiseConv2D(side, padding="same", dilation_rate=dilation, use_bias=False)(
        x
    )
    # Keras can't dilate and stride at once; to stride in the 1x1 that follows skips the same rows.
    return normalise(keras.layers.Conv2D(width, 1, strides=stride, use_bias=False)(x))


def _fitted(x: Any, width: int, stride: int) -> Any:
    x = keras.layers.Activation("relu")(x)
    return normalise(keras.layers.Conv2D(width, 1, strides=stride, use_bias=False)(x))
