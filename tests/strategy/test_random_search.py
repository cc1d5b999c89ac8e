from __future__ import annotations

from collections import Counter

from nas_nb.strategy.random_grid import RandomSearch
from tests.strategy.worlds import chain, rng, told


def test_first_draws_follow_the_space_and_not_the_scores() -> None:
    depths = Counter(
        RandomSearch(domain=chain()).propose(told([]), rng(seed))["depth"] for seed in range(600)
    )
    assert all(150 < depths[depth] < 250 for depth in (1, 2, 3))


def test_scores_change_nothing() -> None:
    point = {"depth": 1, "layer_1": "Dense", "units_1": 64}
    low, high = told([(point, 0.0)]), told([(point, 1.0)])
    bound = RandomSearch(domain=chain())
    assert bound.propose(low, rng(4)) == bound.propose(high, rng(4))
