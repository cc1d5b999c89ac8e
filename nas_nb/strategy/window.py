"""The trials that inform most, where not all can be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest
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
    best = nsmallest(window - len(latest), scored, key=lambda trial: -sign * (trial.score or 0.0))
    return [*best, *latest]


def continues(trials: Sequence[Trial], earlier: Sequence[Trial]) -> bool:
    """Says whether `trials` are the `earlier` ones and perhaps some more, without looking at all.

    The first and the last of the earlier ones tell: a history grows at its end, and where a trial
    is taken out, to be trained on, those after it move up.

    Args:
        trials: Of a history, in the order in which they ended.
        earlier: What a history returned before.
    """
    count = len(earlier)
    if not count or len(trials) < count:
        return not count
    return trials[0] is earlier[0] and trials[count - 1] is earlier[-1]
