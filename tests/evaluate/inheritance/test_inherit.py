from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import pytest

from nas_nb.data.dataset import DataSpec
from nas_nb.data.task import Task
from nas_nb.evaluate.global_state import seeded
from nas_nb.evaluate.weight_inheritance import InheritanceReport, inherit
from nas_nb.space.search_space import SearchSpace
from nas_nb.spaces.nasbench201 import nasbench201_cell
from nas_nb.spaces.ready_models import tabular

SPEC = DataSpec((8, 8, 1), Task.MULTICLASS, 3)
CHOICES: dict[str, Any] = {
    "layers": ["Conv2D", "Dense"],
    "units": [4, 6, 9, 12, 70],
    "activations": ["relu", "tanh", "softmax"],
    "kernel_sizes": [2, 3, 5],
    "depth": [1, 2, 3],
    "normalization": ["none", "batch", "layer"],
    "pooling": ["none", "max", "average"],
    "dropout": [0.0, 0.3],
    "skip": [False, True],
}
SPACE = SearchSpace.from_dict(CHOICES).for_data(SPEC)
X = np.random.default_rng(0).normal(size=(16, 8, 8, 1)).astype("float32")
Y = np.arange(16) % 3


def chain(*layers: tuple[str, int] | tuple[str, int, str] | tuple[str, int, str, int], **once: Any):
    """A model of the chain space; a layer is its kind, units, activation and kernel size."""
    values: dict[str, Any] = {"depth": len(layers), **once}
    for position, (kind, units, *more) in enumerate(layers, 1):
        values[f"layer_{position}"] = kind
        values[f"units_{position}"] = units
        values[f"activation_{position}"] = more[0] if more else "relu"
        values[f"kernel_size_{position}"] = more[1] if len(more) > 1 else 3
    return build(SPACE, values)


def build(space: SearchSpace, values: Mapping[str, Any], seed: int = 1) -> keras.Model:
    with seeded(seed):
        return space.build_values(space.domain.complete(values))


def trained(model: keras.Model) -> keras.Model:
    """Gives a model weights and statistics as if it had been trained."""
    rng = np.random.default_rng(7)
    for weight in model.weights:
        drawn = rng.normal(0.05, 0.2, weight.shape)
        weight.assign(np.abs(drawn) + 0.5 if "variance" in weight.path else drawn)
    return model


def difference(child: keras.Model, parent: keras.Model) -> float:
    return float(np.abs(np.asarray(child(X)) - np.asarray(parent(X))).max())


WIDER_OR_DEEPER = {
    "wider dense": ([("Dense", 4)], [("Dense", 9)], {}),
    "wider convolution before flattening": ([("Conv2D", 4)], [("Conv2D", 9)], {}),
    "both of two convolutions wider": (
        [("Conv2D", 4), ("Conv2D", 6)],
        [("Conv2D", 6), ("Conv2D", 9)],
        {},
    ),
    "wider under batch normalisation": (
        [("Conv2D", 4), ("Dense", 4)],
        [("Conv2D", 9), ("Dense", 6)],
        {"normalization": "batch"},
    ),
    "wider beside a skip": (
        [("Conv2D", 4), ("Conv2D", 4)],
        [("Conv2D", 9), ("Conv2D", 9)],
        {"skip": True},
    ),
    "wider under softmax elsewhere": (
        [("Dense", 4, "softmax"), ("Dense", 4)],
        [("Dense", 4, "softmax"), ("Dense", 9)],
        {},
    ),
    "wider to a multiple under layer normalisation": (
        [("Dense", 4)],
        [("Dense", 12)],
        {"normalization": "layer"},
    ),
    "larger window": ([("Conv2D", 4, "relu", 3)], [("Conv2D", 4, "relu", 5)], {}),
    "larger window around an even one": (
        [("Conv2D", 4, "relu", 2)],
        [("Conv2D", 9, "relu", 5)],
        {},
    ),
    "one more dense": ([("Dense", 6)], [("Dense", 6), ("Dense", 6)], {}),
    "two more and wider": (
        [("Dense", 4)],
        [("Dense", 6), ("Dense", 9), ("Dense", 6)],
        {},
    ),
    "one more convolution": (
        [("Conv2D", 4)],
        [("Conv2D", 4), ("Conv2D", 9)],
        {"pooling": "none"},
    ),
    "one more under batch normalisation": (
        [("Dense", 4)],
        [("Dense", 4), ("Dense", 6)],
        {"normalization": "batch"},
    ),
    "with average pooling": ([("Conv2D", 4)], [("Conv2D", 6)], {"pooling": "average"}),
}


@pytest.mark.parametrize("case", WIDER_OR_DEEPER)
def test_a_wider_or_deeper_child_computes_what_its_parent_does(case: str) -> None:
    before, after, once = WIDER_OR_DEEPER[case]
    parent = trained(chain(*before, **once))
    child = chain(*after, **once)
    report = inherit(child, parent)
    assert report.preserving, report
    assert report.fresh == report.narrowed == 0
    assert difference(child, parent) < 1e-5


