from __future__ import annotations

import numpy as np
import pytest

from nas_nb.data.dataset import DataSpec
from nas_nb.data.task import Task
from nas_nb.errors import SpaceError
from nas_nb.evaluate.costs import costs
from nas_nb.record.history import History
from nas_nb.spaces.nasbench201 import (
    from_string,
    live_edges,
    nasbench201_cell,
    nodes_of,
    params,
    to_string,
    unique_string,
)
from nas_nb.spaces.ready_space import Skeleton, edges
from nas_nb.strategy.base import proposal_rng
from nas_nb.strategy.registry import make_strategy

# A published string, from the paper's own example of the format.
TEXT = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|none~2|"
CELL = ("nor_conv_3x3", "nor_conv_3x3", "avg_pool_3x3", "skip_connect", "nor_conv_3x3", "none")


def test_published_string_is_read_and_written() -> None:
    assert from_string(TEXT) == CELL
    assert to_string(CELL) == TEXT


def test_edges_stand_in_the_order_of_the_string() -> None:
    assert edges(4) == ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
    assert [nodes_of(len(edges(n))) for n in range(2, 7)] == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("|skip_connect~1|", "for node 1"),
        ("|skip_connect~0|+|none~0|", "for node 2"),
        ("nonsense", "Expected a cell like"),
        ("|skip_conect~0|", "Did you mean 'skip_connect'"),
    ],
)
def test_other_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        from_string(text)


def test_skips_and_zeros_make_cells_isomorphic() -> None:
    # Two nodes: node 1 is a copy of the input, or there is no node 1.
    assert unique_string(("skip_connect", "none", "nor_conv_1x1")) == unique_string(
        ("none", "nor_conv_1x1", "none")
    )
    # What leads nowhere doesn't matter.
    assert unique_string(("avg_pool_3x3", "skip_connect", "none")) == unique_string(
        ("none", "skip_connect", "none")
    )


def test_cells_that_compute_other_things_are_told_apart() -> None:
    assert unique_string(("nor_conv_1x1", "none", "nor_conv_3x3")) != unique_string(
        ("nor_conv_3x3", "none", "nor_conv_1x1")
    )


def test_live_edges_lead_from_the_input_to_the_output() -> None:
    assert live_edges(CELL) == {
        (0, 1): "nor_conv_3x3",
        (0, 3): "skip_connect",
        (1, 3): "nor_conv_3x3",
    }
    assert live_edges(("none", "none", "nor_conv_3x3")) == {}


CIFAR = DataSpec((32, 32, 3), Task.MULTICLASS, 10)
PUBLISHED = nasbench201_cell(cells=5, width=16).for_data(CIFAR)

# Cells and their parameters in millions, as NATS-Bench lists them; the third has a 3x3 convolution
# whose node leads nowhere, the fourth one behind a node without inputs.
LISTED = {
    "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|none~0|none~1|skip_connect~2|": 0.073306,
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1"
    "|skip_connect~2|": 0.802426,
    "|nor_conv_3x3~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|": 0.344346,
    "|none~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|none~2|": 0.316346,
}


def trainable(model: object) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def test_there_are_15625_cells_and_6466_up_to_isomorphism() -> None:
    space = nasbench201_cell()
    assert space.size == 15_625
    cells = {space.architecture(values) for values in space.domain.enumerate()}
    assert len(cells) == space.domain.distinct.size == 6_466


@pytest.mark.parametrize("text", LISTED)
def test_parameters_are_the_published_ones(text: str) -> None:
    operations = from_string(text)
    published = Skeleton(cells=5, width=16, stages=3)
    assert params(operations, published, trainable=True) / 1e6 == LISTED[text]


@pytest.mark.parametrize("text", list(LISTED)[1:])
def test_models_have_the_published_parameters(text: str) -> None:
    architecture = PUBLISHED.architecture(text)
    model = architecture.build()
    assert trainable(model) / 1e6 == LISTED[text]
    assert costs(model) == architecture.costs


