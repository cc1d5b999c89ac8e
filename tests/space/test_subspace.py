from __future__ import annotations

import numpy as np
import pytest

from nas_nb.data.dataset import DataSpec
from nas_nb.data.task import Task
from nas_nb.errors import SpaceError
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.space.restriction import SubspaceSpec, cut_domain
from nas_nb.space.search_space import SearchSpace
from tests.space.domains import TREE, brute_force, number

CHOICES = {"layers": ["Conv2D", "Dense"], "units": [4, 8], "activations": ["relu"], "depth": [1, 2]}
RATE = Domain((number(ParameterKind.FLOAT, 0.0, 1.0),))


def part(domain: Domain, pins: object = None, without: object = None) -> Domain:
    return cut_domain(domain, SubspaceSpec.read(pins, without))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pins", "without"),
    [
        ({"model": "mlp"}, None),
        ({"model": "cnn", "pool": "none"}, None),
        ({"layers": 2}, None),
        ({}, {"units": [4, 16]}),
        ({"pool": "max"}, {"size": [3]}),
        (None, ["max", 8]),
        (None, "max"),
    ],
)
def test_a_part_has_the_points_that_fit_and_no_others(pins: dict, without: object) -> None:
    gone = without if isinstance(without, dict) else {}
    listed = [without] if isinstance(without, str) else without or []
    everywhere = [] if isinstance(without, dict) else listed
    fitting = {
        point
        for point in brute_force(TREE)
        if all(dict(point).get(n, v) == v for n, v in (pins or {}).items())
        and not any(v in gone.get(n, everywhere) for n, v in point)
    }
    left = part(TREE, pins, without)
    assert brute_force(left) == fitting
    assert left.size == len(fitting)


def test_a_branch_that_cannot_be_reached_is_gone() -> None:
    assert part(TREE, {"model": "mlp"}).names == ("model", "layers", "units")


def test_a_continuous_choice_can_be_pinned_and_not_thinned() -> None:
    assert part(RATE, {"n": 0.5}).size == 1
    with pytest.raises(SpaceError, match="pin it, or give it a least or a largest value"):
        part(RATE, without={"n": [0.5]})


def test_thinned_numbers_keep_their_order() -> None:
    whole = Domain((Parameter("n", ParameterKind.INT, low=1, high=9),))
    left = part(whole, without={"n": [5]}).parameters[0]
    assert left.choices == (1, 2, 3, 4, 6, 7, 8, 9)
    assert left.ordered


@pytest.mark.parametrize(
    ("pins", "without", "message"),
    [
        ({"modle": "mlp"}, None, "Did you mean 'model'"),
        ({"units": 5}, None, "pinned to 8, 16, 32, got 5"),
        ({"units": 32}, None, "Pin also what decides on its branch"),
        (None, {"depth": [3]}, "got 'depth'"),
        (None, ["avg"], "value of any choice to leave out, got 'avg'"),
        (None, {"pool": ["avg"]}, "value of 'pool' to leave out, got 'avg'"),
        (None, ["max", "none"], "something to be left of 'pool'"),
        (None, 3.5, "value of any choice"),
        (None, object(), "in a list"),
    ],
)
def test_what_cannot_be_cut_is_refused(pins: dict, without: object, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        part(TREE, pins, without)


def test_a_part_of_a_space_builds_and_takes_data() -> None:
    space = SearchSpace.from_dict(CHOICES, name="digits").subspace({"units_1": 8}, {"depth": [2]})
    assert space.name == "digits"
    assert space.size == 2
    bound = space.for_data(DataSpec((3,), Task.REGRESSION, 1))
    assert bound.size == 1
    assert bound.sample(np.random.default_rng(0)).build().count_params() == 4 * 8 + 9


def test_equal_parts_are_equal() -> None:
    whole = SearchSpace.from_dict(CHOICES)
    assert whole.subspace({"depth": 1}) == whole.subspace({"depth": 1})
    assert whole.subspace({"depth": 1}) != whole.subspace({"depth": 2})
    assert len({whole.subspace({"depth": 1}), whole}) == 2
