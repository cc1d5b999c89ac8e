"""DARTS: a cell's genotype, its costs, its Keras layers.

Paper: Liu, Simonyan & Yang, DARTS: Differentiable Architecture Search, ICLR 2019.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import keras

from nas_nb.errors import SpaceError, nearest
from nas_nb.spaces.ready_space import DartsSkeleton, normalise, parse_literal_call

OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
"""The operations of an edge, by their published names and in the published order."""

INPUTS = 2
"""A cell's inputs: the outputs of the two cells before it, states 0 and 1."""

_EXAMPLE = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('skip_connect', 1)], normal_concat=[2], "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1)], reduce_concat=[2])"
)


class NodeInput(NamedTuple):
    """One of the two edges into a node: the operation, and the state that it takes."""

    operation: str
    state: int


CellNode = tuple[NodeInput, NodeInput]
"""The edges into a node, the one from the earlier state first."""

Cell = tuple[CellNode, ...]
"""The nodes in order; node n is state n + 2, and together they are the output."""


@lru_cache(maxsize=1 << 12)
def node_of(one: str, state: int, other: str, other_state: int) -> CellNode:
    """Returns the node that takes two states: the same object each time, to save memory."""
    if state > other_state:
        return node_of(other, other_state, one, state)
    return NodeInput(one, state), NodeInput(other, other_state)


def pairs(node: int) -> tuple[str, ...]:
    """Returns the pairs of states that a node (from 0) may take: ``"0,1"``, ``"0,2"``, ..."""
    return tuple(f"{a},{b}" for a, b in itertools.combinations(range(node + INPUTS), 2))


@lru_cache(maxsize=1 << 14)
def canonical(cell: Cell) -> Cell:
    """Returns the isomorphic cell that stands for all."""
    # Nodes may change places where none takes another that comes later, and so may the two edges
    # of a node. Nodes are sorted by depth and by all that leads to them; those that are alike in
    # both are tried in every order.
    longest = [0] * INPUTS
    looks: list[Any] = [(0,), (1,)]
    for node in cell:
        longest.append(1 + max(longest[step.state] for step in node))
        looks.append(tuple(sorted((s.operation, longest[s.state], looks[s.state]) for s in node)))
    marks = list(zip(longest, looks, strict=True))[INPUTS:]
    ranked = sorted(range(len(cell)), key=marks.__getitem__)
    groups = [list(alike) for _, alike in itertools.groupby(ranked, key=marks.__getitem__)]
    orders = itertools.product(*map(itertools.permutations, groups))
    return min(_renumbered(cell, [n for group in order for n in group]) for order in orders)


def depth(cell: Cell) -> int:
    """Returns the longest way through a cell, in operations."""
    longest = [0] * INPUTS
    for node in cell:
        longest.append(1 + max(longest[step.state] for step in node))
    return max(longest)


def genotype(normal: Cell, reduce: Cell) -> str:
    """Returns the published form, which DARTS's own code can evaluate."""
    parts = []
    for name, cell in (("normal", normal), ("reduce", reduce)):
        steps = ", ".join(f"('{s.operation}', {s.state})" for node in cell for s in node)
        concat = f"range({INPUTS}, {len(cell) + INPUTS})"
        parts.append(f"{name}=[{steps}], {name}_concat={concat}")
    return f"Genotype({', '.join(parts)})"


def from_genotype(text: str) -> tuple[Cell, Cell]:
    """Returns normal and reducing cell of a published form, which is read and never evaluated."""
    names = ("normal", "normal_concat", "reduce", "reduce_concat")
    found = parse_literal_call(text, "Genotype", names, _EXAMPLE)
    normal, reduce = (
        _read_cell(kind, found[kind], found[f"{kind}_concat"]) for kind in ("normal", "reduce")
    )
    return normal, reduce


def _read_cell(kind: str, steps: Any, concat: Any) -> Cell:
    read = [_read_step(step) for step in steps] if isinstance(steps, list) else []
    if not read or len(read) % 2:
        raise SpaceError(
            f"Expected two edges for each node of the {kind} cell. Received: {steps!r}."
        )
    nodes = []
    for number, (one, two) in enumerate(zip(read[::2], read[1::2], strict=True)):
        first, second = sorted((one, two), key=lambda step: step.state)
        if not 0 <= first.state < second.state < number + INPUTS:
            raise SpaceError(
                f"Expected node {number} of the {kind} cell to take two states below "
                f"{number + INPUTS}. Received: {one.state} and {two.state}."
            )
        nodes.append((first, second))
    wanted = list(range(INPUTS, len(nodes) + INPUTS))
    if not isinstance(concat, list | tuple) or sorted(concat) != wanted:
        raise SpaceError(
            f"Expected the output of the {kind} cell to join all its nodes, {wanted}. Received: "
            f"{concat!r}."
        )
    return tuple(nodes)


