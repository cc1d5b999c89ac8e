"""A model of the scores: predictions with their deviation, and how far it can be trusted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nas_nb.space.encoding import feature_rows
from nas_nb.strategy.gaussian_process import Points, Posterior, condition, fit
from nas_nb.strategy.surrogate import PointEncoder

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Values
    from nas_nb.space.domain import Domain

Vector = np.ndarray[tuple[int], np.dtype[np.float64]]

LATEST = 250
"""No more trials than these are looked at."""
ENOUGH = 25
"""With fewer trials nothing is said about choices."""
_FENCE = 3.0
_FOLDS = 5
_FITTED_ON = 100


def comparable_trials(history: History, domain: Domain) -> list[Trial]:
    """Returns the latest completed trials of one fidelity: the full one, or the most frequent."""
    groups: dict[str, list[Trial]] = {}
    for trial in history.completed:
        known = trial.score is not None and math.isfinite(trial.score)
        if known and domain.contains(trial.values):
            groups.setdefault(repr(sorted(trial.fidelity.items())), []).append(trial)
    full = groups.get("[]", [])
    most = full if len(full) >= ENOUGH else max(groups.values(), key=len, default=full)
    return most[-LATEST:]


def fenced_scores(trials: Sequence[Trial], direction: str) -> Vector:
    """Returns the scores; bad ones beyond the outer fence (Tukey 1977, 3 IQR) stand on it."""
    scores = np.array([trial.score for trial in trials], dtype=float)
    if not len(scores):
        return scores
    low, high = np.quantile(scores, [0.25, 0.75])
    reach = _FENCE * (high - low)
    if reach == 0:
        return scores
    fenced: Vector = (
        np.maximum(scores, low - reach) if direction == "max" else np.minimum(scores, high + reach)
    )
    return fenced


class ScoreModel:
    """A Gaussian process fitted to scores (Rasmussen & Williams 2006), as in `predictor`.

    Args:
        domain: The space.
        trials: Completed trials of one fidelity, one at least.
        scores: Their scores.
    """

    def __init__(self, domain: Domain, trials: Sequence[Trial], scores: Vector) -> None:
        self._encoder, self._domain = PointEncoder(domain), domain
        self._centre, self._scale = float(scores.mean()), float(scores.std()) or 1.0
        values = [domain.canonical(trial.values) for trial in trials]
        facts = feature_rows(domain, values)
        self._facts = facts.mean(0), np.where(facts.std(0) > 0, facts.std(0), 1.0)
        self._seen, self._scores = self._points(values), (scores - self._centre) / self._scale
        self._posterior = _fitted(self._seen, self._scores)

    def predict(self, points: Sequence[Values]) -> tuple[Vector, Vector]:
        """Returns the predicted score of each point, and its standard deviation."""
        mean, deviation = self._posterior.predict(self._points(points))
        noise = self._posterior.covariance.noise
        return (
            self._centre + self._scale * mean,
            self._scale * np.sqrt(deviation**2 + noise),
        )

    def explained(self) -> float:
        """Returns the cross-validated R²: the share of variance it predicts on unseen trials."""
        scores, count = self._scores, len(self._scores)
        if count < _FOLDS or scores.std() == 0:
            return 0.0
        folds = np.random.default_rng(0).permutation(count) % _FOLDS
        missed = against = 0.0
        for fold in range(_FOLDS):
            seen, held = folds != fold, folds == fold
            posterior = _fitted(_part(self._seen, seen), scores[seen])
            guesses, _ = posterior.predict(_part(self._seen, held))
            missed += float(((guesses - scores[held]) ** 2).sum())
            against += float(((scores[seen].mean() - scores[held]) ** 2).sum())
        return 1 - missed / against

    def _points(self, values: Sequence[Values]) -> Points:
        rows, facts = self._encoder.code(values)
        centre, spread = self._facts
        return Points(rows, self._encoder.encoding.blocks, (facts - centre) / spread)


def _fitted(seen: Points, scores: Vector) -> Posterior:
    few = slice(-_FITTED_ON, None)
    return condition(fit(_part(seen, few), scores[few]), seen, scores)


def _part(points: Points, rows: slice | np.ndarray) -> Points:
    return Points(points.rows[rows], points.blocks, points.features[rows])
