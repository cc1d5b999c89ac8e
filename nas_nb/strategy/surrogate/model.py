"""The surrogate: trials in, predictions for any points out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.record.trial import Trial, TrialStatus
from nas_nb.strategy.surrogate.process import Covariance, Points, Posterior, condition, fit
from nas_nb.strategy.surrogate.shaping import shape_scores
from nas_nb.strategy.window import informative

if TYPE_CHECKING:
    from nas_nb.record.values import Values
    from nas_nb.strategy.surrogate.coder import Coder

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Vector = np.ndarray[tuple[int], np.dtype[np.float64]]

_FITTED_ON = 100
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Sight:
    """How points are shown to the process: encoded, with features scaled as in what was seen."""

    coder: Coder
    centre: Vector
    spread: Vector

    def points(self, points: Sequence[Values]) -> Points:
        """Returns the encoded points."""
        rows, features = self.coder.code(points)
        scaled = (features - self.centre) / self.spread
        return Points(rows, self.coder.encoding.blocks, scaled)


@dataclass(frozen=True, eq=False)
class Model:
    """Predicts scores, standardised and larger being better.

    Attributes:
        best: The best score that was seen, on the scale of the predictions.
    """

    sight: Sight
    posterior: Posterior
    best: float

    def predict(self, points: Sequence[Values]) -> tuple[Vector, Vector]:
        """Returns the mean and the standard deviation of the scores of the points."""
        return self.posterior.predict(self.sight.points(points))


def learn(
    coder: Coder, trials: Sequence[Trial], best: Sequence[Trial], sign: float, window: int
) -> Model:
    """Returns the model of up to `window` trials: the best half, and the latest half.

    The weights of the process are those of an earlier moment, when the number of trials was last
    a multiple of its tenth: they change slowly, and cost more than all the rest.

    Args:
        coder: Of the space.
        trials: Completed and failed, in the order in which they ended.
        best: Completed trials of this space, at least one: shown where none of the others is.
        sign: 1 where larger scores are better, -1 where smaller are.
        window: The most trials to show.
    """
    moment = len(trials) - len(trials) % max(len(trials) // 10, 1)
    earlier = informative(trials[:moment], sign, min(window, _FITTED_ON))
    _, seen, scores = _shown(coder, earlier, best, sign)
    covariance = _remembered_fit(
        *(_frozen(part) for part in (seen.rows, seen.blocks, seen.features, scores))
    )
    sight, seen, scores = _shown(coder, informative(trials, sign, window), best, sign)
    return Model(sight, condition(covariance, seen, scores), float(scores.max()))


def _shown(
    coder: Coder, trials: Sequence[Trial], best: Sequence[Trial], sign: float
) -> tuple[Sight, Points, Vector]:
    """The trials of this space, encoded, and their scores."""
    chosen = [trial for trial in trials if coder.knows(trial.values)]
    done = [trial for trial in chosen if trial.status is TrialStatus.COMPLETED] or list(best)
    failed = [trial for trial in chosen if trial.status is not TrialStatus.COMPLETED]
    values = [trial.values for trial in (*done, *failed)]
    _, facts = coder.code(values)
    spread = facts.std(0)
    sight = Sight(coder, facts.mean(0), np.where(spread > _SAME, spread, 1.0))
    scores = np.array([sign * (trial.score or 0.0) for trial in done])
    return sight, sight.points(values), shape_scores(scores, len(failed))


def _frozen(array: np.ndarray) -> tuple[bytes, tuple[int, ...], str]:
    return array.tobytes(), array.shape, array.dtype.str


@lru_cache(maxsize=16)
def _remembered_fit(*frozen: tuple[bytes, tuple[int, ...], str]) -> Covariance:
    """Fits once, since the same weights serve several proposals."""
    parts: list[Any] = [np.frombuffer(data, dtype).reshape(shape) for data, shape, dtype in frozen]
    rows, blocks, features, scores = parts
    return fit(Points(rows, blocks, features), scores)
