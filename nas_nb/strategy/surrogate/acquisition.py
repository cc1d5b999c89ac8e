"""What a candidate promises."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

Vector = np.ndarray[tuple[int], np.dtype[np.float64]]


def expected_improvement(mean: Vector, deviation: Vector, best: float) -> Vector:
    """Returns E[max(f - best, 0)] for scores f ~ N(mean, deviation^2).

    Jones, Schonlau & Welch, Efficient Global Optimization of Expensive Black-Box Functions,
    Journal of Global Optimization 13, 1998 (there for a minimum).

    Args:
        mean: Predicted scores, larger is better.
        deviation: Their standard deviations, above 0.
        best: The score to improve on.
    """
    z = (mean - best) / deviation
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    result: Vector = deviation * (z * ndtr(z) + density)  # eq. (15)
    return result
