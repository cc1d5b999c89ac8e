"""Which scores can be drawn on one scale, and which are so bad that they would flatten the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from nas_nb.record.history import History

# Scores this many times further from the median than the best one is leave the scale.
_OFF_SCALE = 30
_ENOUGH = 5


class Scale(NamedTuple):
    """The scale of a history's scores.

    Attributes:
        limit: The score from which on a trial is off the scale; None where none is.
        edge: Where the bad ones are: 0 at the lower edge, 1 at the upper.
    """

    limit: float | None
    edge: int

    def beyond(self, score: float) -> bool:
        """Tells whether a score is off the scale."""
        if self.limit is None:
            return False
        return score < self.limit if self.edge == 0 else score > self.limit


def scored(history: History) -> list[tuple[int, float]]:
    """Returns (trial, score) of the completed trials with a finite score, in time order."""
    return [
        (trial.number, trial.score)
        for trial in history.completed
        if trial.score is not None and math.isfinite(trial.score)
    ]


def scale_of(scores: Sequence[float], direction: str) -> Scale:
    """Returns the scale on which the better part of the scores can be told apart.

    Shares, such as accuracies, are always on the scale: their readers know it.

    Args:
        scores: Finite scores.
        direction: Which are better: "max" or "min".
    """
    edge = 0 if direction == "max" else 1
    if len(scores) < _ENOUGH or all(0 <= score <= 1 for score in scores):
        return Scale(None, edge)
    middle = median(scores)
    best = max(scores) if direction == "max" else min(scores)
    return Scale(middle - _OFF_SCALE * (best - middle) if best != middle else None, edge)


def goodness(scores: Sequence[float], direction: str) -> tuple[float, ...]:
    """Returns where each score stands between the worst, 0, and the best, 1, for its colour.

    The worst is the lower quartile, less what lies between it and the best: a few bad scores
    don't take all colours.
    """
    if not scores:
        return ()
    sign = 1 if direction == "max" else -1
    signed = [sign * score for score in scores]
    best, quartile = max(signed), sorted(signed)[len(signed) // 4]
    worst = max(min(signed), quartile - (best - quartile))
    if best == worst:
        return (1.0,) * len(signed)
    return tuple(min(1.0, max(0.0, (one - worst) / (best - worst))) for one in signed)
