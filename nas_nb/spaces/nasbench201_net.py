"""NAS-Bench-201: a cell's string, its costs, its Keras layers.

Paper: Dong & Yang, NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search,
ICLR 2020.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras

from nas_nb.errors import SpaceError, nearest
from nas_nb.spaces.skeleton import Edge, Skeleton, edges, normalise

NONE, SKIP, CONV_1X1, CONV_3X3, POOL = OPERATIONS = (
    "none",
    "skip_connect",
    "nor_conv_1x1",
    "nor_conv_3x3",
    "avg_pool_3x3",
)
"""The operations of an edge, by their published names and in the published order."""

_ZERO = "#"
_INPUT = "0"
_TERM = re.compile(r"(\w+)~(\d+)")


def to_string(operations: Sequence[str]) -> str:
    """Returns the published string of a cell: ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``."""
    terms = iter(operations)
    count = nodes_of(len(operations))
    parts = (
        "|" + "".join(f"{next(terms)}~{source}|" for source in range(target))
        for target in range(1, count)
    )
    return "+".join(parts)


def from_string(text: str) -> tuple[str, ...]:
    """Returns the operations of a published string, one for each of `edges`."""
    nodes = text.strip().split("+")
    operations: list[str] = []
    for target, node in enumerate(nodes, start=1):
        terms = [_TERM.fullmatch(term) for term in node.strip().strip("|").split("|")]
        sources = [int(term[2]) if term else -1 for term in terms]
        if sources != list(range(target)):
            raise SpaceError(
                "Expected a cell like '|skip_connect~0|+|none~0|nor_conv_3x3~1|', where node n "
                f"has one operation for each node before it. Received: {node!r} for node {target}."
            )
        operations += [term[1] for term in terms if term]
    for operation in operations:
        if operation not in OPERATIONS:
            raise SpaceError(
                f"Expected operations among {', '.join(OPERATIONS)}. Received: {operation!r}."
                + nearest(operation, OPERATIONS)
            )
    return tuple(operations)


def nodes_of(edge_count: int) -> int:
    """Returns how many nodes have so many edges: n nodes have n (n - 1) / 2."""
    count = 2
    while count * (count - 1) // 2 < edge_count:
        count += 1
    return count


def unique_string(operations: Sequence[str]) -> str:
    """Returns NATS-Bench's string of a cell, zeros considered, which isomorphic cells share."""
    # A node is the sorted sum of what its edges bring; a skip brings its node as it is, and zeros
    # (`none`, or anything after a zero) are one symbol: 6,466 strings of 15,625 cells. It overlooks
    # whether two equal branches share their weights, so a few twins differ in parameters.
    nodes = [_INPUT]
    terms = iter(operations)
    for _ in range(1, nodes_of(len(operations))):
        nodes.append(node_string(nodes, terms))
    return nodes[-1]


def node_string(nodes: Sequence[str], operations: Iterator[str]) -> str:
    """Returns the string of the node that takes one of the next operations from each of `nodes`."""
    return "+".join(sorted([term_string(node, next(operations)) for node in nodes]))


def term_string(node: str, operation: str) -> str:
    """Returns the string of what an edge brings from a node."""
    if operation == NONE or node == _ZERO:
        return _ZERO
    return node if operation == SKIP else f"({node})@{operation}"


def live_edges(operations: Sequence[str]) -> Mapping[Edge, str]:
    """Returns the edges on a way from the cell's input to its output, with their operations."""
    count = nodes_of(len(operations))
    used = {e: o for e, o in zip(edges(count), operations, strict=True) if o != NONE}
    forth, back = {0}, {count - 1}
    for source, target in used:
        forth |= {target} if source in forth else set()
    for source, target in sorted(used, key=lambda edge: -edge[1]):
        back |= {source} if target in back else set()
    return {edge: o for edge, o in used.items() if edge[0] in forth and edge[1] in back}


KERNELS = {CONV_1X1: 1, CONV_3X3: 3}
"""The side of the kernel of each operation that has weights."""


def params(operations: Sequence[str], skeleton: Skeleton, *, trainable: bool = False) -> int:
    """Returns how many weights the net has, dead edges included, exactly."""
    norm = 2 if trainable else 4
    kernels = [KERNELS[operation] for operation in operations if operation in KERNELS]
    first, last = skeleton.widths[0], skeleton.widths[-1]
    stem = (9 * skeleton.input_shape[2] + norm) * first
    cells = sum(
        skeleton.cells * sum((side * side * width + norm) * width for side in kernels)
        for width in skeleton.widths
    )
    # A reduction: a 3x3 to twice the channels, a 3x3 that keeps them, a 1x1 on the shortcut.
    reductions = sum((18 + 36 + 2) * w * w + 4 * norm * w for w in skeleton.widths[:-1])
    return stem + cells + reductions + norm * last + (last + 1) * skeleton.outputs


def macs(operations: Sequence[str], skeleton: Skeleton) -> int:
    """Returns the multiply-adds for one sample as `costs.macs` counts: without normalisation."""
    sides = sum(KERNELS[operation] ** 2 for operation in operations if operation in KERNELS)
    shapes = list(zip(skeleton.widths, skeleton.areas, strict=True))
    stem = 9 * skeleton.input_shape[2] * skeleton.width * skeleton.areas[0]
    cells = sum(skeleton.cells * sides * width * width * area for width, area in shapes)
    reductions = sum(
        (18 + 36 + 2) * width * width * area
        for width, area in zip(skeleton.widths[:-1], skeleton.areas[1:], strict=True)
    )
    return stem + cells + reductions + skeleton.widths[-1] * skeleton.outputs


def features(inputs: Any, operations: Sequence[str], skeleton: Skeleton) -> Any:
    """Returns the features of images, ``(samples, channels)``, by layers named for their places."""
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
    """Returns the last node of a cell whose first node is `x`."""
    # All weights of the published cell are there, also on edges that lead nowhere: what these bring
    # is multiplied by zero, as the published cell does with every `none`.
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


def _dead_ends(named: Mapping[Edge, str], last: int) -> set[Edge]:
    """Returns the edges of `none` that a node without inputs, or without ways out, needs."""
    used = {edge for edge, name in named.items() if name != NONE}
    onward = {last}
    for source in range(last - 1, 0, -1):
        onward |= {source} if any((source, target) in used for target in onward) else set()
    inner = range(1, last)
    empty = {(0, n) for n in (*inner, last) if not any((s, n) in used for s in range(n))}
    weighty = [n for n in inner if any(named[s, n] in KERNELS for s in range(n))]
    return empty | {(n, last) for n in weighty if n not in onward}
