"""A graph to look at: what stands where an architecture has nodes and edges."""

from __future__ import annotations

from typing import NamedTuple


class Node(NamedTuple):
    """A box of a picture.

    Attributes:
        name: What edges call it; unique in its graph.
        label: What is written in it; may have several lines.
        kind: ``"input"``, ``"output"`` or ``"step"``: it sets the look.
    """

    name: str
    label: str
    kind: str = "step"


class Edge(NamedTuple):
    """An arrow of a picture, from an earlier node to a later one, perhaps with a label."""

    source: str
    target: str
    label: str = ""


class Graph(NamedTuple):
    """Nodes, each after those that lead to it, and the edges between them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def chain(labels: tuple[str, ...]) -> Graph:
    """Returns the graph of steps in a row, of which the first and the last are the ends."""
    kinds = ["input", *["step"] * (len(labels) - 2), "output"]
    nodes = tuple(
        Node(str(number), label, kind)
        for number, (label, kind) in enumerate(zip(labels, kinds, strict=True))
    )
    links = tuple(Edge(str(number), str(number + 1)) for number in range(len(labels) - 1))
    return Graph(nodes, links)
