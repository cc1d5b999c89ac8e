"""NAS-Bench-201's net in Keras: stem, cells, reductions and head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from nas_nb.space.cell_costs import KERNELS, Skeleton
from nas_nb.space.cell_form import NONE, POOL, SKIP, Edge, edges, nodes_of

# The published momentum and epsilon, in Keras's terms.
_MOMENTUM = 0.9
_EPSILON = 1e-5


def features(inputs: Any, operations: Sequence[str], skeleton: Skeleton) -> Any:
    """Returns the features that the net finds in images: ``(samples, channels)``.

    Args:
        inputs: ``(samples, height, width, channels)``.
        operations: The cell's operations, one an edge.
        skeleton: Where the cells stand.
    """
    x = keras.layers.Conv2D(skeleton.width, 3, padding="same", use_bias=False)(inputs)
    x = normalise(x)
    for stage, width in enumerate(skeleton.widths):
        if stage > 0:
            x = reduction(x, width)
        for _ in range(skeleton.cells):
            x = cell(x, operations, width)
    x = keras.layers.Activation("relu")(normalise(x))
    return keras.layers.GlobalAveragePooling2D()(x)


def cell(x: Any, operations: Sequence[str], width: int) -> Any:
    """Returns the last node of a cell whose first node is `x`.

    All weights of the published cell are there, also those on edges that lead nowhere: what such
    an edge brings is multiplied by zero, as the published cell does with every `none`.
    """
    last = nodes_of(len(operations)) - 1
    named = dict(zip(edges(last + 1), operations, strict=True))
    zeros = _dead_ends(named, last)
    nodes = [x]
    for target in range(1, last + 1):
        brought = [
            operation(nodes[source], named[source, target], width)
            for source in range(target)
            if named[source, target] != NONE or (source, target) in zeros
        ]
        nodes.append(keras.layers.Add()(brought) if len(brought) > 1 else brought[0])
    return nodes[last]


def operation(x: Any, name: str, width: int) -> Any:
    """Returns what an edge's operation makes of `x`, of the same shape."""
    if name == SKIP:
        return x
    if name == NONE:
        return keras.layers.Rescaling(0.0)(x)
    if name == POOL:
        return keras.layers.AveragePooling2D(3, strides=1, padding="same")(x)
    return convolution(x, width, KERNELS[name])


def convolution(x: Any, width: int, side: int, stride: int = 1) -> Any:
    """Returns ReLU, convolution and normalisation of `x`, as the benchmark orders them."""
    x = keras.layers.Activation("relu")(x)
    x = keras.layers.Conv2D(width, side, strides=stride, padding="same", use_bias=False)(x)
    return normalise(x)


def reduction(x: Any, width: int) -> Any:
    """Returns a residual block that halves height and width, rounding up, with `width` channels."""
    main = convolution(convolution(x, width, 3, stride=2), width, 3)
    # With padding an odd side halves as it does in the convolution.
    side = keras.layers.AveragePooling2D(2, strides=2, padding="same")(x)
    side = keras.layers.Conv2D(width, 1, use_bias=False)(side)
    return keras.layers.Add()([side, main])


def normalise(x: Any) -> Any:
    """Returns `x` after batch normalisation."""
    return keras.layers.BatchNormalization(momentum=_MOMENTUM, epsilon=_EPSILON)(x)


def _dead_ends(named: Mapping[Edge, str], last: int) -> set[Edge]:
    """Returns the edges of `none` that are needed: for a node without inputs, or without ways out.

    The others would only add zeros to something.
    """
    used = {edge for edge, name in named.items() if name != NONE}
    onward = {last}
    for source in range(last - 1, 0, -1):
        onward |= {source} if any((source, target) in used for target in onward) else set()
    inner = range(1, last)
    empty = {(0, n) for n in (*inner, last) if not any((s, n) in used for s in range(n))}
    weighty = [n for n in inner if any(named[s, n] in KERNELS for s in range(n))]
    return empty | {(n, last) for n in weighty if n not in onward}
