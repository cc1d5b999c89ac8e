"""The surrogate: trials in, predictions for any points out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nas_nb.record.trial import Trial, TrialStatus
from nas_nb.strategy.surrogate.process import (
    Covariance,
    Points,
    Posterior,
    extended,
    factorised,
    fit,
)
from nas_nb.strategy.surrogate.shaping import shape_scores
from nas_nb.strategy.window import continues, informative

if TYPE_CHECKING:
    from nas_nb.record.values import Values
    from nas_nb.strategy.surrogate.coder import Coder

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Vector = np.ndarray[tuple[int], np.dtype[np.float64]]

_FITTED_ON = 100
_MOMENTS = 20
_GROUNDS = 4
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


@dataclass(frozen=True, eq=False)
class Ground:
    """What was worked out at a moment, and serves until the next.

    Attributes:
        trials: All that had ended by then, in order.
        shown: Those of them that the process sees.
        covariance: The weights that were learned.
        factor: Cholesky factor of the covariance of what is shown, with noise.
    """

    trials: Sequence[Trial]
    sign: float
    shown: list[Trial]
    sight: Sight
    covariance: Covariance
    seen: Points
    factor: Matrix


class Learner:
    """Learns from trials, and works out anew only what the latest of them change.

    The process sees up to `window` trials, the best half and the latest half, as they were at a
    moment: when the number of trials was last a multiple of its tenth, or of 20. Its weights,
    which change slowly and cost more than all the rest, are those of that moment, too. The trials
    since then are shown besides. So what it learns follows from the trials alone, and its memory
    changes no result.

    Args:
        coder: Of the space.
        window: The most trials to show at a moment, 2 or more.
    """

    def __init__(self, coder: Coder, window: int) -> None:
        self.coder = coder
        self.window = window
        self._grounds: list[Ground] = []

    def learn(self, trials: Sequence[Trial], best: Sequence[Trial], sign: float) -> Model:
        """Returns the model of the trials.

        Args:
            trials: Completed and failed, in the order in which they ended.
            best: Completed trials of this space, at least one: shown where none of the others is.
            sign: 1 where larger scores are better, -1 where smaller are.
        """
        moment = len(trials) - len(trials) % min(max(len(trials) // 10, 1), _MOMENTS)
        ground = self._ground(trials, moment, best, sign)
        new = [trial for trial in trials[moment:] if self.coder.knows(trial.values)]
        shown = [*ground.shown, *new]
        if not any(trial.status is TrialStatus.COMPLETED for trial in shown):
            shown += best
        scores, highest = _scores(shown, sign)
        since = shown[len(ground.shown) :]
        sight, seen, factor = ground.sight, ground.seen, ground.factor
        if since:
            points = sight.points([trial.values for trial in since])
            factor = extended(ground.covariance, seen, factor, points)
            seen = seen.joined(points)
        return Model(sight, Posterior.of(ground.covariance, seen, factor, scores), highest)

    def _ground(
        self, trials: Sequence[Trial], moment: int, best: Sequence[Trial], sign: float
    ) -> Ground:
        """What is worked out for all proposals of a moment: remembered, or made now."""
        for known in self._grounds:
            alike = known.sign == sign and len(known.trials) == moment
            if alike and continues(trials, known.trials):
                return known
        made = self._new_ground(trials[:moment], best, sign)
        self._grounds = [made, *self._grounds[: _GROUNDS - 1]]
        return made

    def _new_ground(self, trials: Sequence[Trial], best: Sequence[Trial], sign: float) -> Ground:
        most = informative(trials, sign, self.window)  # looks at all trials; the few are of these
        few = self._shown(informative(most, sign, min(self.window, _FITTED_ON)), best)
        covariance = fit(self._sight(few).points([t.values for t in few]), _scores(few, sign)[0])
        shown = self._shown(most, best)
        sight = self._sight(shown)
        seen = sight.points([trial.values for trial in shown])
        return Ground(trials, sign, shown, sight, covariance, seen, factorised(covariance, seen))

    def _shown(self, trials: Sequence[Trial], best: Sequence[Trial]) -> list[Trial]:
        """Those of this space; and the best, where none of them completed."""
        mine = [trial for trial in trials if self.coder.knows(trial.values)]
        completed = any(trial.status is TrialStatus.COMPLETED for trial in mine)
        return mine if completed else [*mine, *best]

    def _sight(self, trials: Sequence[Trial]) -> Sight:
        _, facts = self.coder.code([trial.values for trial in trials])
        spread = facts.std(0)
        return Sight(self.coder, facts.mean(0), np.where(spread > _SAME, spread, 1.0))


def _scores(trials: Sequence[Trial], sign: float) -> tuple[Vector, float]:
    """The shaped scores, those of failures included, and the highest of them."""
    done = np.array([trial.status is TrialStatus.COMPLETED for trial in trials])
    raw = np.array([sign * (trial.score or 0.0) for trial in trials])
    shaped = shape_scores(raw[done], int((~done).sum()))
    scores = np.empty(len(trials))
    scores[done], scores[~done] = shaped[: done.sum()], shaped[done.sum() :]
    return scores, float(shaped.max())
