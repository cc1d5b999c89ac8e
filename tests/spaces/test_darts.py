from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from nas_nb.data.dataset import DataSpec
from nas_nb.data.task import Task
from nas_nb.errors import SpaceError
from nas_nb.evaluate.costs import costs, without_weights
from nas_nb.spaces import darts_net
from nas_nb.spaces.darts import darts_cell
from nas_nb.spaces.darts_net import (
    NodeInput,
    canonical,
    depth,
    from_genotype,
    genotype,
    node_of,
    pairs,
    paths,
)

KINDS = ("normal", "reduce")
SMALL = darts_cell(nodes=2, layers=2, width=2).for_data(DataSpec((7, 6, 1), Task.MULTICLASS, 3))

# The cells that the paper's second-order search found on CIFAR-10, as its code lists them.
DARTS_V2 = """DARTS_V2 = Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1),
    ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0),
    ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5],
    reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1),
    ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)],
    reduce_concat=[2, 3, 4, 5])"""


def test_published_genotype_is_read_and_written() -> None:
    space = darts_cell()
    one = space.architecture(DARTS_V2)
    assert one["normal_2_from"] == "0,1"
    assert (one["normal_2_op_1"], one["normal_2_op_2"]) == ("skip_connect", "sep_conv_3x3")
    assert one["reduce_3_from"] == "1,2"
    assert space.architecture(one.published_form) == one
    assert genotype(*from_genotype(one.published_form)) == one.published_form


def test_published_net_has_the_published_parameters() -> None:
    # Table 1 of the paper says 3.3 million, auxiliary head not counted.
    space = darts_cell(layers=20, width=36)
    cells, skeleton = from_genotype(DARTS_V2), space.definition.skeleton
    assert darts_net.params(*cells, skeleton, trainable=True) == 3_349_342
    assert space.architecture(DARTS_V2).costs == {"params": 3_389_734, "macs": 528_359_040}


