"""NAS-Bench-101: the space and its domain of graphs."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, cast

from nas_nb.errors import SpaceError
from nas_nb.space.graph import Edge, Graph, Node
from nas_nb.space.isomorphism import IsomorphicDomain
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.spaces import nasbench101_net
from nas_nb.spaces.nasbench101_net import (
    OPERATIONS,
    Cell,
    canonical,
    macs,
    params,
    paths,
    pruned,
    to_text,
)
from nas_nb.spaces.ready_space import (
    Skeleton,
    SkeletonSpace,
    check_whole_option,
    edge_name,
    edges,
    path_encoding,
    read_words,
)

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.trial import Value, Values
    from nas_nb.space.search_space import SearchSpace

MOST_NODES = 7
MOST_EDGES = 9


@dataclass(frozen=True)
class NasBench101Space(SkeletonSpace[Skeleton]):
    """Nets of one cell, copied: which vertex leads to which, and what each vertex does."""

    # The values are `edge_0_1`, `edge_0_2`, `edge_1_2`, ... (true where the edge is there) and
    # `op_1`, `op_2`, ...; vertex 0 is the input, the last one the output.

    nodes: int
    edges: int  # the most edges of a cell
    operations: tuple[str, ...]  # in the published order

    @cached_property
    def whole_domain(self) -> NasBench101Domain:
        """The cells, isomorphic ones included."""
        return NasBench101Domain(
            nasbench101_parameters(self.nodes, self.operations),
            nodes=self.nodes,
            most_edges=self.edges,
            skeleton=self.skeleton,
        )

    def features(self, inputs: Any, point: Values) -> Any:
        """Returns the net of a point up to its head, of shape ``(batch, features)``."""
        return nasbench101_net.features(inputs, self.whole_domain.cell(point), self.skeleton)

    def read(self, text: str) -> Values:
        """Returns the values of a cell's published form."""
        cell = nasbench101_net.from_text(text)
        if cell.last >= self.nodes:
            raise SpaceError(
                f"Expected a cell of up to {self.nodes} vertices. Received: one of "
                f"{cell.last + 1}. Prune it, or make a space with more nodes."
            )
        return self.whole_domain.point(cell)

    def write(self, point: Values) -> str:
        """Returns the published form of a cell, without what is on no way through it."""
        return nasbench101_net.to_text(self.whole_domain.cell(point))

    def costs(self, point: Values) -> dict[str, int]:
        """Returns `params` and `macs`; of CIFAR-10, until the space is given data."""
        cell = self.whole_domain.cell(point)
        return {
            "params": nasbench101_net.params(cell, self.skeleton),
            "macs": nasbench101_net.macs(cell, self.skeleton),
        }

    def graph(self, point: Values) -> Graph:
        """Returns the cell without what is on no way through it."""
        cell = self.whole_domain.cell(point)
        inner = (Node(str(v), name) for v, name in enumerate(cell.operations, start=1))
        ends = Node("0", "input", "input"), Node(str(cell.last), "output", "output")
        return Graph(
            (ends[0], *inner, ends[1]),
            tuple(Edge(str(source), str(target)) for source, target in cell.edges),
        )

    def path_code(self, point: Values) -> np.ndarray:
        """Returns which sequences of operations lead from the input to the output."""
        found = nasbench101_net.paths(self.whole_domain.cell(point))
        return path_encoding(found, self.operations, 0, self.nodes - 2)


