from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern

from nas_nb.strategy.gaussian import Floats, Process, keras_tuner_process


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


@pytest.mark.parametrize("scores", ["smooth", "constant"])
def test_it_predicts_what_scikit_learn_predicts(scores: str) -> None:
    x, y = points()
    y = y if scores == "smooth" else np.full_like(y, 0.3)
    ours, expected = keras_tuner_process(1e-4, 7).fit(x, y), theirs(x, y)
    for row in np.random.default_rng(1).uniform(size=(20, 1, 3)):
        for mine, right in zip(
            ours.predict(row, return_std=True), expected.predict(row, return_std=True), strict=True
        ):
            np.testing.assert_allclose(mine, right, rtol=1e-6, atol=1e-8)


def test_many_points_and_bare_means_go_the_usual_way() -> None:
    x, y = points()
    process = keras_tuner_process(1e-4, 7).fit(x, y)
    singly = [process.predict(row[None], return_std=True)[0][0] for row in x[:5]]
    np.testing.assert_allclose(process.predict(x[:5]), singly)


def test_a_known_point_has_hardly_any_deviation_and_never_a_negative_one() -> None:
    x, y = points(12)
    _, deviation = Process(kernel=Matern(nu=2.5), alpha=1e-12).fit(x, y).predict(x[:1], True)
    assert 0 <= deviation[0] < 1e-3


def test_a_fit_at_its_bounds_says_nothing() -> None:
    x, _ = points()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        keras_tuner_process(1e-4, 0).fit(x, np.full(len(x), 1.0))
