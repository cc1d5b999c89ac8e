"""DARTS: the space, its domain of two cells."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from nas_nb.errors import SpaceError
from nas_nb.space.domain import Domain
from nas_nb.space.graph import Edge, Graph, Node
from nas_nb.space.isomorphism import IsomorphicDomain
from nas_nb.space.parameter import Parameter
from nas_nb.spaces import darts_net
from nas_nb.spaces.darts_net import (
    INPUTS,
    OPERATIONS,
    Cell,
    CellNode,
    canonical,
    depth,
    from_genotype,
    genotype,
    macs,
    node_of,
    pairs,
    params,
    paths,
)
from nas_nb.spaces.ready_space import (
    DartsSkeleton,
    SkeletonSpace,
    check_whole_option,
    path_encoding,
    read_words,
)

if TYPE_CHECKING:
    from nas_nb.record.trial import Value, Values
    from nas_nb.space.search_space import SearchSpace

MOST_NODES = 4


@dataclass(frozen=True)
class DartsSpace(SkeletonSpace[DartsSkeleton]):
    """Nets of two cells, copied: for each node is chosen what it takes and what it does to it."""

    nodes: int
    operations: tuple[str, ...]

    @cached_property
    def whole_domain(self) -> DartsDomain:
        """The pairs of cells, isomorphic ones included."""
        parameters = darts_parameters(self.nodes, self.operations)
        return DartsDomain(parameters, nodes=self.nodes, skeleton=self.skeleton)

    def features(self, inputs: Any, point: Values) -> Any:
        """Returns the net of a point up to its head, of shape ``(batch, features)``."""
        return darts_net.features(inputs, *self.whole_domain.cells(point), self.skeleton)

    def read(self, text: str) -> Values:
        """Returns the values of a published form."""
        cells = from_genotype(text)
        for kind, cell in zip(KINDS, cells, strict=True):
            if len(cell) != self.nodes:
                raise SpaceError(
                    f"Expected cells of {self.nodes} nodes. Received: a {kind} cell of "
                    f"{len(cell)}. Make a space with nodes={len(cell)}."
                )
        return self.whole_domain.point(*cells)

    def write(self, point: Values) -> str:
        """Returns the published form: ``Genotype(normal=[...], ...)``."""
        return genotype(*self.whole_domain.cells(point))

    def costs(self, point: Values) -> dict[str, int]:
        """Returns `params` and `macs`; of CIFAR-10, until the space is given data."""
        cells = self.whole_domain.cells(point)
        return {
            "params": darts_net.params(*cells, self.skeleton),
            "macs": darts_net.macs(*cells, self.skeleton),
        }

    def path_code(self, point: Values) -> np.ndarray:
        """Returns the sequences of operations from either input to the output, cell by cell."""
        cells = self.whole_domain.cells(point)
        rows = [path_encoding(paths(cell), self.operations, 1, self.nodes) for cell in cells]
        return np.concatenate(rows)

    def graph(self, point: Values) -> Graph:
        """Returns both cells side by side."""
        nodes: list[Node] = []
        edges: list[Edge] = []
        for kind, cell in zip(KINDS, self.whole_domain.cells(point), strict=True):
            labels = [f"{kind}: last but one", f"{kind}: last", *map(str, range(self.nodes))]
            nodes += [
                Node(f"{kind}{state}", label, "input" if state < INPUTS else "step")
                for state, label in enumerate(labels)
            ]
            nodes.append(Node(kind, f"{kind} output", "output"))
            for number, steps in enumerate(cell):
                here = f"{kind}{number + INPUTS}"
                edges += [Edge(f"{kind}{s.state}", here, s.operation) for s in steps]
                edges.append(Edge(here, kind))
        return Graph(tuple(sorted(nodes, key=lambda node: node.kind == "output")), tuple(edges))


def darts_cell(
    *,
    layers: int = 3,
    width: int = 4,
    nodes: int = MOST_NODES,
    operations: Sequence[str] = OPERATIONS,
    optimizer: str = "adam",
    learning_rate: float = 0.001,
) -> SearchSpace:
    """Returns the space of DARTS: a normal and a reducing cell, two edges into every node.

    With 4 nodes and 7 operations it has about 10^18 pairs of cells, those included that are
    isomorphic. The defaults are small enough for two cores; the published net is
    ``darts_cell(layers=20, width=36)``. `SearchSpace.architecture` also takes a published genotype.

    Paper: Liu, Simonyan & Yang, DARTS: Differentiable Architecture Search, ICLR 2019.

    Args:
        layers: Cells of the net, 1 or more.
        width: Channels of each node of the first cells.
        nodes: Nodes of each cell, 1 to 4.
        operations: What may stand on an edge: some of ``max_pool_3x3``, ``avg_pool_3x3``,
            ``skip_connect``, ``sep_conv_3x3``, ``sep_conv_5x5``, ``dil_conv_3x3`` and
            ``dil_conv_5x5``. Default: all seven.
        optimizer: Keras's name of an optimiser.
        learning_rate: Its constant learning rate.

    Raises:
        SpaceError: A number is out of range, or an operation is unknown.

    Example:
        >>> darts_cell(nodes=1, operations=["skip_connect", "sep_conv_3x3"]).size
        16
    """
    from nas_nb.space.search_space import SearchSpace

    definition = DartsSpace(
        nodes=check_whole_option("nodes", nodes, 1, MOST_NODES),
        operations=read_words("operations", operations, OPERATIONS, in_order=True),
        skeleton=DartsSkeleton(
            check_whole_option("layers", layers), check_whole_option("width", width)
        ),
        optimizer=optimizer,
        learning_rate=learning_rate,
    )
    return SearchSpace(definition, name="darts_cell")


KINDS = ("normal", "reduce")


@dataclass(frozen=True)
class DartsDomain(IsomorphicDomain):
    """A normal cell and one that halves height and width; nodes in another order make twins."""

    # For each node, from 0, the values are `normal_0_from`, the two states that it takes ("0,1"),
    # and `normal_0_op_1`, `normal_0_op_2`, what is done to them.

    nodes: int
    skeleton: DartsSkeleton

    def key(self, point: Values) -> str:
        """Returns the cells with their nodes in an order that doesn't depend on their numbers."""
        return str(tuple(canonical(cell) for cell in self.cells(point)))

    def standing_for(self, point: Values) -> dict[str, Value]:
        """Returns the twin that comes first, where the domain has it; else the point itself."""
        first = self.point(*map(canonical, self.cells(point)))
        return first if self.is_whole or self.contains(first) else dict(point)

    def count_distinct(self) -> int:
        """Returns the number of points: it is an upper bound, since twins are not counted out."""
        return cast("int", Domain(self.parameters).size)

    def features(self, values: Values) -> dict[str, float]:
        """Returns logarithms of the costs; of both cells the depth and counts of operations."""
        cells = self.cells(self.canonical(values))
        facts = {
            "log_params": math.log(params(*cells, self.skeleton)),
            "log_macs": math.log(macs(*cells, self.skeleton)),
        }
        facts |= {f"depth_{kind}": float(depth(c)) for kind, c in zip(KINDS, cells, strict=True)}
        for kind, cell in zip(KINDS, cells, strict=True):
            counts = Counter(step.operation for node in cell for step in node)
            facts |= {f"{kind}_{name}": float(counts[name]) for name in OPERATIONS}
        return facts

    def cells(self, point: Values) -> tuple[Cell, Cell]:
        """Returns the normal and the reducing cell of a point."""
        values = tuple(str(point[name]) for name in self.names)
        half = len(values) // 2
        return _read(values[:half]), _read(values[half:])

    def point(self, normal: Cell, reduce: Cell) -> dict[str, Value]:
        """Returns the point of two cells."""
        return dict(zip(self.names, _written(normal) + _written(reduce), strict=True))

    @cached_property
    def is_whole(self) -> bool:
        """Whether every pair of inputs is there, and every edge has the same choice."""
        pairs_there = all(
            parameter.count == math.comb(place % self.nodes + INPUTS, 2)
            for place, parameter in enumerate(self.parameters[::3])
        )
        choices = {p.choices for n in (1, 2) for p in self.parameters[n::3]}
        return pairs_there and len(choices) == 1


def darts_parameters(nodes: int, operations: Sequence[str]) -> tuple[Parameter, ...]:
    """Returns the choices of two cells with so many nodes."""
    choices = []
    for kind, number in itertools.product(KINDS, range(nodes)):
        name = f"{kind}_{number}"
        choices.append((f"{name}_from", pairs(number)))
        choices += [(f"{name}_op_{n}", tuple(operations)) for n in (1, 2)]
    return tuple(Parameter.among(name, values) for name, values in choices)


@lru_cache(maxsize=1 << 14)
def _read(values: tuple[str, ...]) -> Cell:
    """Returns the cell of the values of one kind."""
    return tuple(map(_read_node, *(values[n::3] for n in range(3))))


@lru_cache(maxsize=1 << 12)
def _read_node(states: str, one: str, other: str) -> CellNode:
    first, second = map(int, states.split(","))
    return node_of(one, first, other, second)


@lru_cache(maxsize=1 << 14)
def _written(cell: Cell) -> tuple[str, ...]:
    """Returns the values of a cell."""
    nodes = ((f"{a.state},{b.state}", a.operation, b.operation) for a, b in cell)
    return tuple(itertools.chain.from_iterable(nodes))