def nasbench101_cell(
    *,
    cells: int = 1,
    width: int = 8,
    stages: int = 3,
    nodes: int = MOST_NODES,
    edges: int = MOST_EDGES,
    operations: Sequence[str] = nasbench101_net.OPERATIONS,
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

    vertices = check_whole_option("nodes", nodes, 2, MOST_NODES)
    definition = NasBench101Space(
        nodes=vertices,
        edges=check_whole_option("edges", edges, vertices - 1),
        operations=read_words("operations", operations, nasbench101_net.OPERATIONS, in_order=True),
        skeleton=Skeleton(
            check_whole_option("cells", cells),
            check_whole_option("width", width, max(1, vertices - 2)),
            check_whole_option("stages", stages),
        ),
        optimizer=optimizer,
        learning_rate=learning_rate,
    )
    return SearchSpace(definition, name="nasbench101_cell")


_TRIES = 1000
_LISTED = 5000

Combination = tuple["Value", ...]
"""Values of some parameters, in their order."""


@dataclass(frozen=True)
class NasBench101Domain(IsomorphicDomain):
    """Graphs with an operation on each inner vertex: one yes or no an edge."""

    # A point is legal if there is a way from the input to the output, and if no more than
    # `most_edges` edges are on such ways. What is on none makes no difference, nor does the order
    # of the vertices: such points are twins.

    nodes: int
    most_edges: int
    skeleton: Skeleton

    @cached_property
    def size(self) -> int:
        """How many legal points there are."""
        graphs = nasbench101_net.count_graphs(self.nodes - 2, self._choices, self.most_edges)
        return graphs * math.prod(cast("int", p.count) for p in self.vertices)

    def canonical(self, values: Values) -> dict[str, Value]:
        """Returns the point that `values` means."""
        point = super().canonical(values)
        live = pruned(self.whole_cell(point))
        if live is None:
            raise SpaceError(
                f"Expected a way of edges from vertex 0, the input, to vertex {self.nodes - 1}, "
                f"the output. Received: none. Set for example edge_0_{self.nodes - 1}=True."
            )
        if len(live.edges) > self.most_edges:
            raise SpaceError(
                f"Expected up to {self.most_edges} edges on ways from the input to the output. "
                f"Received: {len(live.edges)}. Leave some out."
            )
        return point

    def complete(self, partial: Values) -> dict[str, Value]:
        """Returns the point that `partial` means, with defaults for what it lacks."""
        # KerasTuner knows nothing of edges that don't go together. So where there is no way, the
        # edge from input to output is added, and of too many the last that can be spared go.
        point = super().complete(partial)
        return point if self._is_legal(point) else self.canonical(self._mended(point))

    def sample(self, rng: np.random.Generator) -> dict[str, Value]:
        """Draws edges and operations until the cell is legal (section 2.1)."""
        for _ in range(_TRIES):
            point = super().sample(rng)
            if self._is_legal(point):
                return point
        raise SpaceError(
            f"Expected a space with legal cells. Received: none in {_TRIES} draws. Pin fewer edges."
        )

    def neighbours(self, values: Values) -> list[dict[str, Value]]:
        """Lists the legal points that differ in one edge or operation."""
        return [near for near in super().neighbours(values) if self._is_legal(near)]

    def _mutant(self, point: dict[str, Value], rng: np.random.Generator) -> dict[str, Value]:
        """Draws a legal point that differs in one edge or operation."""
        for _ in range(_TRIES):
            child = super()._mutant(point, rng)
            if self._is_legal(child):
                return child
        raise SpaceError(
            "Expected a cell with a legal change. Received: one without. Pin fewer edges."
        )

    def enumerate(self, after: Values | None = None) -> Iterator[dict[str, Value]]:
        """Yields every legal point, in the order of the parameters' values."""
        labels = list(itertools.product(*(vertex.values() for vertex in self.vertices)))
        for graph, _ in self._graphs(after):
            yield from self._following(after, graph, labels)

    def representatives(self, after: Values | None = None) -> Iterator[dict[str, Value]]:
        """Yields every point that stands for its twins, in the order of the parameters' values."""
        if not self.is_whole:
            yield from super().representatives(after)
            return
        choices = tuple(self.vertices[-1].choices) if self.vertices else ()
        for graph, cell in self._graphs(after):
            # Those in which idle vertices have edges, or come before others, stand for nothing.
            own = self.point(cell)
            if tuple(own[wire.name] for wire in self.wires) != graph:
                continue
            labels = [
                (*named, *self._idle[len(named) :])
                for named in itertools.product(choices, repeat=len(cell.operations))
                if canonical(twin := Cell(cell.edges, cast("tuple[str, ...]", named))) == twin
            ]
            yield from self._following(after, graph, labels)

    def _graphs(self, after: Values | None) -> Iterator[tuple[Combination, Cell]]:
        """Yields the legal graphs in order, from that of `after` on, with their pruned cells."""
        every: Iterator[Combination] = itertools.product(*(wire.values() for wire in self.wires))
        if after:
            point = self.canonical(after)
            first = tuple(point[wire.name] for wire in self.wires)
            every = itertools.dropwhile(lambda graph: graph != first, every)
        named = edges(self.nodes)
        for graph in every:
            cell = pruned(
                Cell(tuple(itertools.compress(named, graph)), tuple(map(str, self._idle)))
            )
            if cell is not None and len(cell.edges) <= self.most_edges:
                yield graph, cell

    def _following(
        self, after: Values | None, graph: Combination, labels: Iterable[Combination]
    ) -> Iterator[dict[str, Value]]:
        """Yields the points of a graph, without those up to `after`."""
        last = tuple(self.canonical(after).values()) if after else ()
        found: Iterator[Combination] = ((*graph, *label) for label in labels)
        if last[: len(graph)] == graph:
            found = itertools.dropwhile(lambda values: values != last, found)
            next(found, None)
        return (dict(zip(self.names, values, strict=True)) for values in found)

    def key(self, point: Values) -> str:
        """Returns the published form of the canonical cell, which isomorphic cells share."""
        return to_text(canonical(self.cell(point)))

    def standing_for(self, point: Values) -> dict[str, Value]:
        """Returns the canonical cell's own point, if the domain has it; else the point itself."""
        first = self.point(canonical(self.cell(point)))
        return first if self.is_whole or self.contains(first) else dict(point)

    def count_distinct(self) -> int:
        """Returns how many cells are not isomorphic; of a large subspace an upper bound."""
        if self.is_whole:
            operations = cast("int", self.parameters[-1].count) if self.nodes > 2 else 0
            return nasbench101_net.count_distinct(self.nodes - 2, self.most_edges, operations)
        if self.size > _LISTED:
            return self.size
        return len({self.key(point) for point in self.enumerate()})

    def features(self, values: Values) -> dict[str, float]:
        """Returns logarithms of the costs, edges, ways, depth, and counts of operations."""
        cell = canonical(self.cell(self.canonical(values)))
        lengths = [len(way) for way in paths(cell)]
        counts = Counter(cell.operations)
        return {
            "log_params": math.log(params(cell, self.skeleton)),
            "log_macs": math.log(macs(cell, self.skeleton)),
            "edges": float(len(cell.edges)),
            "ways": float(len(lengths)),
            "depth": float(max(lengths)),
            **{f"count_{name}": float(counts[name]) for name in OPERATIONS},
        }

    def cell(self, point: Values) -> Cell:
        """Returns the pruned cell of a legal point."""
        return cast("Cell", pruned(self.whole_cell(point)))

    def whole_cell(self, point: Values) -> Cell:
        """Returns the cell as the point has it, with all its vertices."""
        values = tuple(map(point.__getitem__, self.names))
        every = edges(self.nodes)
        operations = cast("tuple[str, ...]", values[len(every) :])
        return Cell(tuple(itertools.compress(every, values)), operations)

    def point(self, cell: Cell) -> dict[str, Value]:
        """Returns the point of a cell: its inner vertices first, then idle ones up to `nodes`."""
        return dict(zip(self.names, _written(cell, self._idle), strict=True))

    @cached_property
    def wires(self) -> tuple[Parameter, ...]:
        """The parameters that are edges."""
        return self.parameters[: math.comb(self.nodes, 2)]

    @cached_property
    def vertices(self) -> tuple[Parameter, ...]:
        """The parameters that are operations of inner vertices."""
        return self.parameters[math.comb(self.nodes, 2) :]

    @cached_property
    def _idle(self) -> tuple[Value, ...]:
        """The operations of vertices that are not used."""
        return tuple(parameter.value_at(0) for parameter in self.vertices)

    @cached_property
    def is_whole(self) -> bool:
        """Whether every edge is free and every vertex has the same choice."""
        free = all(parameter.count == 2 for parameter in self.wires)
        return free and len({parameter.choices for parameter in self.vertices}) <= 1

    @property
    def _choices(self) -> nasbench101_net.Choices:
        allowed = {p.name: [int(cast("bool", v)) for v in p.values()] for p in self.wires}
        vertices = range(1, self.nodes - 1)
        last = self.nodes - 1
        return nasbench101_net.Choices(
            _sets(
                [allowed[f"edge_{s + 1}_{t + 1}"] for s, t in nasbench101_net.inner_edges(last - 1)]
            ),
            _sets([allowed[f"edge_0_{vertex}"] for vertex in vertices]),
            _sets([allowed[f"edge_{vertex}_{last}"] for vertex in vertices]),
            tuple(allowed[f"edge_0_{last}"]),
        )

    def _is_legal(self, point: Values) -> bool:
        live = pruned(self.whole_cell(point))
        return live is not None and len(live.edges) <= self.most_edges

    def _mended(self, point: dict[str, Value]) -> dict[str, Value]:
        if pruned(self.whole_cell(point)) is None:
            return {**point, edge_name((0, self.nodes - 1)): True}
        for parameter in reversed(self.wires):
            if self._is_legal(point):
                break
            less: dict[str, Value] = {**point, parameter.name: False}
            if parameter.contains(False) and pruned(self.whole_cell(less)) is not None:
                point = less
        return point


def nasbench101_parameters(nodes: int, operations: Sequence[str]) -> tuple[Parameter, ...]:
    """Returns a choice for each edge and inner vertex; by default the vertices are in a row."""
    wires = [
        Parameter(edge_name(edge), ParameterKind.BOOLEAN, default=edge[1] == edge[0] + 1)
        for edge in edges(nodes)
    ]
    vertices = range(1, nodes - 1)
    return (*wires, *(Parameter.among(f"op_{v}", operations) for v in vertices))


def _sets(allowed: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Returns the sets that take one allowed bit, 0 or 1, of each place."""
    return tuple(
        sum(bit << place for place, bit in enumerate(bits)) for bits in itertools.product(*allowed)
    )


@lru_cache(maxsize=1 << 14)
def _written(cell: Cell, idle: tuple[Value, ...]) -> tuple[Value, ...]:
    """Returns the values of a cell in a domain whose idle vertices have these operations."""
    output = len(idle) + 1
    place = {vertex: vertex for vertex in range(cell.last)} | {cell.last: output}
    there = {(place[source], place[target]) for source, target in cell.edges}
    wires = (edge in there for edge in edges(output + 1))
    return (*wires, *cell.operations, *idle[len(cell.operations) :])
