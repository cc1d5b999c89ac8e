"""NAS-Bench-101: counting graphs, and cells up to isomorphism.

The graph of a cell is split into three: which inner vertices take the input, which edges there are
between inner vertices, and which of these vertices the output takes. Sets of vertices are bits.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

Counts = np.ndarray[tuple[int, ...], np.dtype[Any]]

_BITS = np.array([number.bit_count() for number in range(1 << 5)], np.uint8)


class Choices(NamedTuple):
    """What may be chosen; each list holds the sets of edges as bits."""

    inner: tuple[int, ...]  # of edges between inner vertices, in the order of `inner_edges`
    first: tuple[int, ...]  # of the edges from the input, one bit an inner vertex
    final: tuple[int, ...]  # of the edges to the output
    direct: tuple[int, ...]  # of the edge from input to output: some of 0 and 1


def inner_edges(vertices: int) -> list[tuple[int, int]]:
    """Returns the pairs of so many inner vertices, numbered from 0."""
    return [(s, t) for t in range(vertices) for s in range(t)]


def every_choice(vertices: int) -> Choices:
    """Returns all sets of edges between so many inner vertices."""
    sets = tuple(range(1 << vertices))
    inner = tuple(range(1 << len(inner_edges(vertices))))
    return Choices(inner, sets, sets, (0, 1))


def count_graphs(vertices: int, choices: Choices, most_edges: int) -> int:
    """Returns how many graphs join input to output, with few enough edges on such paths."""
    edges, _ = _live(vertices, choices)
    without = int(((edges > 0) & (edges <= most_edges)).sum())
    with_direct = int((edges < most_edges).sum())
    return without * (0 in choices.direct) + with_direct * (1 in choices.direct)


def _live(vertices: int, choices: Choices) -> tuple[Counts, Counts]:
    """Returns how many edges of each graph are on ways, and the vertices there, by its bits."""
    inner = np.array(choices.inner, np.uint16)[:, None, None]
    first = np.array(choices.first, np.uint16)[None, :, None]
    final = np.array(choices.final, np.uint16)[None, None, :]
    forth, back = first | (inner & 0), final | (inner & 0)
    pairs = list(enumerate(inner_edges(vertices)))
    for bit, (source, target) in pairs:
        forth = forth | ((inner >> bit) & (forth >> source) & 1) << target
    for bit, (source, target) in sorted(pairs, key=lambda pair: -pair[1][1]):
        back = back | ((inner >> bit) & (back >> target) & 1) << source
    there = np.arange(1 << vertices, dtype=np.uint16)
    within = np.zeros((len(choices.inner), len(there)), np.uint8)
    for bit, (source, target) in pairs:
        within += ((inner[:, 0] >> bit) & (there >> source) & (there >> target) & 1).astype("u1")
    live = forth & back
    edges = _BITS[first & back] + _BITS[final & forth]
    edges = edges + within[np.arange(len(choices.inner))[:, None, None], live]
    return edges, live


@lru_cache(maxsize=32)
def count_distinct(vertices: int, most_edges: int, operations: int) -> int:
    """Returns how many cells there are up to isomorphism, with at most so many inner vertices."""
    # For every graph without dead vertices the labellings that its automorphisms tell apart are
    # counted with Burnside's lemma: the mean, over the automorphisms, of how many they leave alone.
    return sum(_count_exact(inner, most_edges, operations) for inner in range(vertices + 1))


def _count_exact(vertices: int, most_edges: int, operations: int) -> int:
    if vertices == 0:
        return 1
    edges, live = _live(vertices, every_choice(vertices))
    inner, first, final = np.nonzero((live == (1 << vertices) - 1) & (edges <= most_edges))
    orders = list(itertools.permutations(range(vertices)))
    codes = _codes(inner, first, final, orders, vertices)
    _, one_each = np.unique(codes.min(axis=0), return_index=True)
    mine = codes[:, one_each]
    automorphic = mine == mine[orders.index(tuple(range(vertices)))]
    left_alone = np.array([operations ** _cycles(order) for order in orders])
    labellings = left_alone @ automorphic // automorphic.sum(axis=0)
    sizes = edges[inner[one_each], first[one_each], final[one_each]]
    return int(labellings.sum() + labellings[sizes < most_edges].sum())


def _codes(
    inner: Counts,
    first: Counts,
    final: Counts,
    orders: Sequence[tuple[int, ...]],
    vertices: int,
) -> Counts:
    """Returns a number for each graph under each order of its vertices: (orders, graphs)."""
    codes = np.empty((len(orders), len(inner)), np.int32)
    sets = np.arange(1 << vertices)
    graphs = np.arange(1 << len(inner_edges(vertices)))
    for number, order in enumerate(orders):
        moved, wired = sets & 0, graphs & 0
        for vertex, place in enumerate(order):
            moved |= ((sets >> vertex) & 1) << place
        for bit, (source, target) in enumerate(inner_edges(vertices)):
            # Of the places after the source's own there is one less: 30 bits are enough for all.
            one, other = order[source], order[target]
            place = one * (vertices - 1) + other - (other > one)
            wired |= ((graphs >> bit) & 1) << place
        codes[number] = (wired[inner] << 2 * vertices) | (moved[first] << vertices) | moved[final]
    return codes


def _cycles(order: Sequence[int]) -> int:
    left, cycles = set(range(len(order))), 0
    while left:
        cycles += 1
        vertex = left.pop()
        while (vertex := order[vertex]) in left:
            left.remove(vertex)
    return cycles