def test_published_string_names_an_architecture() -> None:
    text = next(iter(LISTED))
    architecture = nasbench201_cell().architecture(text)
    assert architecture.published_form == text
    assert architecture["edge_0_1"] == "avg_pool_3x3"
    with pytest.raises(SpaceError, match=r"Expected a cell of 4 nodes\. Received: one of 2"):
        nasbench201_cell().architecture("|skip_connect~0|")


def test_isomorphic_cells_are_equal_and_keep_their_own_choices() -> None:
    space = nasbench201_cell(nodes=3)
    one = space.architecture("|skip_connect~0|+|none~0|nor_conv_1x1~1|")
    two = space.architecture("|none~0|+|nor_conv_1x1~0|none~1|")
    assert one == two
    assert hash(one) == hash(two)
    assert one.published_form != two.published_form
    assert one.diff(two) == {}
    assert space.distance(one, two) == 0.0
    assert np.array_equal(space.encode(one), space.encode(two))
    assert np.array_equal(space.encode(one, "paths"), space.encode(two, "paths"))


def test_path_encoding_has_a_column_for_each_way() -> None:
    space = nasbench201_cell()
    # Four operations that let something through, on ways of one to three edges.
    row = space.encode(space.architecture(list(LISTED)[1]), "paths")
    assert row.shape == (4 + 4**2 + 4**3,)
    ways = [("skip_connect",), ("nor_conv_3x3",) * 2, ("nor_conv_3x3", "skip_connect")]
    ways.append(("nor_conv_3x3", "avg_pool_3x3", "skip_connect"))
    operations = ["skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
    starts = {1: 0, 2: 4, 3: 20}
    places = {
        starts[len(way)] + int("".join(str(operations.index(o)) for o in way), 4) for way in ways
    }
    assert set(np.flatnonzero(row)) == places


def test_dead_weights_change_nothing() -> None:
    space = nasbench201_cell(width=4, stages=1, nodes=3).for_data(
        DataSpec((4, 4, 1), Task.MULTICLASS, 2)
    )
    x = np.random.default_rng(0).random((3, 4, 4, 1), dtype="float32")
    dead = space.architecture("|nor_conv_3x3~0|+|skip_connect~0|none~1|").build()
    lean = space.architecture("|none~0|+|skip_connect~0|none~1|").build()
    assert len(dead.weights) > len(lean.weights)
    before = dead.predict_on_batch(x)
    for weight in dead.weights:
        if weight.shape == (3, 3, 4, 4):
            weight.assign(weight + 1)
    assert np.array_equal(dead.predict_on_batch(x), before)


def test_search_never_proposes_a_twin() -> None:
    space = nasbench201_cell(nodes=3)
    strategy = make_strategy("random", space.domain)
    history, keys = History(), set()
    for number in range(60):
        keys.add(space.domain.key(strategy.propose(history, proposal_rng(0, number))))
    assert strategy.domain.size == space.domain.distinct.size
    assert keys <= {space.domain.key(point) for point in strategy.domain.enumerate()}


def test_other_sizes_nodes_and_operations() -> None:
    assert nasbench201_cell(nodes=2).size == 5
    assert nasbench201_cell(operations=["nor_conv_3x3", "skip_connect"]).size == 2**6
    small = nasbench201_cell(cells=2, width=3, stages=2, nodes=3).for_data(
        DataSpec((9, 7, 2), Task.BINARY, 1)
    )
    architecture = small.sample(np.random.default_rng(0))
    assert costs(architecture.build()) == architecture.costs


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"a whole number, from 2 to 4.* nodes=9"):
        nasbench201_cell(nodes=9)
    with pytest.raises(SpaceError, match=r"a whole number, 1 or more.* width=0"):
        nasbench201_cell(width=0)
    with pytest.raises(SpaceError, match="Did you mean 'nor_conv_3x3'"):
        nasbench201_cell(operations=["nor_conv_3x"])
    with pytest.raises(SpaceError, match=r"Received: none"):
        nasbench201_cell(operations=[])
    with pytest.raises(SpaceError, match=r"shape \(height, width, channels\)"):
        nasbench201_cell().for_data(DataSpec((5,), Task.BINARY, 1))
    with pytest.raises(SpaceError, match=r"space\.for_data"):
        nasbench201_cell().sample(np.random.default_rng(0)).build()
