from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from nas_nb.data import DataSpec, Task
from nas_nb.errors import SpaceError
from nas_nb.space.darts import darts_cell
from nas_nb.space.darts_form import Step, canonical, depth, pairs

KINDS = ("normal", "reduce")
SMALL = darts_cell(nodes=2, layers=2, width=2).for_data(DataSpec((7, 6, 1), Task.MULTICLASS, 3))


def test_the_published_space_has_ten_to_the_eighteen_pairs_of_cells() -> None:
    # Liu et al., section 3.2.1 counts one cell's inputs and operations; two cells are chosen.
    cell = math.prod(math.comb(k + 1, 2) * 7**2 for k in range(1, 5))
    assert darts_cell().size == cell**2
    assert 1e18 < darts_cell().size < 2e18


def test_a_node_takes_two_earlier_states() -> None:
    assert pairs(0) == ("0,1",)
    assert pairs(1) == ("0,1", "0,2", "1,2")


def test_nodes_may_be_numbered_in_any_order_that_respects_what_they_take() -> None:
    one = (Step("skip_connect", 0), Step("sep_conv_3x3", 1))
    two = (Step("max_pool_3x3", 0), Step("dil_conv_3x3", 1))
    assert canonical((one, two)) == canonical((two, one))
    follows = (Step("skip_connect", 0), Step("sep_conv_3x3", 2))
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
    text = SMALL.architecture(SMALL.domain.complete({})).text
    assert text.startswith("Genotype(normal=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ")
    assert text.endswith("reduce_concat=range(2, 4))")


@pytest.mark.parametrize("operation", darts_cell().blueprint.operations)
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
    with pytest.raises(SpaceError, match="got none"):
        darts_cell(operations=[])
    with pytest.raises(SpaceError, match="from 1 to 4, got 5"):
        darts_cell(nodes=5)
    with pytest.raises(SpaceError, match=r"space\.for_data"):
        darts_cell().sample(np.random.default_rng(0)).build()
