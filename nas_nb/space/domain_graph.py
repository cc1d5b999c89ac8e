"""A domain as a graph to look at: its parameters, and which of them others depend on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas_nb.space.graph import Edge, Graph, Node

if TYPE_CHECKING:
    from nas_nb.space.domain import Domain

_LONGEST = 28


def domain_graph(domain: Domain) -> Graph:
    """Returns a box for each parameter, with its range, and an arrow for each condition.

    The arrow leads from the parameter that is asked to the one that depends on it, and says which
    values it has to have.
    """
    nodes: list[Node] = []
    edges: list[Edge] = []
    named: dict[str, list[str]] = {}
    for number, parameter in enumerate(domain.parameters):
        key = str(number)
        label = f"{parameter.name}\n{_short(parameter.range_text())}"
        nodes.append(Node(key, label, "step" if parameter.conditions else "input"))
        for condition in parameter.conditions:
            values = _short(", ".join(map(str, condition.values)))
            edges += [Edge(parent, key, values) for parent in named[condition.parent]]
        named.setdefault(parameter.name, []).append(key)
    return Graph(tuple(nodes), tuple(edges))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
