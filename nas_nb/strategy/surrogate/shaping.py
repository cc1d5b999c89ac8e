"""Scores as the surrogate sees them."""

from __future__ import annotations

import numpy as np

Vector = np.ndarray[tuple[int], np.dtype[np.float64]]


def shape_scores(scores: Vector, failed: int = 0) -> Vector:
    """Returns scores with the bad half compressed, the failures appended, standardised.

    The surrogate has to tell good architectures apart; how bad the bad ones are would only bend
    it. So below the median a gap g becomes s * log(1 + g / s), where s is the median gap of the
    upper half. What failed counts as worse than the worst that was measured, by s.

    Args:
        scores: Finite, larger is better, at least one.
        failed: How many failures to append.

    Returns:
        Mean 0 and variance 1, unless all are equal: then zeros.
    """
    scores = scores / (float(np.abs(scores).max()) or 1.0)  # so that no gap overflows
    gaps = np.median(scores) - scores
    scale = float(np.median(-gaps[gaps <= 0])) or float(np.abs(gaps).max()) or 1.0
    shaped = np.where(gaps > 0, -scale * np.log1p(np.maximum(gaps, 0.0) / scale), -gaps)
    shaped = np.concatenate([shaped, np.full(failed, shaped.min() - scale)])
    result: Vector = (shaped - shaped.mean()) / (float(shaped.std()) or 1.0)
    return result
