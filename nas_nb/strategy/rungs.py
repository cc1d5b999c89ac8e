"""The rungs of a ladder of epochs: which trials stand on which, and which to promote."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from nas_nb.errors import StrategyError
from nas_nb.strategy.base import Proposal, best_of

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial
    from nas_nb.space.domain import Domain

FACTOR_HELP = "Reduction factor eta: the best 1 of eta is promoted, with eta times the epochs."
MIN_EPOCHS_HELP = "Epochs of the lowest rung (r)."
MAX_EPOCHS_HELP = "Epochs of a full training (R); by default the search's epochs per trial."


Order = Callable[["History", "list[Trial]"], "Sequence[Trial]"]


def full_epochs(owner: str, history: History, max_epochs: int | None) -> int:
    """Returns R, the epochs of a full training: the option's, or else the search's."""
    known = max_epochs or history.full_epochs
    if known is None:
        raise StrategyError(
            f"Strategy '{owner}' expected to know the epochs of a full training. Received: a "
            "search that does not say. Give the option max_epochs=..., and a tuner that trains a "
            'trial for the epochs in its value "tuner/epochs", as KerasTuner\'s Hyperband does.'
        )
    return known


def ladder(min_epochs: int, max_epochs: int, factor: int) -> tuple[int, ...]:
    """Returns the epochs of the rungs: r, r * eta, r * eta^2, ... and R at the top."""
    # Those are the r_i of Li et al., MLSys 2020, Algorithm 1, for s = 0. The rung below R is left
    # out where it is nearer to R than half a step: `ladder(1, 10, 3)` is (1, 3, 10).
    epochs = [min_epochs]
    while epochs[-1] * factor * factor**0.5 <= max_epochs:
        epochs.append(epochs[-1] * factor)
    lower = [rung for rung in epochs if rung * factor**0.5 <= max_epochs]
    return (*lower, max_epochs)


def granted(trial: Trial, full: int) -> int:
    """Returns how many epochs a trial was granted in all; `full` where it says nothing."""
    return int(trial.fidelity.get("epochs", full))


@dataclass(frozen=True)
class Rungs:
    """The trials of each rung, the lowest first."""

    epochs: tuple[int, ...]
    completed: tuple[tuple[Trial, ...], ...]  # in the order in which they ended
    finished: tuple[tuple[Trial, ...], ...]  # the failed ones as well
    parents: frozenset[int]  # that another goes on from

    @classmethod
    def of(cls, history: History, epochs: tuple[int, ...]) -> Rungs:
        """Places each trial on the highest rung whose epochs it was granted."""
        placed: list[list[Trial]] = [[] for _ in epochs]
        for trial in history.finished:
            at = bisect_right(epochs, granted(trial, epochs[-1])) - 1
            if at >= 0:
                placed[at].append(trial)
        completed = (tuple(t for t in rung if t.score is not None) for rung in placed)
        parents = frozenset(t.parent for t in history.trials if t.parent is not None)
        return cls(epochs, tuple(completed), tuple(map(tuple, placed)), parents)

    def view(self, history: History, rung: int = 0) -> History:
        """Returns the history as a strategy without fidelities may see it: of one rung."""
        return cast("History", RungView(history, self.completed[rung], self.finished[rung]))

    def due(
        self, history: History, domain: Domain, factor: int, order: Order | None = None
    ) -> Proposal | None:
        """Returns the promotion that is due when one of `factor` is promoted, or None."""
        # It is the best trial that was not promoted, from the highest rung that owes a promotion.
        # Unlike in ASHA, one that was promoted early has taken another's place.
        for k in reversed(range(len(self.epochs) - 1)):
            rung = self.completed[k]
            if len(rung) - len(self._waiting(k)) >= len(rung) // factor:
                continue
            if (promotion := self._best_climb(k, history, domain, order)) is not None:
                return promotion
        return None

    def left(self, history: History, domain: Domain, order: Order | None = None) -> Proposal | None:
        """Returns a promotion from the highest rung with a waiting trial, due or not, or None."""
        climbs = (
            self._best_climb(k, history, domain, order)
            for k in reversed(range(len(self.epochs) - 1))
        )
        return next((promotion for promotion in climbs if promotion is not None), None)

    def _waiting(self, rung: int) -> list[Trial]:
        return [trial for trial in self.completed[rung] if trial.number not in self.parents]

    def _best_climb(
        self, rung: int, history: History, domain: Domain, order: Order | None
    ) -> Proposal | None:
        waiting = self._waiting(rung)
        if order is not None:
            ranked = order(self.view(history, rung), waiting)
        else:
            ranked = best_of(waiting, len(waiting), history.direction)
        climbs = (self.climb(trial, rung + 1, history, domain) for trial in ranked)
        return next((promotion for promotion in climbs if promotion is not None), None)

    def climb(self, trial: Trial, rung: int, history: History, domain: Domain) -> Proposal | None:
        """Returns the proposal to train a trial on to a rung; None if it was, or can't be."""
        if trial.number in self.parents:
            return None
        return promotion_proposal(trial, self.epochs[rung], history, domain, self.epochs[-1])


def promotion_proposal(
    trial: Trial, epochs: int, history: History, domain: Domain, full: int
) -> Proposal | None:
    """Returns the proposal to train a trial on to `epochs` in all; None if it was, or can't be."""
    if any(granted(twin, full) >= epochs for twin in history.trials_of(trial.values)):
        return None
    if not domain.contains(trial.values):
        return None
    return Proposal(dict(trial.values), {"epochs": epochs}, trial.number)


class RungView:
    """A history with the trials of one rung, for a strategy without fidelities."""

    # Scores of different fidelities can't be compared. What was tried at any fidelity stays tried.

    def __init__(
        self, whole: History, completed: tuple[Trial, ...], finished: tuple[Trial, ...]
    ) -> None:
        self._whole = whole
        self.completed = completed
        self.finished = finished

    @property
    def budget(self) -> dict[str, Any]:
        """Its trials: epochs and seconds don't tell how many trials of one rung there will be."""
        return {n: limit for n, limit in self._whole.budget.items() if n == "max_trials"}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)
