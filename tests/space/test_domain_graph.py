from __future__ import annotations

from nas_nb.space.graph import domain_graph
from tests.space.domains import TREE


def test_boxes_say_the_range_and_arrows_the_condition() -> None:
    graph = domain_graph(TREE)
    assert [node.label for node in graph.nodes][:2] == ["model\nmlp, cnn", "layers\n1, 2"]
    assert [node.kind for node in graph.nodes] == ["input", *["step"] * 5]
    to_size = {(edge.source, edge.label) for edge in graph.edges if edge.target == "5"}
    assert to_size == {("0", "cnn"), ("4", "max")}
