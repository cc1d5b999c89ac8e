import numpy as np
import pytest

from nas_nb.strategy.surrogate import expected_improvement


def test_it_is_the_mean_of_what_lies_above_the_best() -> None:
    draws = np.random.default_rng(0).normal(0.3, 0.8, size=400_000)
    value = expected_improvement(np.array([0.3]), np.array([0.8]), 0.5)[0]
    assert value == pytest.approx(np.maximum(draws - 0.5, 0).mean(), abs=5e-3)


def test_more_mean_and_more_doubt_promise_more() -> None:
    mean, deviation = np.array([0.0, 0.2, 0.0]), np.array([0.5, 0.5, 0.9])
    first, higher, wider = expected_improvement(mean, deviation, 1.0)
    assert first < higher
    assert first < wider
