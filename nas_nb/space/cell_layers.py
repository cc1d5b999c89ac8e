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

    Layers are named for their places, so that nets of two cells tell which of them correspond.

    Args:
        inputs: ``(samples, height, width, channels)``.
        operations: The cell's operations, one an edge.
        skeleton: Where the cells stand.
    """
    stem = keras.layers.Conv2D(skeleton.width, 3, padding="same", use_bias=False, name="stem_conv")
    x = normalise(stem(inputs), "stem")
    for stage, width in enumerate(skeleton.widths):
        if stage > 0:
            x = reduction(x, width, f"reduction_{stage}")
        for number in range(skeleton.cells):
            x = cell(x, operations, width, f"stage_{stage}_cell_{number}")
    x = keras.layers.Activation("relu", name="last_relu")(normalise(x, "last"))
    return keras.layers.GlobalAveragePooling2D()(x)


def cell(x: Any, operations: Sequence[str], width: int, place: str = "cell") -> Any:
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
            operation(nodes[source], named[source, target], width, f"{place}_{source}_{target}")
            for source in range(target)
            if named[source, target] != NONE or (source, target) in zeros
        ]
        add = keras.layers.Add(name=f"{place}_node_{target}") if len(brought) > 1 else None
        nodes.append(brought[0] if add is None else add(brought))
    return nodes[last]


def operation(x: Any, name: str, width: int, place: str) -> Any:
    """Returns what an edge's operation makes of `x`, of the same shape."""
    if name == SKIP:
        return x
    if name == NONE:
        return keras.layers.Rescaling(0.0, name=f"{place}_zero")(x)
    if name == POOL:
        pool = keras.layers.AveragePooling2D(3, strides=1, padding="same", name=f"{place}_pool")
        return pool(x)
    return convolution(x, width, KERNELS[name], place)


def convolution(x: Any, width: int, side: int, place: str, stride: int = 1) -> Any:
    """Returns ReLU, convolution and normalisation of `x`, as the benchmark orders them."""
    x = keras.layers.Activation("relu", name=f"{place}_relu")(x)
    name = f"{place}_conv"
    convolved = keras.layers.Conv2D(
        width, side, strides=stride, padding="same", use_bias=False, name=name
    )(x)
    return normalise(convolved, place)


def reduction(x: Any, width: int, place: str) -> Any:
    """Returns a residual block that halves height and width, rounding up, with `width` channels."""
    main = convolution(x, width, 3, f"{place}_first", stride=2)
    main = convolution(main, width, 3, f"{place}_second")
    # With padding an odd side halves as it does in the convolution.
    side = keras.layers.AveragePooling2D(2, strides=2, padding="same", name=f"{place}_pool")(x)
    side = keras.layers.Conv2D(width, 1, use_bias=False, name=f"{place}_conv")(side)
    return keras.layers.Add(name=f"{place}_sum")([side, main])


def normalise(x: Any, place: str | None = None) -> Any:
    """Returns `x` after batch normalisation, whose layer is named for its place."""
    name = None if place is None else f"{place}_norm"
    return keras.layers.BatchNormalization(momentum=_MOMENTUM, epsilon=_EPSILON, name=name)(x)


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