NOT_PRESERVING = {
    "narrower": ([("Dense", 9)], [("Dense", 4)], {}),
    "another activation": ([("Dense", 4)], [("Dense", 4, "tanh")], {}),
    "tanh twice": ([("Dense", 4, "tanh")], [("Dense", 4, "tanh"), ("Dense", 4, "tanh")], {}),
    "wider softmax": ([("Dense", 4, "softmax")], [("Dense", 9, "softmax")], {}),
    "uneven replicas under layer normalisation": (
        [("Dense", 6)],
        [("Dense", 9)],
        {"normalization": "layer"},
    ),
    "smaller window": ([("Conv2D", 4, "relu", 5)], [("Conv2D", 4, "relu", 3)], {}),
    "another kind": ([("Conv2D", 4)], [("Dense", 4)], {}),
    "one more pooling": ([("Conv2D", 4)], [("Conv2D", 4), ("Conv2D", 4)], {"pooling": "max"}),
    "one more skip": ([("Dense", 6)], [("Dense", 6), ("Dense", 6)], {"skip": True}),
    "shallower": ([("Dense", 4), ("Dense", 4)], [("Dense", 4)], {}),
}


@pytest.mark.parametrize("case", NOT_PRESERVING)
def test_no_function_is_promised_that_is_not_kept(case: str) -> None:
    before, after, once = NOT_PRESERVING[case]
    parent = trained(chain(*before, **once))
    child = chain(*after, **once)
    report = inherit(child, parent)
    assert not report.preserving
    assert difference(child, parent) > 1e-3


def test_promises_hold_for_random_growth() -> None:
    rng = np.random.default_rng(4)
    kept = 0
    for _ in range(10):
        parent_values = SPACE.domain.sample(rng)
        grown = {
            name: 12 if name.startswith("units") and rng.random() < 0.5 else value
            for name, value in parent_values.items()
        }
        child_values = SPACE.domain.complete({**grown, "depth": 3})
        parent, child = trained(build(SPACE, parent_values)), build(SPACE, child_values)
        if inherit(child, parent).preserving:
            kept += 1
            assert difference(child, parent) < 1e-5, (parent_values, child_values)
    assert kept >= 2


def test_a_narrower_child_starts_from_the_overlap() -> None:
    parent, child = trained(chain(("Dense", 9))), chain(("Dense", 4))
    report = inherit(child, parent)
    assert report == InheritanceReport(1, 0, 0, 0, preserving=False, narrowed=1)
    np.testing.assert_array_equal(child.layers[1].kernel, parent.layers[1].kernel[:, :4])
    np.testing.assert_array_equal(child.layers[2].kernel, parent.layers[2].kernel[:4])


def test_replicas_learn_to_differ() -> None:
    parent, child = trained(chain(("Dense", 4))), chain(("Dense", 9))
    inherit(child, parent)
    kernel = np.asarray(child.layers[1].kernel)
    pairs = [(i, j) for i in range(4) for j in range(4, 9)]
    twins = [(i, j) for i, j in pairs if np.allclose(kernel[:, i], kernel[:, j])]
    assert twins
    child.fit(X, Y, epochs=3, verbose=0)
    kernel = np.asarray(child.layers[1].kernel)
    assert all(np.abs(kernel[:, i] - kernel[:, j]).max() > 1e-5 for i, j in twins)


def test_the_parent_stays_as_it_is() -> None:
    parent = trained(chain(("Conv2D", 4), ("Dense", 6)))
    before = parent.get_weights()
    inherit(chain(("Conv2D", 9), ("Dense", 6)), parent)
    assert all(np.array_equal(a, b) for a, b in zip(before, parent.get_weights(), strict=True))


def test_a_cell_with_a_larger_convolution_on_an_edge_computes_the_same() -> None:
    space = nasbench201_cell(width=4, stages=2).for_data(SPEC)
    values = space.sample(np.random.default_rng(0)).values
    small = {**values, "edge_0_1": "nor_conv_1x1", "edge_1_3": "nor_conv_1x1"}
    parent = trained(build(space, small))
    child = build(space, {**small, "edge_1_3": "nor_conv_3x3"})
    report = inherit(child, parent)
    assert report.widened == 2  # the edge, once a stage
    assert report.preserving
    assert difference(child, parent) < 1e-5


def test_layers_of_cells_go_with_those_of_the_same_edge() -> None:
    space = nasbench201_cell(width=4, stages=1).for_data(SPEC)
    names = space.domain.names
    parent = trained(build(space, dict.fromkeys(names, "nor_conv_3x3")))
    child = build(space, {**dict.fromkeys(names, "nor_conv_3x3"), "edge_0_1": "skip_connect"})
    report = inherit(child, parent)
    assert report.fresh == 0
    assert not report.preserving
    name = "stage_0_cell_0_1_2_conv"
    mine, theirs = child.get_layer(name), parent.get_layer(name)
    np.testing.assert_array_equal(mine.kernel, theirs.kernel)


def test_a_wider_residual_net_of_the_tabular_space_computes_the_same() -> None:
    space = tabular().for_data(DataSpec((6,), Task.MULTICLASS, 3))
    rows = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
    values = {"family": "residual", "width": 32}
    parent = trained(build(space, values))
    child = build(space, {**values, "width": 64})
    report = inherit(child, parent)
    assert report.preserving, report
    assert report.widened > 1
    assert np.abs(np.asarray(child(rows)) - np.asarray(parent(rows))).max() < 1e-5


def test_the_report_is_a_line_for_the_row() -> None:
    parent = trained(chain(("Conv2D", 4), ("Dense", 6)))
    report = inherit(chain(("Conv2D", 4), ("Dense", 9)), parent)
    assert str(report) == "2 layers copied, 1 widened (function-preserving)"


def test_models_with_a_call_of_their_own_inherit_nothing_and_say_so() -> None:
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, x: Any) -> Any:
            return self.dense(keras.ops.reshape(x, (-1, 64)))

    own = Own()
    own(X)
    report = inherit(own, chain(("Dense", 4)))
    assert (report.fresh, report.preserving) == (1, False)
    assert "nothing" in str(report)
