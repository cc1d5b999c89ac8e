import numpy as np
import pytest

from nas_nb.strategy.reinforce import Policy
from tests.strategy.worlds import DOMAINS, chain, mixed, rng


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
