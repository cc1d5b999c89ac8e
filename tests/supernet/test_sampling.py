from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from nas_nb.space.search_space import SearchSpace
from nas_nb.spaces.nasbench201 import nasbench201_cell
from nas_nb.supernet.choices import PathChoices
from nas_nb.supernet.supernet import FairPaths, UniformPaths

pytestmark = pytest.mark.tensorflow

CELLS = PathChoices.of(nasbench201_cell(nodes=3).domain)
CHAINS = PathChoices.of(
    SearchSpace.from_dict(
        {"layers": ["Conv2D", "Dense"], "units": [4, 8, 16], "activations": ["relu", "tanh"]}
    ).domain
)


def test_every_operation_is_in_a_fair_step_once() -> None:
    fair = FairPaths(CELLS, np.random.default_rng(0))
    assert fair.paths_per_step == 5
    for step in fair.draw(6):
        for edge in range(len(CELLS.listed)):
            assert sorted(step[:, edge]) == [0, 1, 2, 3, 4]


def test_options_of_different_numbers_come_equally_often_in_a_fair_step() -> None:
    fair = FairPaths(CHAINS, np.random.default_rng(0))
    assert fair.paths_per_step == 6
    for step in fair.draw(5):
        for name in ("depth", "layer_1", "units_1", "activation_1"):
            counts = Counter(step[:, CHAINS[name].place].tolist())
            assert len(set(counts.values())) == 1, name
            assert len(counts) == len(CHAINS[name].values)


def test_uniform_paths_are_unequal_in_a_step_and_equal_in_the_long_run() -> None:
    uniform = UniformPaths(CELLS, np.random.default_rng(0))
    drawn = uniform.draw(2000)
    assert drawn.shape == (2000, 1, 3)
    counts = np.bincount(drawn[:, 0, 1].astype(int))
    assert len(counts) == 5
    assert counts.min() > 320
    assert counts.max() < 480


def test_ranges_of_many_numbers_make_no_step_of_many_paths() -> None:
    space = SearchSpace.from_dict(
        {"layers": ["Dense"], "units": range(1, 40), "activations": ["relu", "tanh"], "depth": 1}
    )
    fair = FairPaths(PathChoices.of(space.domain), np.random.default_rng(0))
    assert fair.paths_per_step == 12
    units = fair.draw(39)[:, :, fair._choices["units_1"].place]
    assert set(np.bincount(units.astype(int).reshape(-1))[1:]) == {12}
