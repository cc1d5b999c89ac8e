"""Local search with first improvement and restarts (White, Nolen & Savani 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from nas_nb.space.distance import distance
from nas_nb.space.parameter import LISTED_ALTERNATIVES
from nas_nb.strategy.strategy import Strategy, sample_new

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial
    from nas_nb.record.values import Value, Values

_SUMMITS = 16
_SHORT = 0.05


@dataclass(frozen=True)
class LocalSearch(Strategy):
    """Climbs from a random architecture by single changes, and starts again at the top.

    Use it as the strongest simple strategy, where one change is a small step: cells, chains,
    choices. Don't use it where an architecture has hundreds of neighbours (one climb is then the
    whole budget), or where the noise of the scores is as large as what one change does: a lucky
    score looks like a top.

    It moves at the first neighbour that is better ("query until lower"), which costs less than
    trying them all. Where the climb stands is read off the history: at the latest trial that is
    better than all after it, and that is no neighbour of a better one before it. So a hand-made
    trial that is the best so far is climbed from, too.

    Paper: White, Nolen & Savani, Exploring the Loss Landscape in Neural Architecture Search, UAI
    2021, Algorithm 1 and Section 3.
    """

    name: ClassVar[str] = "local"

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns an untried neighbour of where the climb stands, or a random start."""
        summits = self._summits(history)
        around = [self.domain.neighbours(summit.values) for summit in summits]
        for number, summit in enumerate(summits):
            # A neighbour of a better one was found worse, or is what the climb moved on from.
            if any(summit.values in others for others in around[number + 1 :]):
                continue
            # Algorithm 1: while l(v_i) < l(v_{i-1}): evaluate l(u) for u in N(v_i), by chance.
            untried = [near for near in around[number] if not history.has_tried(near)]
            if untried:
                steps = self._long_steps(summit.values, untried)
                return steps[int(rng.integers(len(steps)))]
        # All of N(v_i) is worse: v_i is a local minimum of the loss. Pick v_1 at random.
        return sample_new(self.domain, history, rng)

    def _long_steps(
        self, start: Values, untried: Sequence[dict[str, Value]]
    ) -> Sequence[dict[str, Value]]:
        """Along ranges of numbers the long steps come first; the paper has choices alone."""
        if not any(parameter.count > LISTED_ALTERNATIVES for parameter in self.domain.parameters):
            return untried
        far = [near for near in untried if distance(self.domain, start, near) > _SHORT]
        return far or untried

    def _summits(self, history: History) -> list[Trial]:
        """The trials that none after them beats, the latest first: each is better than the last."""
        summits: list[Trial] = []
        for trial in reversed(history.completed):
            if summits and history.is_better(summits[-1], trial):
                continue
            if self.domain.contains(trial.values):
                summits.append(trial)
            if len(summits) == _SUMMITS:
                break
        return summits
