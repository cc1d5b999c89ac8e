"""The space of NAS-Bench-201's cells, at any size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nas_nb.errors import SpaceError
from nas_nb.space import cell_costs, cell_form, cell_layers
from nas_nb.space.cell_domain import CellDomain, cell_parameters, operations_of
from nas_nb.space.graph import Edge, Graph, Node
from nas_nb.space.image_blueprint import ImageBlueprint
from nas_nb.space.options import whole, words
from nas_nb.space.paths import path_row

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.values import Values
    from nas_nb.space.search_space import SearchSpace

MOST_NODES = 4


@dataclass(frozen=True)
class CellSpace(ImageBlueprint[cell_costs.Skeleton]):
    """Nets of one cell, copied: an operation is chosen for every edge between the cell's nodes.

    The values are named ``edge_0_1``, ``edge_0_2``, ``edge_1_2``, ...: from node to node, the
    input being node 0 and the output the last.

    Attributes:
        nodes: Nodes of the cell, 2 to 4.
        operations: What an edge may be, in the published order.
    """

    nodes: int
    operations: tuple[str, ...]

    @cached_property
    def domain(self) -> CellDomain:
        """The cells, isomorphic ones included."""
        parameters = cell_parameters(self.nodes, self.operations)
        return CellDomain(parameters, skeleton=self.skeleton)

    def features(self, inputs: Any, point: Values) -> Any:
        """Returns the net of a point up to its head, of shape ``(batch, features)``."""
        return cell_layers.features(inputs, operations_of(point), self.skeleton)

    def read(self, text: str) -> Values:
        """Returns the values of a cell's published string."""
        operations = cell_form.from_string(text)
        if len(operations) != len(self.domain.names):
            raise SpaceError(
                f"Expected a cell of {self.nodes} nodes, got one of "
                f"{cell_form.nodes_of(len(operations))}: {text!r}."
            )
        return dict(zip(self.domain.names, operations, strict=True))

    def write(self, point: Values) -> str:
        """Returns the published string of a cell."""
        return cell_form.to_string(operations_of(point))

    def costs(self, point: Values) -> dict[str, int]:
        """Returns `params` and `flops`; of CIFAR-10, until the space is given data."""
        operations = operations_of(point)
        return {
            "params": cell_costs.params(operations, self.skeleton),
            "flops": cell_costs.flops(operations, self.skeleton),
        }

    def graph(self, point: Values) -> Graph:
        """Returns the cell: its nodes, and its edges but for those of `none`."""
        last = self.nodes - 1
        nodes = [Node("0", "input", "input")]
        nodes += [Node(str(node), str(node)) for node in range(1, last)]
        links = zip(cell_form.edges(self.nodes), operations_of(point), strict=True)
        return Graph(
            (*nodes, Node(str(last), "output", "output")),
            tuple(
                Edge(str(source), str(target), operation)
                for (source, target), operation in links
                if operation != cell_form.NONE
            ),
        )

    def path_code(self, point: Values) -> np.ndarray:
        """Returns which sequences of operations lead from the input to the output."""
        live = cell_form.live_edges(operations_of(self.domain.representative(point)))
        choices = [name for name in self.operations if name != cell_form.NONE]
        return path_row(_paths(live, 0, self.nodes - 1), choices, 1, self.nodes - 1)


def _paths(live: Mapping[cell_form.Edge, str], node: int, last: int) -> Iterator[tuple[str, ...]]:
    if node == last:
        yield ()
    for (source, target), operation in live.items():
        if source == node:
            yield from ((operation, *rest) for rest in _paths(live, target, last))


def cell(
    *,
    cells: int = 1,
    width: int = 8,
    stages: int = 3,
    nodes: int = MOST_NODES,
    operations: Sequence[str] = cell_form.OPERATIONS,
    optimizer: str = "adam",
    learning_rate: float = 0.001,
) -> SearchSpace:
    """Returns the space of NAS-Bench-201: cells of 4 nodes with one of 5 operations on each edge.

    There are 15,625 cells, 6,466 of them distinct up to isomorphism. The defaults are small
    enough for two cores; the published net is ``cell(cells=5, width=16)``, for images of
    ``(32, 32, 3)``. `SearchSpace.architecture` also takes the published string of a cell.

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
        >>> space = cell()
        >>> space.size
        15625
        >>> one = space.architecture(
        ...     "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|none~1|none~2|")
    """
    from nas_nb.space.search_space import SearchSpace

    blueprint = CellSpace(
        nodes=whole("nodes", nodes, 2, MOST_NODES),
        operations=words("operations", operations, cell_form.OPERATIONS, in_order=True),
        skeleton=cell_costs.Skeleton(
            whole("cells", cells), whole("width", width), whole("stages", stages)
        ),
        optimizer=optimizer,
        learning_rate=learning_rate,
    )
    return SearchSpace(blueprint, name="cell")
