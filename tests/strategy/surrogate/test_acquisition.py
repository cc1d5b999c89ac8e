import numpy as np
import pytest

from nas_nb.record.pareto import hypervolumes
from nas_nb.strategy.surrogate import expected_improvement, hypervolume_improvement


def test_it_is_the_mean_of_what_lies_above_the_best() -> None:
    draws = np.random.default_rng(0).normal(0.3, 0.8, size=400_000)
    value = expected_improvement(np.array([0.3]), np.array([0.8]), 0.5)[0]
    assert value == pytest.approx(np.maximum(draws - 0.5, 0).mean(), abs=5e-3)


def test_more_mean_and_more_doubt_promise_more() -> None:
    mean, deviation = np.array([0.0, 0.2, 0.0]), np.array([0.5, 0.5, 0.9])
    first, higher, wider = expected_improvement(mean, deviation, 1.0)
    assert first < higher
    assert first < wider


@pytest.mark.parametrize("costs", [1, 2])
def test_the_hypervolume_is_expected_to_grow_by_the_mean_of_what_draws_add(costs: int) -> None:
    rng = np.random.default_rng(costs)
    front = np.column_stack([rng.uniform(0, 1, 4), rng.uniform(0, 1, (4, costs))])
    worst = np.array([-0.5, *[1.1] * costs])
    asked = np.array([[0.1] * costs, [0.6] * costs, [1.2] * costs])
    mean, deviation = np.array([0.4, 0.9, 2.0]), np.array([0.3, 0.5, 0.2])
    gains = hypervolume_improvement(mean, deviation, asked, front, worst)
    signs = np.array([-1.0, *[1.0] * costs])  # `hypervolumes` minimises
    known = [tuple(row) for row in front * signs]
    for at in range(3):
        drawn = []
        for score in rng.normal(mean[at], deviation[at], 3000):
            grown = hypervolumes([*known, (-score, *asked[at])], tuple(worst * signs))
            drawn.append(grown[-1] - grown[-2])
        assert gains[at] == pytest.approx(np.mean(drawn), abs=0.02)
    assert gains[2] == 0  # it costs more than the reference
