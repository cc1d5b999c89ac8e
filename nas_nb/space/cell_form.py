"""Cells as NAS-Bench-201 writes them: an operation on every edge between ordered nodes.

Paper: Dong & Yang, NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search,
ICLR 2020.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from nas_nb.errors import SpaceError, nearest

NONE, SKIP, CONV_1X1, CONV_3X3, POOL = OPERATIONS = (
    "none",
    "skip_connect",
    "nor_conv_1x1",
    "nor_conv_3x3",
    "avg_pool_3x3",
)
"""The operations of an edge, by their published names and in the published order."""

Edge = tuple[int, int]

_ZERO = "#"
_INPUT = "0"
_TERM = re.compile(r"(\w+)~(\d+)")


@cache
def edges(nodes: int) -> tuple[Edge, ...]:
    """Returns the edges (from, to) of a cell, in the order of the published string."""
    return tuple((source, target) for target in range(1, nodes) for source in range(target))


def edge_name(edge: Edge) -> str:
    """Returns the name of the choice on an edge: ``edge_0_1``."""
    return f"edge_{edge[0]}_{edge[1]}"


def to_string(operations: Sequence[str]) -> str:
    """Returns the published string of a cell: ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``.

    Args:
        operations: One for each of `edges`.
    """
    terms = iter(operations)
    count = nodes_of(len(operations))
    parts = (
        "|" + "".join(f"{next(terms)}~{source}|" for source in range(target))
        for target in range(1, count)
    )
    return "+".join(parts)


def from_string(text: str) -> tuple[str, ...]:
    """Returns the operations of a published string, one for each of `edges`.

    Raises:
        SpaceError: The string is not of that form, or names an unknown operation.
    """
    nodes = text.strip().split("+")
    operations: list[str] = []
    for target, node in enumerate(nodes, start=1):
        terms = [_TERM.fullmatch(term) for term in node.strip().strip("|").split("|")]
        sources = [int(term[2]) if term else -1 for term in terms]
        if sources != list(range(target)):
            raise SpaceError(
                "Expected a cell like '|skip_connect~0|+|none~0|nor_conv_3x3~1|', where node n "
                f"has one operation for each node before it, got {node!r} for node {target}."
            )
        operations += [term[1] for term in terms if term]
    for operation in operations:
        if operation not in OPERATIONS:
            raise SpaceError(
                f"Expected operations among {', '.join(OPERATIONS)}, got {operation!r}."
                + nearest(operation, OPERATIONS)
            )
    return tuple(operations)


def nodes_of(edge_count: int) -> int:
    """Returns how many nodes have so many edges: n nodes have n (n - 1) / 2."""
    count = 2
    while count * (count - 1) // 2 < edge_count:
        count += 1
    return count


def unique_string(operations: Sequence[str]) -> str:
    """Returns the string that isomorphic cells share, as NATS-Bench defines them.

    A node is the sorted sum of what its edges bring; a skip brings its node as it is, and zeros
    (`none`, or anything after a zero) are one symbol. It is NATS-Bench's ``to_unique_str`` with
    zeros considered; its 15,625 cells have 6,466 such strings. It overlooks whether two equal
    branches share their weights, so a few of the cells that it calls isomorphic differ in
    parameters.
    """
    nodes = [_INPUT]
    terms = iter(operations)
    for _ in range(1, nodes_of(len(operations))):
        nodes.append(node_string(nodes, terms))
    return nodes[-1]


def node_string(nodes: Sequence[str], operations: Iterator[str]) -> str:
    """Returns the string of the node that takes one of the next operations from each of `nodes`."""
    return "+".join(sorted([term_string(node, next(operations)) for node in nodes]))


def term_string(node: str, operation: str) -> str:
    """Returns the string of what an edge brings from a node."""
    if operation == NONE or node == _ZERO:
        return _ZERO
    return node if operation == SKIP else f"({node})@{operation}"


def live_edges(operations: Sequence[str]) -> Mapping[Edge, str]:
    """Returns the edges on a way from the cell's input to its output, with their operations."""
    count = nodes_of(len(operations))
    used = {e: o for e, o in zip(edges(count), operations, strict=True) if o != NONE}
    forth, back = {0}, {count - 1}
    for source, target in used:
        forth |= {target} if source in forth else set()
    for source, target in sorted(used, key=lambda edge: -edge[1]):
        back |= {source} if target in back else set()
    return {edge: o for edge, o in used.items() if edge[0] in forth and edge[1] in back}
