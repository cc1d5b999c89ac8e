from __future__ import annotations

import numpy as np
import pytest

from nas_nb.data.dataset import DataSpec
from nas_nb.data.task import Task
from nas_nb.errors import SpaceError
from nas_nb.evaluate.costs import costs as measured
from nas_nb.export.keras_source import keras_source
from nas_nb.spaces import nasbench101_net
from nas_nb.spaces.nasbench101 import nasbench101_cell
from nas_nb.spaces.nasbench101_net import Cell, from_text
from tests.spaces.nasbench101.test_form import TEXT

PUBLISHED = nasbench101_cell(cells=3, width=128).for_data(
    DataSpec((32, 32, 3), Task.MULTICLASS, 10)
)
SMALL = nasbench101_cell(width=6, stages=2).for_data(DataSpec((7, 6, 1), Task.MULTICLASS, 3))
C3, C1, POOL = "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"

# What the benchmark's introduction prints of a cell: its matrix, operations and parameters.
LISTED = (
    "ModelSpec(matrix=[[0, 1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 1], "
    "[0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0]], "
    f"ops=['input', '{C3}', '{C1}', '{POOL}', '{C3}', '{C3}', 'output'])"
)
LISTED_PARAMS = 2_694_282


def test_parameters_are_the_published_ones() -> None:
    one = PUBLISHED.architecture(LISTED)
    assert nasbench101_net.params(
        from_text(LISTED), PUBLISHED.definition.skeleton, trainable=True
    ) == (LISTED_PARAMS)
    assert one == PUBLISHED.architecture(TEXT)
    assert one.published_form == LISTED


def test_channels_are_shared_by_those_that_lead_to_the_output() -> None:
    cell = Cell(((0, 1), (1, 2), (1, 3), (2, 4), (3, 4)), (C3, C1, POOL))
    assert nasbench101_net.channels(cell, 5, 9) == (5, 5, 5, 4, 9)
    # Every other vertex is as wide as the widest that it leads to.
    assert nasbench101_net.channels(Cell(((0, 1),), ()), 5, 9) == (5, 9)


def test_what_has_a_channel_too_many_loses_it_and_source_is_plain_keras() -> None:
    cell = Cell(((0, 1), (1, 2), (1, 3), (2, 4), (3, 4)), (C3, C1, POOL))
    space = nasbench101_cell(width=5, stages=1, nodes=5)
    bound = space.for_data(DataSpec((4, 4, 1), Task.MULTICLASS, 3))
    model = bound.build_values(bound.domain.point(cell))
    made: dict = {}
    exec(keras_source(model), made)
    again = made["build_model"]()
    again.set_weights(model.get_weights())
    x = np.random.default_rng(0).random((2, 4, 4, 1), "float32")
    np.testing.assert_allclose(again(x), model(x), rtol=1e-5)


def test_the_smallest_cells_are_a_projection_and_a_vertex() -> None:
    for text in (
        "ModelSpec(matrix=[[0, 1], [0, 0]], ops=['input', 'output'])",
        f"ModelSpec(matrix=[[0, 1, 1], [0, 0, 1], [0, 0, 0]], ops=['input', '{POOL}', 'output'])",
    ):
        one = SMALL.architecture(text)
        assert one.published_form == text
        assert measured(one.build()) == one.costs


def test_path_encoding_has_a_column_for_each_way() -> None:
    row = PUBLISHED.encode(PUBLISHED.architecture(LISTED), "paths")
    assert row.shape == (364,)
    # Columns: the direct way, 3 of one operation, 9 of two in the published order, ...
    assert set(np.flatnonzero(row)) == {1, 2, 3, 4}


def test_picture_shows_the_pruned_cell() -> None:
    picture = SMALL.architecture(LISTED).layout()
    assert len(picture.boxes) == 7
    assert len(picture.arrows) == 9


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"a whole number, from 2 to 7.* nodes=8"):
        nasbench101_cell(nodes=8)
    with pytest.raises(SpaceError, match=r"a whole number, 6 or more.* edges=5"):
        nasbench101_cell(edges=5)
    with pytest.raises(SpaceError, match=r"a whole number, 5 or more.* width=4"):
        nasbench101_cell(width=4)
    with pytest.raises(SpaceError, match="Did you mean 'maxpool3x3'"):
        nasbench101_cell(operations=["maxpool3"])
    with pytest.raises(SpaceError, match=r"up to 4 vertices\. Received: one of 7"):
        nasbench101_cell(nodes=4).architecture(LISTED)
    with pytest.raises(SpaceError, match=r"space\.for_data"):
        nasbench101_cell().sample(np.random.default_rng(0)).build()
