from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern

from nas_nb.strategy.gaussian_process import Floats, KerasTunerProcess


def points(count: int = 30) -> tuple[Floats, Floats]:
    x = np.random.default_rng(0).uniform(size=(count, 3))
    return x, np.sin(5 * x[:, 0]) + x[:, 1] ** 2


def theirs(x: Floats, y: Floats) -> GaussianProcessRegressor:
    """The process that KerasTuner makes, as it is."""
    process = GaussianProcessRegressor(
        kernel=Matern(nu=2.5),
        n_restarts_optimizer=20,
        normalize_y=True,
        alpha=1e-4,
        random_state=7,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return process.fit(x, y)


@pytest.mark.parametrize("scores", ["smooth", "noisy"])
def test_it_predicts_what_scikit_learn_predicts(scores: str) -> None:
    x, y = points()
    if scores == "noisy":
        y = y + np.random.default_rng(2).normal(size=len(y))
    rows = np.random.default_rng(1).uniform(size=(20, 3))
    for mine, right in zip(
        KerasTunerProcess(x, y, 1e-4).predict(rows),
        theirs(x, y).predict(rows, return_std=True),
        strict=True,
    ):
        np.testing.assert_allclose(mine, right, rtol=1e-3, atol=1e-3)


def test_where_all_scores_are_the_same_it_predicts_that() -> None:
    x, _ = points()
    mean, deviation = KerasTunerProcess(x, np.full(len(x), 0.3), 1e-4).predict(x)
    np.testing.assert_allclose(mean, 0.3)
    assert np.isfinite(deviation).all()


def test_the_slope_of_the_bound_is_that_of_its_differences() -> None:
    process = KerasTunerProcess(*points(), 1e-4)
    for row in np.random.default_rng(1).uniform(size=(5, 3)):
        off = check_grad(
            lambda at: process.bound(at, 2.6)[0], lambda at: process.bound(at, 2.6)[1], row
        )
        assert off < 1e-4


def test_it_finds_the_lowest_bound_of_a_fine_grid() -> None:
    x = np.random.default_rng(0).uniform(size=(20, 1))
    process = KerasTunerProcess(x, np.sin(9 * x[:, 0]), 1e-4)
    grid = np.linspace(0, 1, 2001)[:, None]
    mean, deviation = process.predict(grid)
    found = process.lowest(grid[::50], np.array([[0.0, 1.0]]), 2.6)
    assert found[0] == pytest.approx(grid[int(np.argmin(mean - 2.6 * deviation)), 0], abs=1e-3)


def test_a_known_point_has_hardly_any_deviation_and_never_a_negative_one() -> None:
    x, y = points(12)
    _, deviation = KerasTunerProcess(x, y, 1e-12).predict(x[:1])
    assert 0 <= deviation[0] < 1e-3
