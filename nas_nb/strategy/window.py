"""The trials that inform most, where not all can be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas_nb.record.trial import Trial


def informative(trials: Sequence[Trial], sign: float, window: int) -> list[Trial]:
    """Returns up to `window` trials: the best of the older ones, and the latest half of it.

    Args:
        trials: In the order in which they ended.
        sign: 1 where larger scores are better, -1 where smaller are.
        window: How many to return at most, 2 or more.
    """
    if len(trials) <= window:
        return list(trials)
    older, latest = trials[: -(window // 2)], trials[-(window // 2) :]
    scored = [trial for trial in older if trial.score is not None]
    best = sorted(scored, key=lambda trial: -sign * (trial.score or 0.0))[: window - len(latest)]
    return [*best, *latest]
