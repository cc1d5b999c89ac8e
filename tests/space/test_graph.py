from __future__ import annotations

import keras

from nas_nb.space.graph import (
    Edge,
    Graph,
    Layout,
    Node,
    chain_graph,
    domain_graph,
    lay_out,
    model_graph,
)
from tests.space.domains import TREE

DIAMOND = Graph(
    (
        Node("a", "input", "input"),
        Node("b", "left"),
        Node("c", "right"),
        Node("d", "end", "output"),
    ),
    (Edge("a", "b", "x"), Edge("a", "c"), Edge("b", "d"), Edge("c", "d"), Edge("a", "d", "skip")),
)


def overlap(picture: Layout) -> bool:
    boxes = picture.boxes
    return any(
        abs(one.x - two.x) * 2 < one.width + two.width
        and abs(one.y - two.y) * 2 < one.height + two.height
        for number, one in enumerate(boxes)
        for two in boxes[:number]
    )


def test_nodes_stand_below_what_leads_to_them_and_apart() -> None:
    picture = lay_out(DIAMOND)
    by = {box.label: box for box in picture.boxes}
    assert by["input"].y < by["left"].y == by["right"].y < by["end"].y
    assert by["left"].x < by["right"].x
    assert not overlap(picture)


def test_arrows_lead_from_box_to_box_downwards_and_bend_around_rows() -> None:
    picture = lay_out(DIAMOND)
    assert len(picture.arrows) == 5
    assert all(arrow.y1 < arrow.y2 for arrow in picture.arrows)
    assert [arrow.label for arrow in picture.arrows if arrow.bend] == ["skip"]


def test_everything_is_inside_the_picture() -> None:
    picture = lay_out(DIAMOND)
    for box in picture.boxes:
        assert box.x - box.width / 2 >= 0
        assert box.x + box.width / 2 <= picture.width + 1e-9
        assert box.y + box.height / 2 <= picture.height + 1e-9
    for arrow in picture.arrows:
        assert 0 <= (arrow.x1 + arrow.x2) / 2 + arrow.bend <= picture.width + 1e-9


def test_outputs_stand_last_even_where_nothing_leads_to_them() -> None:
    nodes = (Node("a", "in", "input"), Node("b", "dead"), Node("c", "out", "output"))
    *_, dead, out = lay_out(Graph(nodes, (Edge("a", "b"),))).boxes
    assert out.y > dead.y


def test_wide_rows_are_broken() -> None:
    nodes = tuple(Node(str(n), "a parameter with a long label") for n in range(9))
    picture = lay_out(Graph(nodes, ()))
    assert picture.width < 10
    assert not overlap(picture)


def test_a_chain_is_a_straight_line() -> None:
    picture = lay_out(chain_graph(("in", "step", "out")))
    assert len({box.x for box in picture.boxes}) == 1
    assert [box.kind for box in picture.boxes] == ["input", "step", "output"]
    assert all(arrow.bend == 0 for arrow in picture.arrows)


def test_sequential_model_is_a_row() -> None:
    model = keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(4, activation="relu"), keras.layers.Dense(2)]
    )
    graph = model_graph(model)
    assert [node.label for node in graph.nodes] == [
        *("input (8,)", "Dense 4 relu\n4, 36 params", "Dense 2\n2, 10 params")
    ]
    assert [node.kind for node in graph.nodes] == ["input", "step", "output"]
    assert len(graph.edges) == 2


def test_functional_model_keeps_its_branches() -> None:
    inputs = keras.Input((8, 8, 3), name="images")
    left = keras.layers.Conv2D(4, 3, padding="same", name="left")(inputs)
    right = keras.layers.Conv2D(4, (1, 3), padding="same", name="right")(inputs)
    graph = model_graph(keras.Model(inputs, keras.layers.Add(name="sum")([left, right])))
    labels = {node.name: node.label for node in graph.nodes}
    assert labels["left"] == "Conv2D 4 3x3\n8x8x4, 112 params"
    assert labels["right"] == "Conv2D 4 1x3\n8x8x4, 40 params"
    assert labels["sum"] == "Add\n8x8x4"
    ends = {(edge.source, edge.target) for edge in graph.edges}
    assert ends == {
        ("images", "left"),
        ("images", "right"),
        ("left", "sum"),
        ("right", "sum"),
    }
    assert {node.name: node.kind for node in graph.nodes}["sum"] == "output"


def test_model_of_another_class_is_a_row_of_its_layers() -> None:
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first = keras.layers.Dense(3)

        def call(self, x: object) -> object:
            return self.first(x)

    assert [node.label for node in model_graph(Own()).nodes] == ["input", "Dense"]


def test_boxes_say_the_range_and_arrows_the_condition() -> None:
    graph = domain_graph(TREE)
    assert [node.label for node in graph.nodes][:2] == ["model\nmlp, cnn", "layers\n1, 2"]
    assert [node.kind for node in graph.nodes] == ["input", *["step"] * 5]
    to_size = {(edge.source, edge.label) for edge in graph.edges if edge.target == "5"}
    assert to_size == {("0", "cnn"), ("4", "max")}
