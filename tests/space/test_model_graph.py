from __future__ import annotations

import keras

from nas_nb.space.graph import model_graph


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
