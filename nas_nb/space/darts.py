"""The space of DARTS's cells, at any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.errors import SpaceError
from nas_nb.space import darts_costs, darts_layers
from nas_nb.space.darts_costs import DartsSkeleton
from nas_nb.space.darts_domain import KINDS, DartsDomain, darts_parameters
from nas_nb.space.darts_form import INPUTS, OPERATIONS, from_genotype, genotype, ways
from nas_nb.space.graph import Edge, Graph, Node
from nas_nb.space.image_blueprint import ImageBlueprint
from nas_nb.space.options import whole, words
from nas_nb.space.paths import path_row

if TYPE_CHECKING:
    from nas_nb.record.values import Values
    from nas_nb.space.search_space import SearchSpace

MOST_NODES = 4


@dataclass(frozen=True)
class DartsSpace(ImageBlueprint[DartsSkeleton]):
    """Nets of two cells, copied: of every node it is chosen what it takes and what it does to it.

    Attributes:
        nodes: Nodes of each cell.
        operations: What an edge may be.
    """

    nodes: int
    operations: tuple[str, ...]

    @cached_property
    def domain(self) -> DartsDomain:
        """The pairs of cells, isomorphic ones included."""
        parameters = darts_parameters(self.nodes, self.operations)
        return DartsDomain(parameters, nodes=self.nodes, skeleton=self.skeleton)

    def features(self, inputs: Any, point: Values) -> Any:
        """Returns the net of a point up to its head, of shape ``(batch, features)``."""
        return darts_layers.features(inputs, *self.domain.cells(point), self.skeleton)

    def read(self, text: str) -> Values:
        """Returns the values of a published form."""
        cells = from_genotype(text)
        for kind, cell in zip(KINDS, cells, strict=True):
            if len(cell) != self.nodes:
                raise SpaceError(
                    f"Expected cells of {self.nodes} nodes, got a {kind} cell of {len(cell)}: make "
                    f"a space with nodes={len(cell)}."
                )
        return self.domain.point(*cells)

    def write(self, point: Values) -> str:
        """Returns the published form: ``Genotype(normal=[...], ...)``."""
        return genotype(*self.domain.cells(point))

    def costs(self, point: Values) -> dict[str, int]:
        """Returns `params` and `flops`; of CIFAR-10, until the space is given data."""
        cells = self.domain.cells(point)
        return {
            "params": darts_costs.params(*cells, self.skeleton),
            "flops": darts_costs.flops(*cells, self.skeleton),
        }

    def path_code(self, point: Values) -> np.ndarray:
        """Returns which sequences of operations lead to the output: normal cell, reducing cell.

        Ways from either input count alike, as do a cell's nodes at the output.
        """
        cells = self.domain.cells(point)
        rows = [path_row(ways(cell), self.operations, 1, self.nodes) for cell in cells]
        return np.concatenate(rows)

    def graph(self, point: Values) -> Graph:
        """Returns both cells side by side."""
        nodes: list[Node] = []
        edges: list[Edge] = []
        for kind, cell in zip(KINDS, self.domain.cells(point), strict=True):
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

    blueprint = DartsSpace(
        nodes=whole("nodes", nodes, 1, MOST_NODES),
        operations=words("operations", operations, OPERATIONS, in_order=True),
        skeleton=DartsSkeleton(whole("layers", layers), whole("width", width)),
        optimizer=optimizer,
        learning_rate=learning_rate,
    )
    return SearchSpace(blueprint, name="darts_cell")
