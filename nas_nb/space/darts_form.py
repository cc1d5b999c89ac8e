"""Cells as DARTS writes them: a genotype of two operations a node, for two kinds of cell.

Paper: Liu, Simonyan & Yang, DARTS: Differentiable Architecture Search, ICLR 2019.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from nas_nb.errors import SpaceError, nearest
from nas_nb.space.literal_call import read_call

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


_EXAMPLE = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('skip_connect', 1)], normal_concat=[2], "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1)], reduce_concat=[2])"
)


class Step(NamedTuple):
    """One of the two edges into a node: the operation, and the state that it takes."""

    operation: str
    state: int


Node = tuple[Step, Step]
"""The edges into a node, the one from the earlier state first."""

Cell = tuple[Node, ...]
"""The nodes in order; node n is state n + 2, and together they are the output."""


@lru_cache(maxsize=1 << 12)
def node_of(one: str, state: int, other: str, other_state: int) -> Node:
    """Returns the node that takes two states: the same object each time.

    Thousands of cells are kept in memory. They are made of a few hundred nodes.
    """
    if state > other_state:
        return node_of(other, other_state, one, state)
    return Step(one, state), Step(other, other_state)


def pairs(node: int) -> tuple[str, ...]:
    """Returns the pairs of states that a node (from 0) may take: ``"0,1"``, ``"0,2"``, ..."""
    return tuple(f"{a},{b}" for a, b in itertools.combinations(range(node + INPUTS), 2))


@lru_cache(maxsize=1 << 14)
def canonical(cell: Cell) -> Cell:
    """Returns the isomorphic cell that stands for all.

    Nodes may change places where none takes another that comes later, and so may the two edges
    of a node. Nodes are sorted by depth and by all that leads to them; those that are alike in
    both are tried in every order.
    """
    longest = [0] * INPUTS
    looks: list[Any] = [(0,), (1,)]
    for node in cell:
        longest.append(1 + max(longest[step.state] for step in node))
        looks.append(tuple(sorted((s.operation, longest[s.state], looks[s.state]) for s in node)))
    marks = list(zip(longest, looks, strict=True))[INPUTS:]
    ranked = sorted(range(len(cell)), key=marks.__getitem__)
    groups = [list(alike) for _, alike in itertools.groupby(ranked, key=marks.__getitem__)]
    orders = itertools.product(*map(itertools.permutations, groups))
    return min(_renumbered(cell, [n for group in order for n in group]) for order in orders)


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


def from_genotype(text: str) -> tuple[Cell, Cell]:
    """Returns the normal and the reducing cell of a published form.

    It is read, never evaluated. The edges of a node may come in any order, and what is put
    together may be a list or a ``range``.

    Raises:
        SpaceError: It is not of that form, or no pair of cells of this space: a node takes one
            state twice, the output leaves out a node, an operation is unknown.
    """
    names = ("normal", "normal_concat", "reduce", "reduce_concat")
    found = read_call(text, "Genotype", names, _EXAMPLE)
    normal, reduce = (
        _read_cell(kind, found[kind], found[f"{kind}_concat"]) for kind in ("normal", "reduce")
    )
    return normal, reduce


def _read_cell(kind: str, steps: Any, concat: Any) -> Cell:
    read = [_read_step(step) for step in steps] if isinstance(steps, list) else []
    if not read or len(read) % 2:
        raise SpaceError(f"Expected two edges for each node of the {kind} cell, got {steps!r}.")
    nodes = []
    for number, (one, two) in enumerate(zip(read[::2], read[1::2], strict=True)):
        first, second = sorted((one, two), key=lambda step: step.state)
        if not 0 <= first.state < second.state < number + INPUTS:
            raise SpaceError(
                f"Expected node {number} of the {kind} cell to take two states below "
                f"{number + INPUTS}, got {one.state} and {two.state}."
            )
        nodes.append((first, second))
    wanted = list(range(INPUTS, len(nodes) + INPUTS))
    if not isinstance(concat, list | tuple) or sorted(concat) != wanted:
        raise SpaceError(
            f"Expected the output of the {kind} cell to join all its nodes, {wanted}, got "
            f"{concat!r}."
        )
    return tuple(nodes)


def _read_step(given: Any) -> Step:
    if not isinstance(given, list | tuple) or len(given) != 2 or not isinstance(given[1], int):
        raise SpaceError(f"Expected edges like ('skip_connect', 0), got {given!r}.")
    if given[0] not in OPERATIONS:
        raise SpaceError(
            f"Expected operations among {', '.join(OPERATIONS)}, got {given[0]!r}."
            + nearest(str(given[0]), OPERATIONS)
        )
    return Step(*given)


def ways(cell: Cell) -> Iterator[tuple[str, ...]]:
    """Yields the operations on each way from one of the cell's inputs to its output."""
    leading: list[list[tuple[str, ...]]] = [[()] for _ in range(INPUTS)]
    for node in cell:
        leading.append([(*way, step.operation) for step in node for way in leading[step.state]])
        yield from leading[-1]


def _renumbered(cell: Cell, order: Sequence[int]) -> Cell:
    states = {0: 0, 1: 1}
    states |= {node + INPUTS: position + INPUTS for position, node in enumerate(order)}
    return tuple(
        node_of(one.operation, states[one.state], other.operation, states[other.state])
        for one, other in map(cell.__getitem__, order)
    )
