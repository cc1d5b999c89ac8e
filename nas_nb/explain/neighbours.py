"""What one change of the winner would do: measured where it was tried, else predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nas_nb.explain.confidence import Repeats, winner_of
from nas_nb.explain.importance import ENOUGH, ScoreModel, comparable_trials, fenced_scores
from nas_nb.record.trial import changed_values
from nas_nb.strategy.base import single_blas_thread

if TYPE_CHECKING:
    from nas_nb.explain.confidence import OnTraining
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Value, Values
    from nas_nb.search.search import Search
    from nas_nb.space.domain import Domain

MOST = 500
"""Of more neighbours than this, the first ones."""


@dataclass(frozen=True)
class Neighbour:
    """An architecture that differs from the winner in one choice."""

    values: Values  # all its choices
    choice: str  # the name of the one that was changed
    before: Value | None  # the winner's value of it
    now: Value | None  # its own
    score: float | None = None  # what was measured or is predicted; None where neither is possible
    gain: float | None = None  # by how much that is better than the winner; None likewise
    deviation: float | None = None  # of the prediction; None where it was measured
    trial: int | None = None  # the trial that measured it; None where none did
    ablated: bool = False  # whether `ablate` has measured it, with the winner's seed

    @property
    def is_measured(self) -> bool:
        """Whether its score was measured, not predicted."""
        return self.trial is not None or self.ablated


def one_change_neighbours(history: History, domain: Domain) -> tuple[Neighbour, ...]:
    """Returns all neighbours of the winner, measured ones first, the best of each kind first.

    Predictions are a Gaussian process's, with its standard deviation; of 25 comparable trials or
    more.

    Raises:
        SearchError: No trial has completed.
    """
    best = winner_of(history)
    if not domain.contains(best.values):
        return ()
    around = [_neighbour(best, point) for point in domain.neighbours(best.values)[:MOST]]
    known = [_measured(history, best, one, history.sign) for one in around]
    open_ones = [one for one in known if not one.is_measured]
    trials = comparable_trials(history, domain)
    if open_ones and len(trials) >= ENOUGH:
        with single_blas_thread():
            model = ScoreModel(domain, trials, fenced_scores(trials, history.direction))
            scores, deviations = model.predict([one.values for one in open_ones])
        open_ones = [
            replace(one, score=s, gain=history.sign * (s - (best.score or 0.0)), deviation=d)
            for one, s, d in zip(open_ones, scores.tolist(), deviations.tolist(), strict=True)
        ]
    return _sorted([*(one for one in known if one.is_measured), *open_ones])


def ablate(
    search: Search,
    max_time: float | str | None = "2 min",
    on_training: OnTraining = lambda done, of: None,
) -> tuple[Neighbour, ...]:
    """Trains neighbours of the winner that were never tried, with the winner's own seed.

    The neighbours of one choice after the other take turns, those first whose prediction is least
    certain, until the time is up. Nothing is added to the search's record.

    Args:
        search: A search that has ended.
        max_time: Seconds, or text as "2 min"; None for all neighbours.
        on_training: Is told the progress.

    Returns:
        All neighbours, as `one_change_neighbours` does.

    Raises:
        SearchError: The search runs, or no trial has completed.
    """
    best = winner_of(search.history)
    repeats = Repeats(search, max_time)
    around = list(one_change_neighbours(search.history, search.space.domain))
    queue = _in_turns([one for one in around if not one.is_measured])
    for done, one in enumerate(queue, start=1):
        if repeats.is_over:
            break
        score = repeats.score(one.values, best.seed or 0, best.fidelity)
        if score is not None:
            gain = search.history.sign * (score - (best.score or 0.0))
            found = replace(one, score=score, gain=gain, deviation=None, ablated=True)
            around[around.index(one)] = found
        on_training(done, len(queue))
    return _sorted(around)


def _neighbour(best: Trial, point: Values) -> Neighbour:
    """Returns the neighbour; a parent's change may change what depends on it, too."""
    changes = changed_values(best.values, point)
    kept = {name: pair for name, pair in changes.items() if None not in pair} or changes
    name, (before, now) = next(iter(kept.items()))
    return Neighbour(point, name, before, now)


def _measured(history: History, best: Trial, one: Neighbour, sign: float) -> Neighbour:
    """Returns the neighbour with the score of the trial that had its values, if one had."""
    for trial in history.trials_of(one.values):
        if trial.score is not None and trial.fidelity == best.fidelity:
            gain = sign * (trial.score - (best.score or 0.0))
            return replace(one, score=trial.score, gain=gain, trial=trial.number)
    return one


def _sorted(around: Sequence[Neighbour]) -> tuple[Neighbour, ...]:
    def place(one: Neighbour) -> tuple[bool, bool, float]:
        return (not one.is_measured, one.gain is None, -(one.gain or 0.0))

    return tuple(sorted(around, key=place))


def _in_turns(around: Sequence[Neighbour]) -> list[Neighbour]:
    """Returns the neighbours choice by choice in turns, the least certain of each first."""
    by_choice: dict[str, list[Neighbour]] = {}
    for one in sorted(around, key=lambda one: -(one.deviation or 0.0)):
        by_choice.setdefault(one.choice, []).append(one)
    rounds = max(map(len, by_choice.values()), default=0)
    return [those[at] for at in range(rounds) for those in by_choice.values() if at < len(those)]
