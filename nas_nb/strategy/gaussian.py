"""KerasTuner's Gaussian process: the same numbers, sooner, and without scikit-learn's warnings."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.optimize
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern

Floats = npt.NDArray[np.float64]


def keras_tuner_process(alpha: float, seed: int) -> Process:
    """Returns the process that KerasTuner's Bayesian oracle makes for itself.

    Args:
        alpha: Noise variance of the standardised scores, above 0.
        seed: Of the restarts of its fit.
    """
    return Process(
        kernel=SilentMatern(nu=2.5),
        optimizer=minimise,
        n_restarts_optimizer=20,
        normalize_y=True,
        alpha=alpha,
        random_state=seed,
    )


class SilentMatern(Matern):  # type: ignore[misc]
    """A Matern kernel that doesn't warn when its length scale lies near a bound.

    That is the right answer where the scores don't depend on the parameters. Filtering the warning
    would change the filters of the user's thread too: Python keeps one list for all threads.
    """

    def _check_bounds_params(self) -> None:
        """Says nothing."""


class Process(GaussianProcessRegressor):  # type: ignore[misc]
    """A fitted process whose prediction for one point skips scikit-learn's checks.

    KerasTuner asks for thousands of single points for each proposal, and the checks of their
    arrays would take most of its time.
    """

    def fit(self, X: Floats, y: Floats) -> Process:  # noqa: N803 - scikit-learn's name
        """Fits the process.

        Args:
            X: Points, (trials, parameters), in [0, 1].
            y: Scores to minimise, (trials,).
        """
        super().fit(X, y)
        identity = np.eye(len(X))
        self._inverse: Floats = scipy.linalg.solve_triangular(self.L_, identity, lower=True)
        return self

    def predict(self, X: Floats, return_std: bool = False, return_cov: bool = False) -> Any:  # noqa: N803
        """Returns the mean, and the deviation if asked for, as scikit-learn does.

        Rasmussen & Williams, Gaussian Processes for Machine Learning, 2006: the kernel is equation
        (4.17) for nu = 5/2, the prediction is Algorithm 2.1.
        """
        if len(X) != 1 or not return_std:
            return super().predict(X, return_std=return_std, return_cov=return_cov)
        away = (self.X_train_ - X) / self.kernel_.length_scale
        r = np.sqrt(5.0 * np.einsum("ij,ij->i", away, away))
        k = (1.0 + r + r * r / 3.0) * np.exp(-r)
        v = self._inverse @ k
        variance = max(1.0 - float(v @ v), 0.0)
        mean = self._y_train_mean + self._y_train_std * (k @ self.alpha_)
        return np.array([mean]), np.array([self._y_train_std * np.sqrt(variance)])


def minimise(objective: Any, theta: Floats, bounds: Floats) -> tuple[Floats, float]:
    """Scikit-learn's default optimizer, which doesn't warn when it stops early."""
    found = scipy.optimize.minimize(objective, theta, method="L-BFGS-B", jac=True, bounds=bounds)
    return found.x, found.fun
