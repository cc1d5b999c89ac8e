"""Cells as DARTS writes them: a genotype of two operations a node, for two kinds of cell.

Paper: Liu, Simonyan & Yang, DARTS: Differentiable Architecture Search, ICLR 2019.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

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


class Step(NamedTuple):
    """One of the two edges into a node: the operation, and the state that it takes."""

    operation: str
    state: int


Cell = tuple[tuple[Step, Step], ...]
"""The edges into each node; node n is state n + 2, and the nodes together are the output."""


def pairs(node: int) -> tuple[str, ...]:
    """Returns the pairs of states that a node (from 0) may take: ``"0,1"``, ``"0,2"``, ..."""
    return tuple(f"{a},{b}" for a, b in itertools.combinations(range(node + INPUTS), 2))


def canonical(cell: Cell) -> Cell:
    """Returns the isomorphic cell that comes first.

    Nodes may change places where none takes another that comes later, and so may the two edges
    of a node. It tries every order of the nodes: 24 for a cell of four.
    """
    return min(_renumbered(cell, order) for order in _orders(cell))


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


def _orders(cell: Cell) -> Iterator[Sequence[int]]:
    """Yields the orders of the nodes in which each comes after those that it takes."""
    for order in itertools.permutations(range(len(cell))):
        place = {node: position for position, node in enumerate(order)}
        taken = ((node, s.state - INPUTS) for node in order for s in cell[node])
        if all(other < 0 or place[other] < place[node] for node, other in taken):
            yield order


def _renumbered(cell: Cell, order: Sequence[int]) -> Cell:
    states = {node + INPUTS: position + INPUTS for position, node in enumerate(order)}
    nodes = []
    for node in order:
        first, second = sorted(
            (Step(s.operation, states.get(s.state, s.state)) for s in cell[node]),
            key=lambda step: step.state,
        )
        nodes.append((first, second))
    return tuple(nodes)