def _read_step(given: Any) -> NodeInput:
    if not isinstance(given, list | tuple) or len(given) != 2 or not isinstance(given[1], int):
        raise SpaceError(f"Expected edges like ('skip_connect', 0). Received: {given!r}.")
    if given[0] not in OPERATIONS:
        raise SpaceError(
            f"Expected operations among {', '.join(OPERATIONS)}. Received: {given[0]!r}."
            + nearest(str(given[0]), OPERATIONS)
        )
    return NodeInput(*given)


def paths(cell: Cell) -> Iterator[tuple[str, ...]]:
    """Yields the operations on each way from one of the cell's inputs to its output."""
    leading: list[list[tuple[str, ...]]] = [[()] for _ in range(INPUTS)]
    for node in cell:
        leading.append([(*way, step.operation) for step in node for way in leading[step.state]])
        yield from leading[-1]


def _renumbered(cell: Cell, order: Sequence[int]) -> Cell:
    states = {0: 0, 1: 1}
    states |= {node + INPUTS: position + INPUTS for position, node in enumerate(order)}
    return tuple(
        node_of(one.operation, states[one.state], other.operation, states[other.state])
        for one, other in map(cell.__getitem__, order)
    )


STEM = 3
"""The stem is so many times as wide as a node of the first cells."""

KERNELS = {"sep_conv_3x3": 3, "sep_conv_5x5": 5, "dil_conv_3x3": 3, "dil_conv_5x5": 5}
"""The side of the depthwise kernel of each operation that has weights."""


class Convolution(NamedTuple):
    """A convolution without a bias."""

    weights: int  # of its kernel
    normalised: int  # channels that are normalised after it; 0 for none
    area: int  # pixels that it makes


def params(normal: Cell, reduce: Cell, skeleton: DartsSkeleton, *, trainable: bool = False) -> int:
    """Returns how many weights the net has, exactly."""
    norm = 2 if trainable else 4
    layers = list(convolutions(normal, reduce, skeleton))
    head = (_features(normal, reduce, skeleton) + 1) * skeleton.outputs
    return head + sum(each.weights + norm * each.normalised for each in layers)


def macs(normal: Cell, reduce: Cell, skeleton: DartsSkeleton) -> int:
    """Returns the multiply-adds of the convolutions and the dense layer for one sample."""
    layers = convolutions(normal, reduce, skeleton)
    head = _features(normal, reduce, skeleton) * skeleton.outputs
    return head + sum(each.weights * each.area for each in layers)


def convolutions(normal: Cell, reduce: Cell, skeleton: DartsSkeleton) -> Iterator[Convolution]:
    """Yields every convolution of the net."""
    height, breadth, channels = skeleton.input_shape
    size = (height, breadth)
    width = skeleton.width
    stem = STEM * width
    yield Convolution(9 * channels * stem, stem, math.prod(size))
    before, last = stem, stem
    for layer in range(skeleton.layers):
        reducing = skeleton.is_reducing(layer)
        width *= 2 if reducing else 1
        # What comes from before a reducing cell is halved on its way in: both have one size.
        yield from (_pointwise(given, width, size) for given in (before, last))
        cell = reduce if reducing else normal
        half = (math.ceil(size[0] / 2), math.ceil(size[1] / 2)) if reducing else size
        for node in cell:
            for step in node:
                yield from _operation(step, width, size, half)
        before, last, size = last, len(cell) * width, half


def _operation(
    step: NodeInput, width: int, size: tuple[int, int], half: tuple[int, int]
) -> Iterator[Convolution]:
    """Yields what an edge computes; only those from the cell's inputs halve, after their kernel."""
    given = size if step.state < INPUTS else half
    if step.operation == "skip_connect" and given != half:
        yield _pointwise(width, width, half)
    if step.operation not in KERNELS:
        return
    area = KERNELS[step.operation] ** 2
    yield Convolution(area * width, 0, math.prod(given))
    yield _pointwise(width, width, half)
    if step.operation.startswith("sep"):
        yield Convolution(area * width, 0, math.prod(half))
        yield _pointwise(width, width, half)


def _pointwise(given: int, made: int, size: tuple[int, int]) -> Convolution:
    return Convolution(given * made, made, math.prod(size))


def _features(normal: Cell, reduce: Cell, skeleton: DartsSkeleton) -> int:
    """Returns the channels that the head gets."""
    places = range(skeleton.layers)
    width: int = skeleton.width << sum(map(skeleton.is_reducing, places))
    last = reduce if skeleton.is_reducing(skeleton.layers - 1) else normal
    return len(last) * width


# It has the published operations. Where a reducing cell halves what it takes, a skip is a strided
# 1x1 convolution instead of the published pair of them, shifted against each other.

_POOLS = {"max_pool_3x3": "MaxPooling2D", "avg_pool_3x3": "AveragePooling2D"}


def features(inputs: Any, normal: Cell, reduce: Cell, skeleton: DartsSkeleton) -> Any:
    """Returns the features that the net finds in images: ``(samples, channels)``."""
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
