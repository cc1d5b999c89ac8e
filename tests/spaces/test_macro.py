from __future__ import annotations

import keras
import numpy as np
import pytest

from nas_nb.data.dataset import DataSpec
from nas_nb.data.task import Task
from nas_nb.errors import SpaceError
from nas_nb.evaluate.costs import costs
from nas_nb.spaces.macro_space import BLOCKS, apply, macro, macs, params

SPEC = DataSpec((7, 9, 2), Task.MULTICLASS, 3)


@pytest.mark.parametrize("name", BLOCKS)
def test_block_keeps_the_shape_and_costs_what_it_says(name: str) -> None:
    inputs = keras.Input((6, 6, 5))
    model = keras.Model(inputs, apply(inputs, name, 5))
    assert model.output_shape == (None, 6, 6, 5)
    assert costs(model) == {"params": params(name, 5), "macs": macs(name, 5) * 36}


def test_identities_may_stand_anywhere_in_their_stage_but_not_in_another() -> None:
    space = macro(layers=2, stages=2)
    point = {"block_1": "identity", "block_2": "conv_3x3", "block_3": "identity"}
    one = space.architecture({**point, "block_4": "identity"})
    early = {"block_1": "conv_3x3", "block_2": "identity", "block_3": "identity"}
    assert one == space.architecture({**early, "block_4": "identity"})
    late = {"block_1": "identity", "block_2": "identity", "block_3": "conv_3x3"}
    assert one != space.architecture({**late, "block_4": "identity"})


def test_twins_of_a_part_stay_in_the_part() -> None:
    space = macro(layers=3, stages=1).subspace({"block_1": "identity"})
    points = list(space.domain.distinct.enumerate())
    assert all(point["block_1"] == "identity" for point in points)
    assert len(points) == space.domain.distinct.size == 1 + 3 + 9


def test_models_cost_what_was_known_before() -> None:
    space = macro(blocks=list(BLOCKS), width=3).for_data(SPEC)
    rng = np.random.default_rng(0)
    for architecture in (space.sample(rng) for _ in range(3)):
        assert costs(architecture.build()) == architecture.costs


def test_picture_leaves_identities_out() -> None:
    space = macro(layers=1, stages=2)
    labels = [
        box.label
        for box in space.architecture({"block_1": "identity", "block_2": "mb3_3x3"}).layout().boxes
    ]
    assert labels == ["input", "stage of 8 channels", "stage of 16 channels", "mb3_3x3", "output"]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(SpaceError, match="Did you mean 'conv_3x3'"):
        macro(blocks=["conv_3x"])
    with pytest.raises(SpaceError, match=r"Received: none"):
        macro(blocks=[])
    with pytest.raises(SpaceError, match="`layers` to be a whole number, 1 or more"):
        macro(layers=1.5)  # type: ignore[arg-type]
    with pytest.raises(SpaceError, match="blocks for images"):
        macro().for_data(DataSpec((5,), Task.BINARY, 1))
