import numpy as np
import pytest

from nas_nb.strategy.gaussian_process import (
    Covariance,
    Points,
    _gaps,
    _negative_log_likelihood,
    _unpack,
    condition,
    fit,
)


def points(rows: np.ndarray, features: np.ndarray | None = None) -> Points:
    features = np.zeros((len(rows), 0)) if features is None else features
    return Points(rows.astype(float), np.arange(rows.shape[1]), features)


def binary(count: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(2, size=(count, width))


def test_the_gradient_is_that_of_the_likelihood() -> None:
    rows = binary(12, 3)
    seen = points(rows, np.random.default_rng(1).normal(size=(12, 2)))
    scores = np.random.default_rng(2).normal(size=12)
    logs = np.array([-1.0, 0.2, 0.5, -2.0, -1.0, 0.1, -2.0])
    gaps = _gaps(seen, 3)
    _, slope = _negative_log_likelihood(_unpack(logs, 3), gaps, seen.features, scores)
    for number in range(len(logs)):
        step = np.zeros(len(logs))
        step[number] = 1e-5
        up, _ = _negative_log_likelihood(_unpack(logs + step, 3), gaps, seen.features, scores)
        down, _ = _negative_log_likelihood(_unpack(logs - step, 3), gaps, seen.features, scores)
        assert slope[number] == pytest.approx((up - down) / 2e-5, rel=1e-4, abs=1e-6)


def test_it_learns_which_choices_matter() -> None:
    rows = binary(60, 4)
    scores = rows[:, 0] * 2.0 - 1.0
    weights = fit(points(rows), scores).weights
    assert weights[0] > 5 * weights[1:].max()


def test_it_learns_how_noisy_scores_are() -> None:
    rows, noise = binary(80, 4), np.random.default_rng(5).normal(size=80)
    clean = rows[:, 0] * 2.0 - 1.0
    assert fit(points(rows), clean).noise < 0.02 < 0.2 < fit(points(rows), noise).noise


def test_it_is_sure_where_it_has_seen_and_unsure_elsewhere() -> None:
    rows = binary(20, 6)
    seen, scores = points(rows), np.random.default_rng(1).normal(size=20)
    covariance = Covariance(np.full(6, 0.5), np.zeros(0), 1.0, 1e-6)
    posterior = condition(covariance, seen, scores)
    _, first, counts = np.unique(rows, axis=0, return_index=True, return_counts=True)
    alone = first[counts == 1]
    mean, deviation = posterior.predict(points(rows[alone]))
    assert mean == pytest.approx(scores[alone], abs=1e-3)
    assert (deviation < 0.01).all()
    far = points(np.full((1, 6), 9.0))
    assert posterior.predict(far)[1][0] == pytest.approx(1.0, abs=1e-6)


def test_features_carry_a_straight_line_beyond_what_was_seen() -> None:
    line = np.linspace(-1, 1, 20)[:, None]
    seen = points(np.zeros((20, 1)), line)
    posterior = condition(fit(seen, line[:, 0] * 1.5), seen, line[:, 0] * 1.5)
    mean, _ = posterior.predict(points(np.zeros((1, 1)), np.array([[2.0]])))
    assert mean[0] == pytest.approx(3.0, abs=0.2)


def test_equal_scores_and_equal_points_can_be_fitted() -> None:
    seen = points(np.zeros((5, 2)))
    covariance = fit(seen, np.zeros(5))
    mean, deviation = condition(covariance, seen, np.zeros(5)).predict(seen)
    assert np.isfinite(mean).all()
    assert np.isfinite(deviation).all()
