"""The domain of NAS-Bench-101's cells: which graphs are legal, and which of them are twins."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, cast

from nas_nb.errors import SpaceError
from nas_nb.space.cell_form import edge_name, edges
from nas_nb.space.nasbench101 import counting, listing
from nas_nb.space.nasbench101.costs import flops, params
from nas_nb.space.nasbench101.form import OPERATIONS, Cell, canonical, pruned, to_text, ways
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.space.twins import TwinDomain

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.values import Value, Values
    from nas_nb.space.cell_costs import Skeleton

_TRIES = 1000
_LISTED = 5000


@dataclass(frozen=True)
class NasBench101Domain(TwinDomain):
    """Graphs with an operation on each inner vertex: one yes or no an edge.

    A point is legal if there is a way from the input to the output, and if no more than
    `most_edges` edges are on such ways. What is on none makes no difference, nor does the order
    of the vertices: such points are twins.

    Attributes:
        nodes: Vertices, the input and the output among them.
        most_edges: Edges that a cell may have.
        skeleton: Where the cells stand; it sets the costs.
    """

    nodes: int
    most_edges: int
    skeleton: Skeleton

    @cached_property
    def size(self) -> int:
        """How many legal points there are."""
        graphs = counting.count_graphs(self.nodes - 2, self._choices, self.most_edges)
        return graphs * math.prod(cast(int, p.count) for p in self.vertices)

    def canonical(self, values: Values) -> dict[str, Value]:
        """Returns the point that `values` means.

        Raises:
            SpaceError: A value is missing or illegal, no way leads from input to output, or there
                are too many edges.
        """
        point = super().canonical(values)
        live = pruned(self.whole_cell(point))
        if live is None:
            raise SpaceError(
                f"Expected a way of edges from vertex 0, the input, to vertex {self.nodes - 1}, "
                f"the output, got none: set for example edge_0_{self.nodes - 1}=True."
            )
        if len(live.edges) > self.most_edges:
            raise SpaceError(
                f"Expected up to {self.most_edges} edges on ways from the input to the output, "
                f"got {len(live.edges)}: leave some out."
            )
        return point

    def complete(self, partial: Values) -> dict[str, Value]:
        """Returns the point that `partial` means, with defaults for what it lacks.

        KerasTuner knows nothing of edges that don't go together. So where there is no way, the
        edge from input to output is added, and where there are too many, the last that can be
        spared are left out.

        Raises:
            SpaceError: A value is illegal, a name is unknown, or no edge is free to mend it.
        """
        point = super().complete(partial)
        return point if self._is_legal(point) else self.canonical(self._mended(point))

    def sample(self, rng: np.random.Generator) -> dict[str, Value]:
        """Draws every edge and operation on its own, again until the cell is legal (section 2.1).

        Raises:
            SpaceError: Too little of the space is left to find a legal cell.
        """
        for _ in range(_TRIES):
            point = super().sample(rng)
            if self._is_legal(point):
                return point
        raise SpaceError(
            f"Expected a space with legal cells, got none in {_TRIES} draws: pin fewer edges."
        )

    def neighbours(self, values: Values) -> list[dict[str, Value]]:
        """Lists the legal points that differ in one edge or operation."""
        return [near for near in super().neighbours(values) if self._is_legal(near)]

    def _mutant(self, point: dict[str, Value], rng: np.random.Generator) -> dict[str, Value]:
        """Draws a legal point that differs in one edge or operation.

        Raises:
            SpaceError: Nothing can be changed.
        """
        for _ in range(_TRIES):
            child = super()._mutant(point, rng)
            if self._is_legal(child):
                return child
        raise SpaceError("Expected a cell with a legal change, got one without: pin fewer edges.")

    def enumerate(self, after: Values | None = None) -> Iterator[dict[str, Value]]:
        """Yields every legal point, in the order of the parameters' values."""
        return listing.points(self, after)

    def representatives(self, after: Values | None = None) -> Iterator[dict[str, Value]]:
        """Yields every point that stands for its twins, in the order of the parameters' values."""
        if self.is_whole:
            return listing.representatives(self, after)
        return super().representatives(after)

    def key(self, point: Values) -> str:
        """Returns the published form of the canonical cell, which isomorphic cells share."""
        return to_text(canonical(self.cell(point)))

    def standing_for(self, point: Values) -> dict[str, Value]:
        """Returns the canonical cell's own point, if the domain has it; else the point itself."""
        first = self.point(canonical(self.cell(point)))
        return first if self.is_whole or self.contains(first) else dict(point)

    def count_distinct(self) -> int:
        """Returns how many cells are not isomorphic.

        Of a part of the space with more than a few thousand points it returns their number, which
        is an upper bound.
        """
        if self.is_whole:
            operations = cast(int, self.parameters[-1].count) if self.nodes > 2 else 0
            return counting.count_distinct(self.nodes - 2, self.most_edges, operations)
        if self.size > _LISTED:
            return self.size
        return len({self.key(point) for point in self.enumerate()})

    def features(self, values: Values) -> dict[str, float]:
        """Returns logarithms of the costs, edges, ways, depth, and counts of operations."""
        cell = canonical(self.cell(self.canonical(values)))
        lengths = [len(way) for way in ways(cell)]
        counts = Counter(cell.operations)
        return {
            "log_params": math.log(params(cell, self.skeleton)),
            "log_flops": math.log(flops(cell, self.skeleton)),
            "edges": float(len(cell.edges)),
            "ways": float(len(lengths)),
            "depth": float(max(lengths)),
            **{f"count_{name}": float(counts[name]) for name in OPERATIONS},
        }

    def cell(self, point: Values) -> Cell:
        """Returns the pruned cell of a legal point."""
        return cast(Cell, pruned(self.whole_cell(point)))

    def whole_cell(self, point: Values) -> Cell:
        """Returns the cell as the point has it, with all its vertices."""
        values = tuple(map(point.__getitem__, self.names))
        every = edges(self.nodes)
        operations = cast("tuple[str, ...]", values[len(every) :])
        return Cell(tuple(itertools.compress(every, values)), operations)

    def point(self, cell: Cell) -> dict[str, Value]:
        """Returns the point of a cell with up to `nodes` vertices, the missing ones idle.

        The cell's inner vertices come first.
        """
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
    def _choices(self) -> counting.Choices:
        allowed = {p.name: [int(cast(bool, v)) for v in p.values()] for p in self.wires}
        vertices = range(1, self.nodes - 1)
        last = self.nodes - 1
        return counting.Choices(
            _sets([allowed[f"edge_{s + 1}_{t + 1}"] for s, t in counting.inner_edges(last - 1)]),
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
    """Returns a yes or no for each edge, and a choice of an operation for each inner vertex.

    By default the vertices are in a row.
    """
    wires = [
        Parameter(edge_name(edge), ParameterKind.BOOLEAN, default=edge[1] == edge[0] + 1)
        for edge in edges(nodes)
    ]
    kind = ParameterKind.CHOICE if len(operations) > 1 else ParameterKind.FIXED
    vertices = range(1, nodes - 1)
    return (*wires, *(Parameter(f"op_{v}", kind, choices=tuple(operations)) for v in vertices))


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
