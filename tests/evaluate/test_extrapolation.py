from __future__ import annotations

import numpy as np
import pytest

from nas_nb.evaluate.early_stopping import LEAST_CHANCE, cannot_reach, chance_to_reach


def power_law(limit: float, epochs: int, noise: float = 0.0, seed: int = 0) -> list[float]:
    seen = np.arange(1, epochs + 1)
    drawn = np.random.default_rng(seed).normal(size=epochs) * noise
    return list(limit - 0.5 * seen**-0.7 + drawn)


def test_a_power_law_is_followed_to_its_end() -> None:
    whole = power_law(0.9, 30)
    seen = whole[:10]
    assert chance_to_reach(seen, whole[-1] - 0.03, 30) > 0.9
    assert chance_to_reach(seen, whole[-1] + 0.05, 30) < LEAST_CHANCE
    assert cannot_reach(seen, whole[-1] + 0.05, 30)


def test_more_to_reach_is_less_likely_and_what_is_reached_is_certain() -> None:
    seen = power_law(0.9, 8, noise=0.01)
    chances = [chance_to_reach(seen, target, 20) for target in (max(seen), 0.85, 0.9, 0.95, 1.0)]
    assert chances[0] == 1.0
    assert chances == sorted(chances, reverse=True)


def test_losses_go_the_other_way() -> None:
    scores = power_law(0.9, 8, noise=0.01)
    losses = [-score for score in scores]
    for target in (0.8, 0.9, 1.0):
        mirrored = chance_to_reach(losses, -target, 20, direction="min")
        assert mirrored == pytest.approx(chance_to_reach(scores, target, 20))


def test_the_scale_of_the_objective_does_not_matter() -> None:
    scores = power_law(0.9, 8, noise=0.01)
    scaled = [1000 * score for score in scores]
    assert chance_to_reach(scaled, 950, 20) == pytest.approx(chance_to_reach(scores, 0.95, 20))


def test_nothing_is_said_too_early_nor_at_the_end() -> None:
    flat = [0.1] * 40
    assert not cannot_reach(flat[:3], 0.9, 8)
    assert not cannot_reach(flat[:9], 0.9, 40)
    assert cannot_reach(flat[:10], 0.9, 40)
    assert not cannot_reach(flat, 0.9, 40)


def test_a_curve_that_still_rises_as_fast_is_left_alone() -> None:
    rising = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert not cannot_reach(rising, 0.8, 20)


def test_curves_that_reach_the_target_are_hardly_ever_ended() -> None:
    ended = reached = 0
    for seed in range(200):
        curve = power_law(0.9, 20, noise=0.01, seed=seed)
        target = power_law(0.9, 20)[-1]
        reached += max(curve) >= target
        ended += max(curve) >= target and any(
            cannot_reach(curve[:epoch], target, 20) for epoch in range(1, 20)
        )
    assert reached > 150
    assert ended <= 2
