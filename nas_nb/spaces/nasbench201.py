"""NAS-Bench-201: the space, its domain, isomorphic cells."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, cast

from nas_nb.errors import SpaceError
from nas_nb.space.graph import Edge, Graph, Node
from nas_nb.space.isomorphism import IsomorphicDomain
from nas_nb.space.parameter import Parameter
from nas_nb.spaces import nasbench201_net, skeleton
from nas_nb.spaces.nasbench201_net import (
    CONV_1X1,
    CONV_3X3,
    OPERATIONS,
    live_edges,
    macs,
    node_string,
    nodes_of,
    params,
    term_string,
    unique_string,
)
from nas_nb.spaces.ready_space import check_whole_option, read_words
from nas_nb.spaces.skeleton import Skeleton, SkeletonSpace, edge_name, edges, path_encoding

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.trial import Value, Values
    from nas_nb.space.search_space import SearchSpace

MOST_NODES = 4


@dataclass(frozen=True)
class NasBench201Space(SkeletonSpace[skeleton.Skeleton]):
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
        return nasbench201_net.features(inputs, operations_of(point), self.skeleton)

    def read(self, text: str) -> Values:
        """Returns the values of a cell's published string."""
        operations = nasbench201_net.from_string(text)
        if len(operations) != len(self.whole_domain.names):
            raise SpaceError(
                f"Expected a cell of {self.nodes} nodes. Received: one of "
                f"{nasbench201_net.nodes_of(len(operations))}: {text!r}."
            )
        return dict(zip(self.whole_domain.names, operations, strict=True))

    def write(self, point: Values) -> str:
        """Returns the published string of a cell."""
        return nasbench201_net.to_string(operations_of(point))

    def costs(self, point: Values) -> dict[str, int]:
        """Returns `params` and `macs`; of CIFAR-10, until the space is given data."""
        operations = operations_of(point)
        return {
            "params": nasbench201_net.params(operations, self.skeleton),
            "macs": nasbench201_net.macs(operations, self.skeleton),
        }

    def graph(self, point: Values) -> Graph:
        """Returns the cell: its nodes, and its edges but for those of `none`."""
        last = self.nodes - 1
        nodes = [Node("0", "input", "input")]
        nodes += [Node(str(node), str(node)) for node in range(1, last)]
        links = zip(skeleton.edges(self.nodes), operations_of(point), strict=True)
        return Graph(
            (*nodes, Node(str(last), "output", "output")),
            tuple(
                Edge(str(source), str(target), operation)
                for (source, target), operation in links
                if operation != nasbench201_net.NONE
            ),
        )

    def path_code(self, point: Values) -> np.ndarray:
        """Returns which sequences of operations lead from the input to the output."""
        live = nasbench201_net.live_edges(operations_of(self.whole_domain.representative(point)))
        choices = [name for name in self.operations if name != nasbench201_net.NONE]
        return path_encoding(_paths(live, 0, self.nodes - 1), choices, 1, self.nodes - 1)


def _paths(live: Mapping[skeleton.Edge, str], node: int, last: int) -> Iterator[tuple[str, ...]]:
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
    operations: Sequence[str] = nasbench201_net.OPERATIONS,
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
        operations=read_words("operations", operations, nasbench201_net.OPERATIONS, in_order=True),
        skeleton=skeleton.Skeleton(
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
