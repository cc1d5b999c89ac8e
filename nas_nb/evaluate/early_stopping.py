"""When a learning curve ends a trial: plateau, extrapolation."""

from __future__ import annotations

from collections.abc import Sequence
from math import erf, sqrt

import numpy as np
import numpy.typing as npt

from nas_nb.record.trial import sign_of


def is_plateau(
    curve: Sequence[float], patience: int, *, direction: str, min_delta: float = 0.0
) -> bool:
    """Tells whether `keras.callbacks.EarlyStopping` would end the training after this curve."""
    best: float | None = None
    waited = 0
    for value in curve:
        if best is None or _improves(value, best, direction, min_delta):
            best, waited = value, 0
        else:
            waited += 1
    return waited >= patience


def _improves(value: float, best: float, direction: str, min_delta: float) -> bool:
    sign = sign_of(direction)
    return sign * value - min_delta > sign * best


LEAST_CHANCE = 0.01
"""Below this chance of reaching the target a trial is ended. Domhan et al. take 0.05."""
LEAST_SHARE = 0.25
"""No trial is pruned before this share of its epochs."""
LEAST_EPOCHS = 4
"""Nor before so many epochs: three numbers of the curve are fitted, one is for the noise."""
_POWERS = np.array([0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.0, 3.0])
_PRIOR_EPOCHS = 3.0
_PRIOR_NOISE = 0.01


def cannot_reach(
    curve: Sequence[float], target: float, epochs: int, *, direction: str = "max"
) -> bool:
    """Tells whether a trial should be ended, since it will hardly be as good as `target`."""
    seen = len(curve)
    if seen < max(LEAST_EPOCHS, LEAST_SHARE * epochs) or seen >= epochs:
        return False
    return chance_to_reach(curve, target, epochs, direction=direction) < LEAST_CHANCE


def chance_to_reach(
    curve: Sequence[float], target: float, epochs: int, *, direction: str = "max"
) -> float:
    """Returns how likely a curve is to be as good as `target` in any of its epochs."""
    # Domhan, Springenberg & Hutter, Speeding up Automatic Hyperparameter Optimization of Deep
    # Neural Networks by Extrapolation of Learning Curves, IJCAI 2015, with their curve c - a
    # x^-alpha ("pow3"). Where they sample by Markov chains, c and a are integrated out in closed
    # form, for each alpha of a grid, weighted by its likelihood. Late epochs count more than early
    # ones; the noise has a prior: a hundredth of the curve's range, as if it had been seen in
    # three epochs.
    sign = sign_of(direction)
    values = sign * np.asarray(curve, float)
    wanted = sign * target
    if values.max() >= wanted:
        return 1.0
    spread = float(np.ptp(values)) or 1.0
    weights, means, deviations = _predictions(values / spread, epochs)
    tails = np.vectorize(_tail, otypes=[float])((wanted / spread - means) / deviations)
    # The noise of each epoch to come is a chance of its own: their sum is an upper bound.
    return float(min(1.0, weights @ tails.sum(axis=1)))


def _tail(gap: float) -> float:
    """The share of a standard normal distribution above `gap`."""
    return 0.5 * (1 - erf(gap / sqrt(2)))


def _predictions(
    values: npt.NDArray[np.float64], epochs: int
) -> tuple[npt.NDArray[np.float64], ...]:
    """Returns the weight of each alpha, and by alpha and epoch to come mean and deviation."""
    seen = np.arange(1, len(values) + 1)
    later = np.arange(len(values) + 1, epochs + 1)
    trust = seen / seen.sum() * len(values)
    likelihoods, means, deviations = [], [], []
    for power in _POWERS:
        rows, coming = _features(seen, power), _features(later, power)
        information = np.linalg.pinv((rows.T * trust) @ rows)
        fitted = information @ (rows.T * trust) @ values
        left = float(trust @ (values - rows @ fitted) ** 2)
        freedom = len(values) - 2 + _PRIOR_EPOCHS
        noise = (left + _PRIOR_EPOCHS * _PRIOR_NOISE**2) / freedom
        likelihoods.append(-0.5 * freedom * np.log(noise))
        means.append(coming @ fitted)
        deviations.append(np.sqrt(noise * (1.0 + ((coming @ information) * coming).sum(axis=1))))
    weights = np.exp(np.array(likelihoods) - max(likelihoods))
    return weights / weights.sum(), np.array(means), np.array(deviations)


def _features(epochs: npt.NDArray[np.int_], power: float) -> npt.NDArray[np.float64]:
    return np.stack([np.ones(len(epochs)), -(epochs.astype(float) ** -power)], axis=1)
