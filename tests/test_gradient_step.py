from __future__ import annotations

import pytest

from nas_nb.record.trial import values_key
from nas_nb.space.domain import Domain
from nas_nb.steps import gradient_step
from tests.strategy.worlds import chain, choice, mixed, quality, rng

PLAIN = Domain(tuple(choice(f"op_{n}", "a", "b", "c", "d") for n in range(5)))


def additive(values: dict[str, str]) -> float:
    return sum({"a": 0, "b": 1, "c": 3, "d": 2}[op] for op in values.values())


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_it_leads_to_better_points_than_the_best_known(optimizer: str) -> None:
    better = 0
    for seed in range(3):
        points = [PLAIN.sample(rng(100 * seed + n)) for n in range(25)]
        scores = [additive(point) for point in points]  # type: ignore[arg-type]
        step = gradient_step(PLAIN, points, scores, optimizer)
        better += additive(step) > max(scores)  # type: ignore[arg-type]
    assert better == 3


@pytest.mark.parametrize("domain", [chain(), mixed()], ids=["chain", "mixed"])
def test_the_step_is_legal_new_and_the_same_again(domain: Domain) -> None:
    points = [domain.sample(rng(n)) for n in range(8)]
    scores = [quality(point) for point in points]
    step = gradient_step(domain, points, scores, "adam")
    assert domain.canonical(step) == step
    assert values_key(step) not in set(map(values_key, points))
    assert step == gradient_step(domain, points, scores, "adam")


def test_where_everything_near_is_known_it_stays() -> None:
    domain = Domain((choice("units", 1, 2),))
    points = list(domain.enumerate())
    assert gradient_step(domain, points, [0.1, 0.2], "adam") == points[1]
