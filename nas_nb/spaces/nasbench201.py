"""NAS-Bench-201: the space, its domain, isomorphic cells; a cell's string, costs, Keras layers.

Paper: Dong & Yang, NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search,
ICLR 2020.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, cast

import keras

from nas_nb.errors import SpaceError, nearest
from nas_nb.space.graph import Edge, Graph, Node
from nas_nb.space.isomorphism import IsomorphicDomain
from nas_nb.space.parameter import Parameter
from nas_nb.spaces.ready_space import (
    CellEdge,
    Skeleton,
    SkeletonSpace,
    check_whole_option,
    edge_name,
    edges,
    normalise,
    path_encoding,
    read_words,
)

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.trial import Value, Values
    from nas_nb.space.search_space import SearchSpace

NONE, SKIP, CONV_1X1, CONV_3X3, POOL = OPERATIONS = (
    "none",
    "skip_connect",
    "nor_conv_1x1",
    "nor_conv_3x3",
    "avg_pool_3x3",
)
"""The operations of an edge, by their published names and in the published order."""

MOST_NODES = 4


@dataclass(frozen=True)
class NasBench201Space(SkeletonSpace[Skeleton]):
    """Nets of one cell, copied: an operation is chosen for every edge between the cell's nodes."""

    # Values are `edge_0_1`, `edge_0_2`, `edge_1_2`, ...: from node to node, the input being node
    # 0 and the output the last.

    nodes: int
    operations: tuple[str, ...]  # in the published order

    @cached_property
    def whole_domain(self) -> NasBench201Domain:
        """The cells, isomorphic ones included."""
        parameters = nasbench201_parameters(self.nodes, self.operations)
        return NasBench201Domain(parameters, skeleton=self.skeleton)

    def features(self, inputs: Any, point: Values) -> Any:
        """Returns the net of a point up to its head, of shape ``(batch, features)``."""
        return features(inputs, operations_of(point), self.skeleton)

    def read(self, text: str) -> Values:
        """Returns the values of a cell's published string."""
        operations = from_string(text)
        if len(operations) != len(self.whole_domain.names):
            raise SpaceError(
                f"Expected a cell of {self.nodes} nodes. Received: one of "
                f"{nodes_of(len(operations))}: {text!r}."
            )
        return dict(zip(self.whole_domain.names, operations, strict=True))

    def write(self, point: Values) -> str:
        """Returns the published string of a cell."""
        return to_string(operations_of(point))

    def costs(self, point: Values) -> dict[str, int]:
        """Returns `params` and `macs`; of CIFAR-10, until the space is given data."""
        operations = operations_of(point)
        return {
            "params": params(operations, self.skeleton),
            "macs": macs(operations, self.skeleton),
        }

    def graph(self, point: Values) -> Graph:
        """Returns the cell: its nodes, and its edges but for those of `none`."""
        last = self.nodes - 1
        nodes = [Node("0", "input", "input")]
        nodes += [Node(str(node), str(node)) for node in range(1, last)]
        links = zip(edges(self.nodes), operations_of(point), strict=True)
        return Graph(
            (*nodes, Node(str(last), "output", "output")),
            tuple(
                Edge(str(source), str(target), operation)
                for (source, target), operation in links
                if operation != NONE
            ),
        )

    def path_code(self, point: Values) -> np.ndarray:
        """Returns which sequences of operations lead from the input to the output."""
        live = live_edges(operations_of(self.whole_domain.representative(point)))
        choices = [name for name in self.operations if name != NONE]
        return path_encoding(_paths(live, 0, self.nodes - 1), choices, 1, self.nodes - 1)


def _paths(live: Mapping[CellEdge, str], node: int, last: int) -> Iterator[tuple[str, ...]]:
    if node == last:
        yield ()
    for (source, target), operation in live.items():
        if source == node:
            yield from ((operation, *rest) for rest in _paths(live, target, last))


def nasbench201_cell(
    *,
    cells: int = 1,
    width: int = 8,
    stages: int = 3,
    nodes: int = MOST_NODES,
    operations: Sequence[str] = OPERATIONS,
    optimizer: str = "adam",
    learning_rate: float = 0.001,
) -> SearchSpace:
    """Returns the space of NAS-Bench-201: cells of 4 nodes with one of 5 operations on each edge.

    There are 15,625 cells, 6,466 of them distinct up to isomorphism. The defaults are small
    enough for two cores; the published net is ``nasbench201_cell(cells=5, width=16)``, for images
    of ``(32, 32, 3)``. `SearchSpace.architecture` also takes the published string of a cell.

    Paper: Dong & Yang, NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture
    Search, ICLR 2020.

    Args:
        cells: Copies of the cell in each stage, 1 or more.
        width: Channels of the first stage; each stage has twice as many as the one before.
        stages: How many stages, 1 or more. Height and width are halved between them.
        nodes: Nodes of the cell, 2 to 4.
        operations: What may stand on an edge: some of ``none``, ``skip_connect``,
            ``nor_conv_1x1``, ``nor_conv_3x3`` and ``avg_pool_3x3``. Default: all five.
        optimizer: Keras's name of an optimiser.
        learning_rate: Its constant learning rate.

    Raises:
        SpaceError: A number is out of range, or an operation is unknown.

    Example:
        >>> space = nasbench201_cell()
        >>> space.size
        15625
        >>> one = space.architecture(
        ...     "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|none~1|none~2|")
    """
    from nas_nb.space.search_space import SearchSpace

    definition = NasBench201Space(
        nodes=check_whole_option("nodes", nodes, 2, MOST_NODES),
        operations=read_words("operations", operations, OPERATIONS, in_order=True),
        skeleton=Skeleton(
            check_whole_option("cells", cells),
            check_whole_option("width", width),
            check_whole_option("stages", stages),
        ),
        optimizer=optimizer,
        learning_rate=learning_rate,
    )
    return SearchSpace(definition, name="nasbench201_cell")


