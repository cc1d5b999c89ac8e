"""The best few trials, found without looking at all of them again."""

from __future__ import annotations

from bisect import insort_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nas_nb.strategy.window import continues

if TYPE_CHECKING:
    from nas_nb.record.trial import Trial
    from nas_nb.space.domain import Domain


@dataclass
class _Seen:
    """What was made of some trials: the best of them, the best first."""

    sign: float
    trials: tuple[Trial, ...] = ()
    best: list[Trial] = field(default_factory=list)


class Leaders:
    """Remembers the best trials of a space, so that each time only the new ones are looked at.

    It may be asked of a history and of its rungs in turn: trials are told by the first of them.
    The memory changes no result: where the trials aren't those of the last time and some more, it
    begins again.

    Args:
        domain: The space; trials of another one are overlooked.
        count: How many of the best to keep.
    """

    def __init__(self, domain: Domain, count: int) -> None:
        self.domain = domain
        self.count = count
        self._seen: dict[int, _Seen] = {}

    def of(self, trials: tuple[Trial, ...], direction: str) -> list[Trial]:
        """Returns the best, the best first, and of equals the earlier ones.

        Args:
            trials: Completed ones.
            direction: Which scores are better, "max" or "min".
        """
        if not trials:
            return []
        sign = -1.0 if direction == "max" else 1.0
        seen = self._seen.get(trials[0].number)
        if seen is None or sign != seen.sign or not continues(trials, seen.trials):
            seen = self._seen[trials[0].number] = _Seen(sign)
        for trial in trials[len(seen.trials) :]:
            self._place(trial, seen)
        seen.trials = trials
        return list(seen.best)

    def _place(self, trial: Trial, seen: _Seen) -> None:
        def rank(known: Trial) -> float:
            return seen.sign * (known.score or 0.0)

        if len(seen.best) == self.count and rank(trial) >= rank(seen.best[-1]):
            return
        if self.domain.contains(trial.values):
            insort_right(seen.best, trial, key=rank)
            del seen.best[self.count :]
