from __future__ import annotations

import math

import numpy as np

from nas_nb.record.trial import values_key
from nas_nb.strategy.weight_sharing import score_pool
from tests.strategy.worlds import mixed, quality, rng, twelve


def test_the_pool_is_better_than_chance_and_all_different() -> None:
    found = score_pool(mixed(), quality, 60, 1.0, rng()) or []
    assert len({values_key(values) for values, _ in found}) == 60
    drawn, mutants = found[:30], found[30:]
    assert np.mean([s for _, s in mutants]) > np.mean([s for _, s in drawn]) + 1


def test_where_less_is_better_mutants_come_from_the_lowest() -> None:
    found = score_pool(mixed(), quality, 60, -1.0, rng()) or []
    drawn, mutants = found[:30], found[30:]
    assert np.mean([s for _, s in mutants]) < np.mean([s for _, s in drawn]) - 1


def test_a_space_no_larger_than_the_pool_is_scored_whole() -> None:
    found = score_pool(twelve(), quality, 12, 1.0, rng()) or []
    assert [values for values, _ in found] == list(twelve().enumerate())


def test_a_candidate_without_a_score_is_left_out() -> None:
    found = score_pool(twelve(), lambda v: math.nan if v["units"] == 8 else 1.0, 12, 1.0, rng())
    assert len(found or []) == 8


def test_a_stop_leaves_no_pool() -> None:
    assert score_pool(twelve(), lambda v: None, 12, 1.0, rng()) is None
