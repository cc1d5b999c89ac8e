"""Hill climbing: local search and greedy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from nas_nb.record.trial import values_key
from nas_nb.space.parameter import LISTED_ALTERNATIVES
from nas_nb.strategy.base import Candidate, Strategy, best_of, option, sample_new

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Value, Values
    from nas_nb.space.domain import Domain

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

    name: ClassVar[str] = "local_search"

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns an untried neighbour of where the climb stands, or a random start."""
        summits = self._summits(history)
        around = [self.domain.neighbours(summit.values) for summit in summits]
        for number, summit in enumerate(summits):
            # A neighbour of a better one was found worse, or is what the climb moved on from.
            if any(summit.values in others for others in around[number + 1 :]):
                continue
            # Algorithm 1: while l(v_i) < l(v_{i-1}): evaluate l(u), random u in N(v_i).
            untried = [near for near in around[number] if not history.has_tried(near)]
            if untried:
                steps = self._long_steps(summit.values, untried)
                step = steps[int(rng.integers(len(steps)))]
                return Candidate(step, "mutated", (summit.number,))
        # All of N(v_i) is worse: v_i is a local minimum of the loss. Pick v_1 at random.
        return sample_new(self.domain, history, rng)

    def _long_steps(
        self, start: Values, untried: Sequence[dict[str, Value]]
    ) -> Sequence[dict[str, Value]]:
        """Along ranges of numbers the long steps come first; the paper has choices alone."""
        if not any(parameter.count > LISTED_ALTERNATIVES for parameter in self.domain.parameters):
            return untried
        far = [near for near in untried if self.domain.distance(start, near) > _SHORT]
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


_WINDOW = 1000


@dataclass(frozen=True)
class Greedy(Strategy):
    """Tries the neighbours of an architecture, moves to the best of them, and goes on from there.

    Use it to see what each single change is worth, or as the textbook's greedy step. Don't use it
    when trials are dear: it pays for a whole neighbourhood before each step, and `local_search`,
    which moves at the first improvement, is ahead of it at every budget that was measured.

    Algorithm: best-improvement (steepest-ascent) hill climbing with random restarts, e.g. Russell
    & Norvig, Artificial Intelligence, Section 4.1; as local search for architectures in White,
    Nolen & Savani, UAI 2021, Algorithm 1.
    """

    name: ClassVar[str] = "greedy"
    design: ClassVar[str] = "starts"

    patience: int | None = option(
        None,
        "How many neighbours in a row may be no better before it restarts; by default all of them.",
        low=1,
    )
    starts: int = option(
        10, "How many random architectures a climb draws; it begins at their best.", low=1
    )

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns an untried neighbour of where the climb stands, or a random start."""
        # Algorithm 1: while l(v_i) < l(v_{i-1}): evaluate l(u) for all u in N(v_i).
        climb = _Climb(self.domain, history, self.patience, self.initial_design(history))
        for trial in history.finished[-_WINDOW:]:
            climb.take(trial)
        untried = [near for near in climb.around.values() if not history.has_tried(near)]
        if climb.top is None or not untried:  # pick v_1 at random
            return sample_new(self.domain, history, rng)
        step = untried[int(rng.integers(len(untried)))]
        return Candidate(step, "mutated", (climb.top.number,))


@dataclass
class _Climb:
    """Where the climb stands, replayed from the trials."""

    domain: Domain
    history: History
    patience: int | None
    starts: int
    top: Trial | None = None
    # the top's neighbours to be tried; none: start again
    around: dict[str, dict[str, Value]] = field(default_factory=dict)
    best: Trial | None = None  # the best neighbour that beats the top
    misses: int = 0  # neighbours tried in vain since
    seen: dict[str, Trial] = field(default_factory=dict)  # completed, by key
    drawn: list[Trial] = field(default_factory=list)  # random ones, one of them the next top

    def take(self, trial: Trial) -> None:
        """Takes the next trial into account."""
        key = trial.key
        if trial.score is not None:
            self.seen[key] = trial
        if self.around.pop(key, None) is not None:
            if self.history.is_better(trial, self.best or self.top):
                self.best, self.misses = trial, 0
            else:
                self.misses += 1
            self._settle()
        elif (start := self._start(trial)) is not None:
            self._stand(start)
            self._settle()

    def _start(self, trial: Trial) -> Trial | None:
        """The best one drawn since the last climb, or someone's better one, to begin at."""
        if trial.score is None or not self.domain.contains(trial.values):
            return None
        if self.around:
            return trial if self.history.is_better(trial, self.top) else None
        self.drawn.append(trial)
        if len(self.drawn) < self.starts:
            return None
        best = best_of(self.drawn, 1, self.history.direction)[0]
        self.drawn = []
        return best

    def _stand(self, trial: Trial) -> None:
        """Looks around from a trial; known neighbours need not be tried."""
        self.top, self.best, self.misses = trial, None, 0
        near = {values_key(values): values for values in self.domain.neighbours(trial.values)}
        self.around = {key: values for key, values in near.items() if key not in self.seen}
        for known in (self.seen[key] for key in near if key in self.seen):
            if self.history.is_better(known, self.best or trial):
                self.best = known

    def _settle(self) -> None:
        """Moves while the neighbourhood is known, or patience is lost."""
        # neighbor <- a highest-valued successor of current; if it is no better, return current;
        # current <- neighbor.
        while not self.around or self.misses == self.patience:
            if self.best is None:
                self.around = {}
                return
            self._stand(self.best)  # v_{i+1} = argmin of l(u) for u in N(v_i)
