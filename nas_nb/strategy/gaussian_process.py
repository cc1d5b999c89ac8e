"""Gaussian processes: over encoded architectures, and KerasTuner's over numbers.

Equations and algorithms are those of Rasmussen & Williams, Gaussian Processes for Machine Learning,
2006.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import LinAlgError, cho_solve, cholesky, solve_triangular
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize, minimize_scalar
from scipy.spatial.distance import cdist

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Vector = np.ndarray[tuple[int], np.dtype[np.float64]]
Blocks = np.ndarray[tuple[int], np.dtype[np.intp]]

_STEPS = 25
_JITTER = 1e-8
_PRIORS = {"weight": (0.3, 1.0), "slope": (0.1, 1.0), "amplitude": (1.0, 1.0), "noise": (0.02, 1.0)}
"""Median, and standard deviation of the logarithm, of what the process learns."""


@dataclass(frozen=True)
class Covariance:
    """How alike the scores of two architectures are."""

    # k(x, x') = amplitude * exp(-sum_b weight_b * |x_b - x'_b|^2) + sum_f slope_f * x_f * x'_f,
    # with a weight for each block b of the encoding (one choice), and a slope for each feature f,
    # which acts on the score in a straight line (eq. 5.1 and 5.2; section 2.1.2).

    weights: Vector  # one a block, above 0: how much that choice matters
    slopes: Vector  # one a feature, above 0
    amplitude: float  # variance of what the features don't explain
    noise: float  # variance of a score measured twice

    def between(self, a: Points, b: Points) -> Matrix:
        """Returns the covariances of points `a` with points `b`, without noise."""
        scale = np.sqrt(self.weights)[a.blocks]
        left, right = a.rows * scale, b.rows * scale
        squares = (left**2).sum(1)[:, None] + (right**2).sum(1)[None] - 2 * left @ right.T
        alike = self.amplitude * np.exp(-np.maximum(squares, 0.0))  # eq. (5.1), M diagonal
        result: Matrix = alike + (a.features * self.slopes) @ b.features.T  # phi^T Sigma_p phi'
        return result

    def variances(self, points: Points) -> Vector:
        """Returns the covariance of each point with itself, without noise."""
        result: Vector = self.amplitude + (points.features**2) @ self.slopes
        return result


@dataclass(frozen=True, eq=False)
class Points:
    """Encoded architectures."""

    rows: Matrix  # (points, columns)
    blocks: Blocks  # of each column
    features: Matrix  # (points, features), standardised

    def joined(self, others: Points) -> Points:
        """Returns these points, and then the others."""
        rows, features = (
            np.concatenate(pair)
            for pair in ((self.rows, others.rows), (self.features, others.features))
        )
        return Points(rows, self.blocks, features)


@dataclass(frozen=True, eq=False)
class Posterior:
    """What the process knows after seeing scores (Algorithm 2.1)."""

    covariance: Covariance
    seen: Points
    factor: Matrix
    alpha: Vector

    @classmethod
    def of(cls, covariance: Covariance, seen: Points, factor: Matrix, scores: Vector) -> Posterior:
        """Returns the posterior, given the factor of what was seen."""
        alpha = cho_solve((factor, True), scores, check_finite=False)  # line 3: L^T \ (L \ y)
        return cls(covariance, seen, factor, alpha)

    def predict(self, points: Points) -> tuple[Vector, Vector]:
        """Returns the mean score, and its standard deviation without noise, of each point."""
        cross = self.covariance.between(self.seen, points)
        mean = cross.T @ self.alpha  # line 4, eq. (2.25)
        reduced = solve_triangular(self.factor, cross, lower=True, check_finite=False)  # line 5: v
        variance = self.covariance.variances(points) - (reduced**2).sum(0)  # line 6, eq. (2.26)
        return mean, np.sqrt(np.maximum(variance, 1e-12))


def condition(covariance: Covariance, seen: Points, scores: Vector) -> Posterior:
    """Returns the posterior after `scores`, which have mean 0 and variance 1 or so."""
    return Posterior.of(covariance, seen, factorised(covariance, seen), scores)


def factorised(covariance: Covariance, seen: Points) -> Matrix:
    """Returns the lower Cholesky factor of the covariance of scores measured at the points."""
    total = covariance.between(seen, seen)
    total[np.diag_indices_from(total)] += covariance.noise + _JITTER
    factor: Matrix = cholesky(total, lower=True, check_finite=False)  # Algorithm 2.1, line 2: L
    return factor


def extended(covariance: Covariance, seen: Points, factor: Matrix, more: Points) -> Matrix:
    """Returns the factor of `seen` and `more`, given that of `seen`: [[L, 0], [C^T, M]]."""
    # From K = L L^T it takes L C = K(seen, more) and M M^T = K(more, more) - C^T C.
    cross = solve_triangular(factor, covariance.between(seen, more), lower=True, check_finite=False)
    rest = covariance.between(more, more) - cross.T @ cross
    rest[np.diag_indices_from(rest)] += covariance.noise + _JITTER
    n, m = cross.shape
    whole = np.zeros((n + m, n + m))
    whole[:n, :n], whole[n:, :n] = factor, cross.T
    whole[n:, n:] = cholesky(rest, lower=True, check_finite=False)
    return whole


def fit(seen: Points, scores: Vector) -> Covariance:
    """Returns the covariance under which the scores are most likely, given log-normal priors."""
    blocks = int(seen.blocks.max()) + 1 if len(seen.blocks) else 0
    counts = {"weight": blocks, "slope": seen.features.shape[1], "amplitude": 1, "noise": 1}
    middle = np.concatenate([np.full(n, np.log(_PRIORS[k][0])) for k, n in counts.items()])
    spread = np.concatenate([np.full(n, _PRIORS[k][1]) for k, n in counts.items()])
    gaps = _gaps(seen, blocks)

    def loss(logs: Vector) -> tuple[float, Vector]:
        value, slope = _negative_log_likelihood(_unpack(logs, blocks), gaps, seen.features, scores)
        off = (logs - middle) / spread
        return value + 0.5 * float(off @ off), slope + off / spread

    bounds = [(low, high) for low, high in zip(middle - 6, middle + 6, strict=True)]
    found = minimize(
        loss, middle, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _STEPS}
    )
    return _unpack(found.x, blocks)


def _unpack(logs: Vector, blocks: int) -> Covariance:
    numbers = np.exp(logs)
    return Covariance(numbers[:blocks], numbers[blocks:-2], float(numbers[-2]), float(numbers[-1]))


def _gaps(seen: Points, blocks: int) -> Matrix:
    """The squared distance of each pair in each block, of shape (blocks, points * points)."""
    gaps = np.empty((blocks, len(seen.rows) ** 2))
    for block in range(blocks):
        part = seen.rows[:, seen.blocks == block]
        squares = (part**2).sum(1)
        gaps[block] = (squares[:, None] + squares[None] - 2 * part @ part.T).ravel()
    return np.maximum(gaps, 0.0, out=gaps)


def _negative_log_likelihood(
    covariance: Covariance, gaps: Matrix, features: Matrix, scores: Vector
) -> tuple[float, Vector]:
    """The negative log marginal likelihood, but for a constant, and its gradient in the logs."""
    n = len(scores)
    alike = covariance.amplitude * np.exp(-(covariance.weights @ gaps)).reshape(n, n)
    total = alike + (features * covariance.slopes) @ features.T
    total[np.diag_indices(n)] += covariance.noise + _JITTER
    factor = cholesky(total, lower=True, check_finite=False)
    alpha = cho_solve((factor, True), scores)
    # Algorithm 2.1, line 7, eq. (2.30): 1/2 y^T alpha + sum_i log L_ii
    value = 0.5 * float(scores @ alpha) + float(np.log(np.diag(factor)).sum())
    # Eq. (5.9): d value / d log t = 1/2 trace((K^-1 - alpha alpha^T) dK / d log t)
    pull = 0.5 * (_inverse(factor) - np.outer(alpha, alpha))
    pulled = pull * alike
    # For each f the sum of x_if P_ij x_jf over i, j; `einsum` would look for its path each time.
    both = np.matmul((pull.T @ features).T[:, None], features.T[:, :, None]).ravel()
    slope = np.concatenate(
        [
            -covariance.weights * (gaps @ pulled.ravel()),
            covariance.slopes * both,
            [pulled.sum(), covariance.noise * np.trace(pull)],
        ]
    )
    return value, slope


def _inverse(factor: Matrix) -> Matrix:
    """K^-1, given the lower factor of K: half of the work of solving for every unit vector."""
    lower, _ = dpotri(factor, lower=1)
    lower = np.tril(lower)
    result: Matrix = lower + np.tril(lower, -1).T
    return result


Floats = npt.NDArray[np.float64]

_LENGTHS = np.geomspace(1e-5, 1e5, 31)
_REFINED = 10
_LEAST = 1e-12


class KerasTunerProcess:
    """Fits scores by a Matern 5/2 kernel of one length scale, the likeliest, and a fixed noise."""

    # KerasTuner's oracle asks scikit-learn for it. There the length scale is climbed to from 21
    # random starts; here it is looked for on a line, 1e-5 to 1e5. There predictions come one by
    # one, and their differences make slopes; here they come together, with their slopes. The
    # equations are those of Rasmussen & Williams, 2006; the bound is eq. (6) of Srinivas et al.,
    # ICML 2010, for a minimum.

    def __init__(self, x: Floats, y: Floats, alpha: float) -> None:
        self.x, self.alpha = x, alpha
        self.mean = float(y.mean())
        # As in scikit-learn, what is equal but for rounding is not blown up.
        spread = float(y.std())
        self.scale = spread if spread > 10 * np.finfo(np.float64).eps else 1.0
        self._y = (y - self.mean) / self.scale
        self._gaps = cdist(x, x)
        self.length = self._likeliest()

    def predict(self, rows: Floats) -> tuple[Floats, Floats]:
        """Returns the mean and the deviation at each row, of shape (rows,)."""
        mean, variance, _, _ = self._predict(rows)
        return mean, np.sqrt(variance)

    def bound(self, row: Floats, beta: float) -> tuple[float, Floats]:
        """Returns mean - beta * deviation at one point, and its slope."""
        mean, variance, near, weights = self._predict(row[None])
        deviation = max(float(np.sqrt(variance[0])), _LEAST)
        # From eq. (4.17): d k / d x = -5/3 (1 + sqrt(5) r) exp(-sqrt(5) r) (x - x_i) / l^2
        far = np.sqrt(5.0) * near[0] / self.length
        pull = -5.0 / 3.0 * (1.0 + far) * np.exp(-far) / self.length**2
        slopes = pull[:, None] * (row - self.x)
        raised = self.scale * (self._solved @ slopes)
        # From eq. (2.26): the variance is s^2 (1 - k^T K^-1 k).
        widened = -(self.scale**2) * (weights[0] @ slopes) / deviation
        return float(mean[0]) - beta * deviation, raised - beta * widened  # Srinivas, eq. (6)

    def lowest(self, starts: Floats, bounds: Floats, beta: float) -> Floats:
        """Returns where the bound mean - beta * deviation is lowest."""
        mean, deviation = self.predict(starts)
        order = np.argsort(mean - beta * deviation, kind="stable")[:_REFINED]
        found = [
            minimize(self.bound, start, (beta,), jac=True, bounds=bounds, method="L-BFGS-B")
            for start in starts[order]
        ]
        best: Floats = min(found, key=lambda result: float(result.fun)).x
        return best

    def _predict(self, rows: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Mean, variance, distances to what was seen, and K^-1 k, for each row."""
        near = cdist(rows, self.x)
        k = _matern(near / self.length)
        weights = k @ self._inverse
        variance = self.scale**2 * np.maximum(1.0 - (weights * k).sum(1), 0.0)  # eq. (2.26)
        mean = self.mean + self.scale * (k @ self._solved)  # line 4, eq. (2.25)
        return mean, variance, near, weights

    @cached_property
    def _inverse(self) -> Floats:
        inverse: Floats = cho_solve((self._factor(self.length), True), np.eye(len(self.x)))
        return inverse

    @cached_property
    def _solved(self) -> Floats:
        # Line 3: alpha = L^T \ (L \ y).
        solved: Floats = cho_solve((self._factor(self.length), True), self._y)
        return solved

    def _factor(self, length: float) -> Floats:
        total = _matern(self._gaps / length)
        total[np.diag_indices_from(total)] += self.alpha
        factor: Floats = cholesky(total, lower=True, check_finite=False)  # line 2: L
        return factor

    def _surprise(self, log_length: float) -> float:
        """The negative log marginal likelihood (line 7, eq. 2.30), but for a constant."""
        try:
            factor = self._factor(float(np.exp(log_length)))
        except LinAlgError:
            return np.inf
        solved = cho_solve((factor, True), self._y, check_finite=False)
        return 0.5 * float(self._y @ solved) + float(np.log(np.diag(factor)).sum())

    def _likeliest(self) -> float:
        logs = np.log(_LENGTHS)
        tried = [self._surprise(each) for each in logs]
        at = int(np.argmin(tried))
        around = logs[max(at - 1, 0)], logs[min(at + 1, len(logs) - 1)]
        found: Any = minimize_scalar(
            self._surprise, bounds=around, method="bounded", options={"xatol": 1e-4}
        )
        return float(np.exp(found.x if found.fun <= tried[at] else logs[at]))


def _matern(r: Floats) -> Floats:
    far = np.sqrt(5.0) * r
    kernel: Floats = (1.0 + far + far * far / 3.0) * np.exp(-far)  # eq. (4.17), nu = 5/2
    return kernel
