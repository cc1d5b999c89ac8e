"""The space of NAS-Bench-101's cells, at any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nas_nb.errors import SpaceError
from nas_nb.space.cell_costs import Skeleton
from nas_nb.space.graph import Edge, Graph, Node
from nas_nb.space.image_blueprint import ImageBlueprint
from nas_nb.space.nasbench101 import costs, form, layers
from nas_nb.space.nasbench101.domain import NasBench101Domain, nasbench101_parameters
from nas_nb.space.options import whole, words
from nas_nb.space.paths import path_row

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.values import Values
    from nas_nb.space.search_space import SearchSpace

MOST_NODES = 7
MOST_EDGES = 9


@dataclass(frozen=True)
class NasBench101(ImageBlueprint[Skeleton]):
    """Nets of one cell, copied: which vertex leads to which, and what each vertex does.

    The values are named ``edge_0_1``, ``edge_0_2``, ``edge_1_2``, ... (true where the edge is
    there) and ``op_1``, ``op_2``, ...; vertex 0 is the input, the last one the output.

    Attributes:
        nodes: Vertices of the cell, 2 to 7.
        edges: The most edges of a cell.
        operations: What a vertex may do, in the published order.
    """

    nodes: int
    edges: int
    operations: tuple[str, ...]

    @cached_property
    def domain(self) -> NasBench101Domain:
        """The cells, isomorphic ones included."""
        return NasBench101Domain(
            nasbench101_parameters(self.nodes, self.operations),
            nodes=self.nodes,
            most_edges=self.edges,
            skeleton=self.skeleton,
        )

    def features(self, inputs: Any, point: Values) -> Any:
        """Returns the net of a point up to its head, of shape ``(batch, features)``."""
        return layers.features(inputs, self.domain.cell(point), self.skeleton)

    def read(self, text: str) -> Values:
        """Returns the values of a cell's published form."""
        cell = form.from_text(text)
        if cell.last >= self.nodes:
            raise SpaceError(
                f"Expected a cell of up to {self.nodes} vertices, got one of {cell.last + 1}: "
                "prune it, or make a space with more nodes."
            )
        return self.domain.point(cell)

    def write(self, point: Values) -> str:
        """Returns the published form of a cell, without what is on no way through it."""
        return form.to_text(self.domain.cell(point))

    def costs(self, point: Values) -> dict[str, int]:
        """Returns `params` and `flops`; of CIFAR-10, until the space is given data."""
        cell = self.domain.cell(point)
        return {
            "params": costs.params(cell, self.skeleton),
            "flops": costs.flops(cell, self.skeleton),
        }

    def graph(self, point: Values) -> Graph:
        """Returns the cell without what is on no way through it."""
        cell = self.domain.cell(point)
        inner = (Node(str(v), name) for v, name in enumerate(cell.operations, start=1))
        ends = Node("0", "input", "input"), Node(str(cell.last), "output", "output")
        return Graph(
            (ends[0], *inner, ends[1]),
            tuple(Edge(str(source), str(target)) for source, target in cell.edges),
        )

    def path_code(self, point: Values) -> np.ndarray:
        """Returns which sequences of operations lead from the input to the output."""
        found = form.ways(self.domain.cell(point))
        return path_row(found, self.operations, 0, self.nodes - 2)


def nasbench101_cell(
    *,
    cells: int = 1,
    width: int = 8,
    stages: int = 3,
    nodes: int = MOST_NODES,
    edges: int = MOST_EDGES,
    operations: Sequence[str] = form.OPERATIONS,
    optimizer: str = "adam",
    learning_rate: float = 0.001,
) -> SearchSpace:
    """Returns the space of NAS-Bench-101: graphs of up to 7 vertices and 9 edges.

    There are 423,624 cells up to isomorphism. The defaults are small enough for two cores; the
    published net is ``nasbench101_cell(cells=3, width=128)``, for images of ``(32, 32, 3)``.
    `SearchSpace.architecture` also takes the published form of a cell. As in the published code a
    vertex's channels may depend by one on how the vertices are numbered, so isomorphic cells may
    differ a little in parameters.

    Paper: Ying et al., NAS-Bench-101: Towards Reproducible Neural Architecture Search, ICML 2019.

    Args:
        cells: Copies of the cell in each stage, 1 or more.
        width: Channels of the first stage; each stage has twice as many as the one before. A
            channel or more for each vertex that can lead to the output.
        stages: How many stages, 1 or more. Height and width are halved between them.
        nodes: Vertices of the cell, input and output among them, 2 to 7.
        edges: The most edges of a cell, `nodes` - 1 or more.
        operations: What a vertex may do: some of ``conv3x3-bn-relu``, ``conv1x1-bn-relu`` and
            ``maxpool3x3``. Default: all three.
        optimizer: Keras's name of an optimiser.
        learning_rate: Its constant learning rate.

    Raises:
        SpaceError: A number is out of range, or an operation is unknown.

    Example:
        >>> space = nasbench101_cell(nodes=4)
        >>> space.domain.distinct.size
        91
        >>> one = space.architecture("ModelSpec(matrix=[[0, 1, 1], [0, 0, 1], [0, 0, 0]], "
        ...                          "ops=['input', 'maxpool3x3', 'output'])")
    """
    from nas_nb.space.search_space import SearchSpace

    vertices = whole("nodes", nodes, 2, MOST_NODES)
    blueprint = NasBench101(
        nodes=vertices,
        edges=whole("edges", edges, vertices - 1),
        operations=words("operations", operations, form.OPERATIONS, in_order=True),
        skeleton=Skeleton(
            whole("cells", cells),
            whole("width", width, max(1, vertices - 2)),
            whole("stages", stages),
        ),
        optimizer=optimizer,
        learning_rate=learning_rate,
    )
    return SearchSpace(blueprint, name="nasbench101_cell")
