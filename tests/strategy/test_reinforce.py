from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from nas_nb.errors import StrategyError
from nas_nb.space.domain import Domain
from nas_nb.strategy.reinforce import Policy, Reinforce
from tests.strategy.worlds import DOMAINS, chain, choice, mixed, rng, told

WIDE = Domain(tuple(choice(f"c{n}", "x", "y", "z") for n in range(6)))


def drawn(direction: str) -> Counter[object]:
    """What it proposes for the first choice after 60 trials in which "y" alone scored."""
    source = rng()
    points = list({tuple(p.items()): p for p in (WIDE.sample(source) for _ in range(60))}.values())
    history = told([(point, float(point["c0"] == "y")) for point in points], direction)
    strategy = Reinforce(domain=WIDE)
    return Counter(strategy.propose(history, rng(seed))["c0"] for seed in range(100))


def test_what_was_rewarded_becomes_more_likely() -> None:
    assert drawn("max")["y"] > 60


def test_in_a_minimisation_it_becomes_less_likely() -> None:
    assert drawn("min")["y"] < 15


def test_equal_scores_teach_nothing_and_do_no_harm() -> None:
    history = told([(point, 0.5) for point in list(WIDE.enumerate())[:20]])
    assert WIDE.contains(Reinforce(domain=WIDE).propose(history, rng()))


@pytest.mark.parametrize("options", [{"learning_rate": 0.0}, {"decay": 1.0}])
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(StrategyError, match=next(iter(options))):
        Reinforce(**options)


@pytest.mark.parametrize("world", list(DOMAINS))
def test_what_is_drawn_is_a_point_and_can_be_read(world: str) -> None:
    domain = DOMAINS[world]()
    policy, source = Policy.uniform(domain), rng()
    for _ in range(50):
        point = policy.draw(source)
        assert domain.canonical(point) == point
        columns = policy.columns(point)
        assert columns is not None
        active = [parameter in domain.active(point) for parameter in domain.parameters]
        assert (columns >= 0).tolist() == active
        assert np.isfinite(policy.logits[columns >= 0, columns[columns >= 0]]).all()


def test_values_of_another_space_are_no_columns() -> None:
    assert Policy.uniform(chain()).columns({"width": 3}) is None
    assert Policy.uniform(mixed()).columns({"width": 1, "dropout": 0.1, "train": False}) is None


def test_the_gradient_is_that_of_the_log_probability() -> None:
    domain = chain()
    policy = Policy.uniform(domain).moved(rng().normal(size=Policy.uniform(domain).logits.shape))
    columns = policy.columns(domain.sample(rng(1)))
    assert columns is not None
    rows = np.flatnonzero(columns >= 0)

    def log_probability(of: Policy) -> float:
        return float(np.log(of.probabilities[rows, columns[rows]]).sum())

    gradient = policy.log_gradient(columns)
    for row, column in ((0, 0), (1, 1), (2, 2), (5, 0)):
        step = np.zeros_like(policy.logits)
        step[row, column] = 1e-6
        slope = (log_probability(policy.moved(step)) - log_probability(policy)) / 1e-6
        assert gradient[row, column] == pytest.approx(slope, abs=1e-4)


def test_likely_values_are_drawn_often() -> None:
    domain = chain()
    step = np.zeros_like(Policy.uniform(domain).logits)
    step[0, 2] = 5.0
    policy, source = Policy.uniform(domain).moved(step), rng()
    depths = [policy.draw(source)["depth"] for _ in range(100)]
    assert depths.count(3) > 90
