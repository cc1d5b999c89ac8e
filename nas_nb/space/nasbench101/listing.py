"""Every cell of NAS-Bench-101's space, graph by graph."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, cast

from nas_nb.space.cell_form import edges
from nas_nb.space.nasbench101.form import Cell, canonical, pruned

if TYPE_CHECKING:
    from nas_nb.record.values import Value, Values
    from nas_nb.space.parameter import Parameter

Graph = tuple["Value", ...]
"""Of each edge whether it is there, in the order of the parameters."""


class Listed(Protocol):
    """What is asked of a domain whose cells are listed: see `NasBench101Domain`."""

    @property
    def nodes(self) -> int:
        """Vertices of a cell."""

    @property
    def most_edges(self) -> int:
        """Edges that a cell may have."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of a point's values."""

    @property
    def wires(self) -> tuple[Parameter, ...]:
        """The parameters that are edges."""

    @property
    def vertices(self) -> tuple[Parameter, ...]:
        """The parameters that are operations."""

    def canonical(self, values: Values) -> dict[str, Value]:
        """Returns the point that values mean."""

    def point(self, cell: Cell) -> dict[str, Value]:
        """Returns the point of a cell."""


def points(domain: Listed, after: Values | None) -> Iterator[dict[str, Value]]:
    """Yields every legal point, in the order of the parameters' values.

    Args:
        domain: The domain, or a part of it.
        after: A point: only those that follow it; None for all.
    """
    labels = list(itertools.product(*(vertex.values() for vertex in domain.vertices)))
    for graph, _ in _graphs(domain, after):
        yield from _following(domain, after, graph, labels)


def representatives(domain: Listed, after: Values | None) -> Iterator[dict[str, Value]]:
    """Yields every point of a whole domain that stands for its twins, in the same order."""
    idle = [vertex.value_at(0) for vertex in domain.vertices]
    choices = tuple(domain.vertices[-1].choices) if idle else ()
    for graph, cell in _graphs(domain, after):
        # Those in which idle vertices have edges, or come before others, stand for nothing.
        own = domain.point(cell)
        if tuple(own[wire.name] for wire in domain.wires) != graph:
            continue
        labels = [
            (*named, *idle[len(named) :])
            for named in itertools.product(choices, repeat=len(cell.operations))
            if canonical(twin := Cell(cell.edges, cast("tuple[str, ...]", named))) == twin
        ]
        yield from _following(domain, after, graph, labels)


def _graphs(domain: Listed, after: Values | None) -> Iterator[tuple[Graph, Cell]]:
    """Yields the legal graphs in order, from that of `after` on, with their pruned cells."""
    every: Iterator[Graph] = itertools.product(*(wire.values() for wire in domain.wires))
    if after:
        point = domain.canonical(after)
        first = tuple(point[wire.name] for wire in domain.wires)
        every = itertools.dropwhile(lambda graph: graph != first, every)
    named = edges(domain.nodes)
    labels = tuple(str(vertex.value_at(0)) for vertex in domain.vertices)
    for graph in every:
        cell = pruned(Cell(tuple(itertools.compress(named, graph)), labels))
        if cell is not None and len(cell.edges) <= domain.most_edges:
            yield graph, cell


def _following(
    domain: Listed,
    after: Values | None,
    graph: Graph,
    labels: Iterable[tuple[Value, ...]],
) -> Iterator[dict[str, Value]]:
    """Yields the points of a graph, without those up to `after`."""
    last = tuple(domain.canonical(after).values()) if after else ()
    found: Iterator[tuple[Value, ...]] = ((*graph, *label) for label in labels)
    if last[: len(graph)] == graph:
        found = itertools.dropwhile(lambda values: values != last, found)
        next(found, None)
    return (dict(zip(domain.names, values, strict=True)) for values in found)
