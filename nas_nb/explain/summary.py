"""Why a search ended as it did: what won, how sure, what made it, what one change would do."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from nas_nb.errors import SearchError
from nas_nb.explain.confidence import (
    NearBest,
    Repeats,
    believed_best,
    believed_score,
    last_epoch_score,
    near_best,
    winner_of,
)
from nas_nb.explain.importance import (
    ENOUGH,
    Importance,
    ScoreModel,
    choice_importance,
    comparable_trials,
    fenced_scores,
    is_drawn,
)
from nas_nb.record.trial import changed_values
from nas_nb.record.trial_facts import (
    ancestry_text,
    front_text,
    measured_text,
    number_text,
    score_error,
)
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
    """
    best = winner_of(search.history)
    repeats = Repeats(search, max_time)
    around = list(one_change_neighbours(search.history, search.space.domain))
    queue = _in_turns([one for one in around if not one.is_measured])
    for done, one in enumerate(queue, start=1):
        if repeats.is_over:
            break
        score = None
        with suppress(SearchError):  # what can't be trained stays among those not measured
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


_NAMED = 3
_MADE = ("mutated", "crossed", "predicted")


@dataclass(frozen=True)
class SearchSummary:
    """What can be told from the history alone of a search that has a completed trial."""

    # `error` is the standard error of the winner's score, where it is no share of known rows.

    history: History
    domain: Domain
    error: float | None = None

    def __post_init__(self) -> None:
        winner_of(self.history)

    @property
    def best(self) -> Trial:
        """The winner."""
        return winner_of(self.history)

    @cached_property
    def near(self) -> NearBest | None:
        """The trials that the winner can't be told from; None where its error is unknown."""
        return near_best(self.history, self.error)

    @cached_property
    def believed(self) -> float | None:
        """The winner's score less the luck of the best of many; None likewise."""
        return believed_score(self.history, self.best, self.error)

    @cached_property
    def believed_best(self) -> Trial:
        """The trial that is believed to be the best: the winner, or one that was less lucky."""
        if self.importance.missing:
            return self.best
        return believed_best(self.history, self.domain, self.error)

    @cached_property
    def importance(self) -> Importance:
        """Which choices mattered."""
        return choice_importance(self.history, self.domain)

    @cached_property
    def neighbours(self) -> tuple[Neighbour, ...]:
        """What one change of the winner would do."""
        return one_change_neighbours(self.history, self.domain)

    @cached_property
    def text(self) -> str:
        """What won, by how much, how sure, which choices made it, and what smaller would cost."""
        smaller = front_text(self.history) or self._smaller()
        told = (self._won(), self._by_chance(), self._sure(), self._decided(), smaller)
        return " ".join(sentence for sentence in told if sentence)

    @cached_property
    def lineage(self) -> str:
        """Where the winner came from, in a sentence."""
        return ancestry_text(self.history, self.best)

    def _won(self) -> str:
        best, history = self.best, self.history
        error = score_error(history, best) if self.error is None else self.error
        score = measured_text(best.score, error)
        last, epochs = last_epoch_score(history, best), len(best.curve)
        told = f"Trial {best.number} won with {history.objective} {score}"
        if last is not None and last != best.score:
            told += (
                f", that of its best epoch (after its last, the {epochs}th, {number_text(last)})"
            )
        ranked = sorted((t for t in history.completed if t.score is not None), key=history.rank)
        if len(ranked) < 2:
            return f"{told}: no other trial completed."
        gap = abs((best.score or 0.0) - (ranked[1].score or 0.0))
        ahead = "tied with" if gap == 0 else f"{number_text(gap)} ahead of"
        return f"{told}, {ahead} trial {ranked[1].number}, the next of {len(ranked)}."

    def _by_chance(self) -> str:
        """Says so where the strategy's own proposals did not beat what it drew at random."""
        later = self.history.completed if is_drawn(self.best) else ()
        made = [t.how for t in later if t.number > self.best.number and t.how in _MADE]
        if not made:
            return ""
        how = " or ".join(dict.fromkeys(made))
        return f"It was drawn at random: none of those {how} after it ({len(made)}) scored better."

    def _sure(self) -> str:
        if self.near is None:
            return "How sure that is was not measured: `search.confirm()` trains the best again."
        believed = ""
        if self.believed is not None:
            believed = (
                f"Less the luck of being the best of {len(self.history.completed)}, it is "
                f"believed to be {number_text(self.believed)} on other rows, with the same "
                "weights: what other seeds change, `search.confirm()` measures. "
            )
        if (other := self.believed_best).number != self.best.number:
            believed += (
                f"By the scores of trials like it, trial {other.number} "
                f"({number_text(other.score)}) is believed to be better: "
                f"`search.trial({other.number})`. "
            )
        count = len(self.near.trials)
        if not count:
            return f"{believed}No other trial is within noise of it."
        told = f"{count} other trial{'s are' if count > 1 else ' is'} within noise of it"
        small, params = self.near.smallest, self.best.costs.get("params")
        if small is None or params is None:
            return f"{believed}{told}."
        if small.number == self.best.number:
            return f"{believed}{told}; the winner is the smallest of them."
        return (
            f"{believed}{told}; the smallest, trial {small.number}, has "
            f"{small.costs['params']:,.0f} params in place of {params:,.0f}."
        )

    def _decided(self) -> str:
        found = self.importance
        if found.missing:
            return found.missing
        sure = [choice for choice in found.choices if choice.low > 0][:_NAMED]
        if not sure:
            return "No single choice stands out among those that were tried."
        named = [
            f"{choice.name} ({choice.share:.0%} of the variance; here {self._of_best(choice.name)})"
            for choice in sure
        ]
        return f"The choices that mattered most: {', '.join(named)}."

    def _of_best(self, name: str) -> str:
        value = self.best.values.get(name, "none")
        return number_text(value) if isinstance(value, float) else str(value)

    def _smaller(self) -> str:
        best, history = self.best, self.history
        params = best.costs.get("params")
        if params is None or (self.near and self.near.smallest not in (None, best)):
            return ""
        smaller = [
            trial
            for trial in history.completed
            if trial.score is not None and trial.costs.get("params", params) < params
        ]
        if not smaller:
            return "No smaller model completed."
        next_best = min(smaller, key=history.rank)
        gap = abs((best.score or 0.0) - (next_best.score or 0.0))
        return (
            f"The best smaller model, trial {next_best.number} with "
            f"{next_best.costs['params']:,.0f} params in place of {params:,.0f}, costs "
            f"{number_text(gap)}."
        )