@pytest.mark.parametrize(("layers", "shape"), [(1, (7, 6, 1)), (2, (5, 9, 2)), (5, (4, 4, 1))])
def test_costs_are_those_of_the_model(layers: int, shape: tuple[int, ...]) -> None:
    space = darts_cell(layers=layers, width=2, nodes=2)
    bound = space.for_data(DataSpec(shape, Task.MULTICLASS, 3))
    rng = np.random.default_rng(layers)
    for one in (bound.sample(rng) for _ in range(2)):
        with without_weights():
            model = one.build()
        assert costs(model) == one.costs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("Genotype(", "Cell("), r"an architecture like Genotype\(normal="),
        (("reduce_concat", "concat"), "normal, normal_concat, reduce, reduce_concat by name"),
        (("('sep_conv_3x3', 0)", "('sep_conv_7x7', 0)"), "Did you mean"),
        (("('sep_conv_3x3', 0)", "'sep_conv_3x3'"), r"edges like \('skip_connect', 0\)"),
        (("('dil_conv_3x3', 2)", "('dil_conv_3x3', 5)"), "two states below 5. Received: 0 and 5"),
        (("('dil_conv_3x3', 2)", "('dil_conv_3x3', 0)"), "two states below 5. Received: 0 and 0"),
        (("normal_concat=[2, 3, 4, 5]", "normal_concat=[4, 5]"), r"join all its nodes"),
        ((", ('dil_conv_3x3', 2)", ""), "two edges for each node"),
    ],
)
def test_what_is_no_genotype_of_the_space_is_refused(change: tuple[str, str], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        darts_cell().architecture(DARTS_V2.replace(*change))


def test_genotype_of_other_nodes_is_refused() -> None:
    with pytest.raises(SpaceError, match="Make a space with nodes=4"):
        darts_cell(nodes=2).architecture(DARTS_V2)


def test_path_encoding_has_a_column_for_each_way_through_each_cell() -> None:
    space = darts_cell(nodes=2, operations=["skip_connect", "sep_conv_3x3"])
    row = space.encode(space.architecture(space.domain.complete({"normal_1_from": "1,2"})), "paths")
    assert row.shape == (2 * (2 + 2**2),)
    assert np.flatnonzero(row).tolist() == [0, 2, 6]
    cell = ((NodeInput("a", 0), NodeInput("b", 1)), (NodeInput("c", 1), NodeInput("d", 2)))
    assert sorted(paths(cell)) == [("a",), ("a", "d"), ("b",), ("b", "d"), ("c",)]


def test_the_published_space_has_ten_to_the_eighteen_pairs_of_cells() -> None:
    # Liu et al., section 3.2.1 counts one cell's inputs and operations; two cells are chosen.
    cell = math.prod(math.comb(k + 1, 2) * 7**2 for k in range(1, 5))
    assert darts_cell().size == cell**2
    assert 1e18 < darts_cell().size < 2e18


def test_a_node_takes_two_earlier_states() -> None:
    assert pairs(0) == ("0,1",)
    assert pairs(1) == ("0,1", "0,2", "1,2")


def test_nodes_may_be_numbered_in_any_order_that_respects_what_they_take() -> None:
    one = (NodeInput("skip_connect", 0), NodeInput("sep_conv_3x3", 1))
    two = (NodeInput("max_pool_3x3", 0), NodeInput("dil_conv_3x3", 1))
    assert canonical((one, two)) == canonical((two, one))
    follows = (NodeInput("skip_connect", 0), NodeInput("sep_conv_3x3", 2))
    assert canonical((one, follows)) == (one, follows)
    assert depth((one, two)) == 1
    assert depth((one, follows)) == 2


def test_twins_are_equal_and_have_one_representative() -> None:
    space = darts_cell(nodes=2, operations=["skip_connect", "sep_conv_3x3"])
    rng = np.random.default_rng(0)
    for point in (space.domain.sample(rng) for _ in range(50)):
        swapped = {**point}
        if point["normal_1_from"] != "0,1":
            continue
        for name in ("op_1", "op_2"):
            swapped[f"normal_0_{name}"] = point[f"normal_1_{name}"]
            swapped[f"normal_1_{name}"] = point[f"normal_0_{name}"]
        assert space.architecture(point) == space.architecture(swapped)
        chosen = space.domain.representative(point)
        assert chosen == space.domain.representative(swapped)
        assert space.domain.key(chosen) == space.domain.key(point)


def test_genotype_is_written_as_published() -> None:
    text = SMALL.architecture(SMALL.domain.complete({})).published_form
    assert text.startswith("Genotype(normal=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ")
    assert text.endswith("reduce_concat=range(2, 4))")


@pytest.mark.parametrize("operation", darts_cell().definition.operations)
def test_every_operation_builds_and_keeps_sizes_that_are_odd(operation: str) -> None:
    only = SMALL.subspace(
        {f"{k}_{n}_op_{o}": operation for k, n, o in itertools.product(KINDS, (0, 1), (1, 2))}
    )
    model = only.sample(np.random.default_rng(0)).build()
    assert model(np.zeros((2, 7, 6, 1))).shape == (2, 3)


def test_weights_of_permuted_nodes_are_as_many() -> None:
    rng = np.random.default_rng(1)
    point = SMALL.domain.sample(rng)
    twin = SMALL.domain.representative(point)
    assert SMALL.architecture(point).build().count_params() == (
        SMALL.architecture(twin).build().count_params()
    )


def test_picture_shows_both_cells() -> None:
    picture = SMALL.sample(np.random.default_rng(0)).layout()
    assert [box.label for box in picture.boxes if box.kind == "output"] == [
        "normal output",
        "reduce output",
    ]
    assert len(picture.arrows) == 2 * (4 + 2)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(SpaceError, match="Did you mean 'sep_conv_3x3'"):
        darts_cell(operations=["sep_conv_3x"])
    with pytest.raises(SpaceError, match=r"Received: none"):
        darts_cell(operations=[])
    with pytest.raises(SpaceError, match=r"from 1 to 4.* nodes=5"):
        darts_cell(nodes=5)
    with pytest.raises(SpaceError, match=r"space\.for_data"):
        darts_cell().sample(np.random.default_rng(0)).build()


def test_a_nodes_edges_are_in_the_order_of_their_states() -> None:
    one, other = NodeInput("skip_connect", 0), NodeInput("sep_conv_3x3", 2)
    assert node_of("skip_connect", 0, "sep_conv_3x3", 2) == (one, other)
    assert node_of("sep_conv_3x3", 2, "skip_connect", 0) == (one, other)


def test_cells_are_made_of_the_same_nodes() -> None:
    domain = darts_cell().domain
    rng = np.random.default_rng(0)
    cells = [cell for _ in range(200) for cell in domain.cells(domain.sample(rng))]
    nodes = [node for cell in cells for made in (cell, canonical(cell)) for node in made]
    assert len({id(node) for node in nodes}) == len(set(nodes)) < len(nodes) / 4
