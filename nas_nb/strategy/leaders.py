"""The best few trials, found without looking at all of them again."""

from __future__ import annotations

from bisect import insort_right
from typing import TYPE_CHECKING

from nas_nb.strategy.window import continues

if TYPE_CHECKING:
    from nas_nb.record.trial import Trial
    from nas_nb.space.domain import Domain


class Leaders:
    """Remembers the best trials of a space, so that each time only the new ones are looked at.

    The memory changes no result: where the trials aren't those of the last time and some more, it
    begins again.

    Args:
        domain: The space; trials of another one are overlooked.
        count: How many of the best to keep.
    """

    def __init__(self, domain: Domain, count: int) -> None:
        self.domain = domain
        self.count = count
        self._seen: tuple[Trial, ...] = ()
        self._sign = 0.0
        self._best: list[Trial] = []

    def of(self, trials: tuple[Trial, ...], direction: str) -> list[Trial]:
        """Returns the best, the best first, and of equals the earlier ones.

        Args:
            trials: Completed ones.
            direction: Which scores are better, "max" or "min".
        """
        sign = -1.0 if direction == "max" else 1.0
        if sign != self._sign or not continues(trials, self._seen):
            self._seen, self._sign, self._best = (), sign, []

        def rank(trial: Trial) -> float:
            return sign * (trial.score or 0.0)

        for trial in trials[len(self._seen) :]:
            full = len(self._best) == self.count
            if full and rank(trial) >= rank(self._best[-1]):
                continue
            if self.domain.contains(trial.values):
                insort_right(self._best, trial, key=rank)
                del self._best[self.count :]
        self._seen = trials
        return list(self._best)
