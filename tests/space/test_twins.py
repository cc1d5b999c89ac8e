from __future__ import annotations

import numpy as np
import pytest

from nas_nb.space.cell import cell
from nas_nb.space.macro import macro
from nas_nb.space.search_space import SearchSpace
from nas_nb.strategy.strategy import generator
from nas_nb.strategy.surrogate.features import Featured


@pytest.fixture(params=["cell", "macro"])
def space(request: pytest.FixtureRequest) -> SearchSpace:
    return cell(nodes=3) if request.param == "cell" else macro(layers=2, stages=1)


def test_the_representative_is_a_twin_and_stands_for_itself(space: SearchSpace) -> None:
    domain = space.domain
    for point in domain.enumerate():
        chosen = domain.representative(point)
        assert domain.key(chosen) == domain.key(point)
        assert domain.representative(chosen) == chosen


def test_distinct_domain_draws_and_changes_representatives_only(space: SearchSpace) -> None:
    distinct = space.domain.distinct
    rng = generator(0, 0)
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


def test_domain_without_twins_is_its_own() -> None:
    plain = SearchSpace.from_dict(
        {"layers": ["Dense"], "units": [4, 8], "activations": ["relu"]}
    ).domain
    assert plain.distinct is plain
    point = plain.complete({})
    assert plain.representative(point) == point
