"""Why a search ended as it did, in words: what won, how sure that is, what made it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from nas_nb.explain.confidence import (
    NearBest,
    believed_score,
    last_epoch_score,
    near_best,
    winner_of,
)
from nas_nb.explain.importance import Importance, choice_importance
from nas_nb.explain.neighbours import Neighbour, one_change_neighbours
from nas_nb.record.trial_facts import ancestry_text, front_text, number_text, score_error

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial
    from nas_nb.space.domain import Domain

_NAMED = 3


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
        told = (self._won(), self._sure(), self._decided(), smaller)
        return " ".join(sentence for sentence in told if sentence)

    @cached_property
    def lineage(self) -> str:
        """Where the winner came from, in a sentence."""
        return ancestry_text(self.history, self.best)

    def _won(self) -> str:
        best, history = self.best, self.history
        error = score_error(history, best) if self.error is None else self.error
        score = f"{number_text(best.score)}{'' if error is None else f' ± {error:.2g}'}"
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

    def _sure(self) -> str:
        if self.near is None:
            return "How sure that is was not measured: `search.confirm()` trains the best again."
        believed = ""
        if self.believed is not None:
            believed = (
                f"Less the luck of being the best of {len(self.history.completed)}, it is "
                f"believed to be {number_text(self.believed)} (a cautious estimate). "
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