Cell = tuple[str, ...]


@dataclass(frozen=True)
class NasBench201Domain(IsomorphicDomain):
    """The cells of a skeleton: one choice an edge; isomorphic cells are twins."""

    # Of twins the first in the published order of operations stands for all: the one with `none` on
    # edges that lead nowhere.

    skeleton: Skeleton

    def key(self, point: Values) -> str:
        """Returns NATS-Bench's unique string, which isomorphic cells share."""
        return unique_string(operations_of(point))

    def standing_for(self, point: Values) -> dict[str, Value]:
        """Returns the isomorphic cell that comes first."""
        return dict(zip(point, self._twins[operations_of(point)], strict=True))

    def count_distinct(self) -> int:
        """Returns how many cells are not isomorphic."""
        return len(set(self._twins.values()))

    def features(self, values: Values) -> dict[str, float]:
        """Returns logarithms of the costs, paths, convolutions in a row, counts of operations."""
        cell = operations_of(self.representative(values))
        live = live_edges(cell)
        last = nodes_of(len(cell)) - 1
        paths, depth = [1] + [0] * last, [0] * (last + 1)
        for (source, target), operation in live.items():
            paths[target] += paths[source]
            depth[target] = max(depth[target], depth[source] + (operation in (CONV_1X1, CONV_3X3)))
        counts = Counter(live.values())
        return {
            "log_params": math.log(params(cell, self.skeleton)),
            "log_macs": math.log(macs(cell, self.skeleton)),
            "paths": float(paths[-1]),
            "depth": float(depth[-1]),
            **{f"count_{name}": float(counts[name]) for name in OPERATIONS[1:]},
        }

    @property
    def _twins(self) -> Mapping[Cell, Cell]:
        return isomorphism_table(tuple(cast("Cell", p.choices) for p in self.parameters))


def nasbench201_parameters(nodes: int, operations: Sequence[str]) -> tuple[Parameter, ...]:
    """Returns a choice of an operation for each edge."""
    return tuple(Parameter.among(edge_name(edge), operations) for edge in edges(nodes))


def operations_of(point: Values) -> Cell:
    """Returns the operations of a canonical point, one an edge, in order."""
    return tuple(cast("Mapping[str, str]", point).values())


@lru_cache(maxsize=8)
def isomorphism_table(choices: tuple[Cell, ...]) -> dict[Cell, Cell]:
    """Returns, for each cell with these choices an edge, the isomorphic cell that comes first."""
    first: dict[str, Cell] = {}
    return {
        cell: first.setdefault(text, cell) for cell, text in _cells(choices, nodes_of(len(choices)))
    }


def _cells(choices: tuple[Cell, ...], nodes: int) -> Iterator[tuple[Cell, str]]:
    """Yields each cell in order with its unique string; cells that begin alike share its parts."""
    inner = (nodes - 1) * (nodes - 2) // 2
    ends = list(itertools.product(*choices[inner:]))
    for start in itertools.product(*choices[:inner]):
        strings = ["0"]
        terms = iter(start)
        for target in range(1, nodes - 1):
            strings.append(node_string(strings[:target], terms))
        brought = [
            {operation: term_string(text, operation) for operation in options}
            for text, options in zip(strings, choices[inner:], strict=True)
        ]
        for end in ends:
            sums = sorted([by[operation] for by, operation in zip(brought, end, strict=True)])
            yield start + end, "+".join(sums)


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


def live_edges(operations: Sequence[str]) -> Mapping[CellEdge, str]:
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


def _dead_ends(named: Mapping[CellEdge, str], last: int) -> set[CellEdge]:
    """Returns the edges of `none` that a node without inputs, or without ways out, needs."""
    used = {edge for edge, name in named.items() if name != NONE}
    onward = {last}
    for source in range(last - 1, 0, -1):
        onward |= {source} if any((source, target) in used for target in onward) else set()
    inner = range(1, last)
    empty = {(0, n) for n in (*inner, last) if not any((s, n) in used for s in range(n))}
    weighty = [n for n in inner if any(named[s, n] in KERNELS for s in range(n))]
    return empty | {(n, last) for n in weighty if n not in onward}
