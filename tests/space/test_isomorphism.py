from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nas_nb.errors import SpaceError
from nas_nb.space import isomorphism
from nas_nb.space.encoding import Featured
from nas_nb.space.search_space import SearchSpace
from nas_nb.spaces.darts import darts_cell
from nas_nb.spaces.macro_space import macro
from nas_nb.spaces.nasbench101 import nasbench101_cell
from nas_nb.spaces.nasbench201 import nasbench201_cell
from nas_nb.strategy.base import proposal_rng


@pytest.fixture(params=["cell", "macro"])
def space(request: pytest.FixtureRequest) -> SearchSpace:
    return nasbench201_cell(nodes=3) if request.param == "cell" else macro(layers=2, stages=1)


def test_the_representative_is_a_twin_and_stands_for_itself(space: SearchSpace) -> None:
    domain = space.domain
    for point in domain.enumerate():
        chosen = domain.representative(point)
        assert domain.key(chosen) == domain.key(point)
        assert domain.representative(chosen) == chosen


def test_distinct_domain_draws_and_changes_representatives_only(space: SearchSpace) -> None:
    distinct = space.domain.distinct
    rng = proposal_rng(0, 0)
    for _ in range(30):
        point = distinct.sample(rng)
        child = distinct.mutate(point, rng)
        around = distinct.neighbours(point)
        for other in (point, child, *around):
            assert space.domain.representative(other) == other
        assert child != point
        assert point not in around
        assert len({space.domain.key(other) for other in around}) == len(around)


def test_distinct_domain_takes_any_twin(space: SearchSpace) -> None:
    distinct = space.domain.distinct
    for point in space.domain.enumerate():
        assert distinct.contains(point)
        assert distinct.canonical(point) == space.domain.representative(point)
    assert distinct.complete({}) == space.domain.representative(space.domain.complete({}))


def test_strategies_read_the_same_finite_features_for_twins(space: SearchSpace) -> None:
    distinct = space.domain.distinct
    assert isinstance(distinct, Featured)
    names = None
    for point in space.domain.enumerate():
        known = distinct.features(point)
        assert known == space.domain.features(space.domain.representative(point))
        assert np.isfinite(list(known.values())).all()
        names = names or list(known)
        assert list(known) == names


@pytest.fixture(params=["cell", "macro", "nasbench101", "darts", "part"])
def any_space(request: pytest.FixtureRequest) -> SearchSpace:
    made = {
        "cell": lambda: nasbench201_cell(nodes=3),
        "macro": lambda: macro(layers=2, stages=1),
        "nasbench101": lambda: nasbench101_cell(nodes=5),
        "darts": lambda: darts_cell(nodes=3),
        "part": lambda: darts_cell(nodes=3).subspace({"normal_2_op_1": "skip_connect"}),
    }
    return made[request.param]()


def test_what_stands_for_a_canonical_point_is_its_representative(any_space: SearchSpace) -> None:
    domain = any_space.domain
    for number in range(50):
        point = domain.sample(proposal_rng(0, number))
        assert domain.standing_for(point) == domain.representative(point)
        assert list(domain.standing_for(point)) == list(domain.names)


@pytest.mark.parametrize("made", [nasbench101_cell, darts_cell, nasbench201_cell, macro])
def test_mutants_of_a_known_point_are_not_checked_again(
    made: Callable[[], SearchSpace], monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = made().domain
    point = domain.distinct.sample(proposal_rng(0, 0))
    monkeypatch.setattr(type(domain), "canonical", None)
    assert len(domain.distinct.mutants(point, proposal_rng(0, 1), 5)) == 5


def test_a_point_that_is_asked_about_again_is_not_worked_out_again(
    any_space: SearchSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    distinct = any_space.domain.distinct
    point = any_space.domain.sample(proposal_rng(0, 0))
    first = distinct.canonical(point)
    first[next(iter(first))] = "changed by the caller"
    monkeypatch.setattr(type(any_space.domain), "standing_for", None)
    again = distinct.canonical(dict(point))
    assert "changed by the caller" not in again.values()
    assert distinct.contains(point)


def test_values_of_another_type_are_not_taken_for_those_that_are_known() -> None:
    domain = nasbench101_cell(nodes=3).domain
    point = domain.complete({})
    domain.representative(point)
    with pytest.raises(SpaceError, match="edge_0_1"):
        domain.representative({**point, "edge_0_1": int(point["edge_0_1"])})
    with pytest.raises(SpaceError, match="edge_0_1"):
        domain.representative({**point, "edge_0_1": [True]})


def test_memory_of_points_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isomorphism, "_REMEMBERED", 4)
    domain = nasbench201_cell(nodes=3).domain
    for point in domain.enumerate():
        domain.representative(point)
        assert len(domain._known) <= 4


def test_domain_without_twins_is_its_own() -> None:
    plain = SearchSpace.from_dict(
        {"layers": ["Dense"], "units": [4, 8], "activations": ["relu"]}
    ).domain
    assert plain.distinct is plain
    point = plain.complete({})
    assert plain.representative(point) == point
