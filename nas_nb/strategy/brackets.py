"""Brackets of successive halving, replayed from the history."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nas_nb.record.trial import TrialStatus
from nas_nb.strategy.rungs import best_of

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial

_OVER = (TrialStatus.COMPLETED, TrialStatus.FAILED)


@dataclass(frozen=True)
class Bracket:
    """How many architectures are trained for how long, round after round.

    Attributes:
        sizes: n_i, how many are trained in round i.
        epochs: r_i, for how many epochs in all.
    """

    sizes: tuple[int, ...]
    epochs: tuple[int, ...]


def hyperband_brackets(max_epochs: int, factor: int) -> tuple[Bracket, ...]:
    """Returns the brackets of one iteration of Hyperband, s = s_max, ..., 0.

    Li et al. 2018, Algorithm 1, has s_max = floor(log_eta R), n = ceil((s_max + 1) / (s + 1) *
    eta^s) and r = R * eta^-s, and rounds down in each round. Where R is no power of eta, we round
    as KerasTuner does, so that the brackets are the same: up, with 1 + log_eta R rounded up in
    the place of s_max + 1.

    Args:
        max_epochs: R, 1 or more.
        factor: eta, 2 or more.
    """
    rounds = 0
    left = float(max_epochs)
    while left >= 1:
        left /= factor
        rounds += 1
    return tuple(_bracket(s, max_epochs, factor) for s in reversed(range(rounds)))


def _bracket(s: int, max_epochs: int, factor: int) -> Bracket:
    last = math.ceil(1 + math.log(max_epochs, factor)) / (s + 1)  # Algorithm 1, line 2: n / eta^s
    return Bracket(
        tuple(math.ceil(last * factor ** (s - i)) for i in range(s + 1)),  # line 5: n_i
        tuple(math.ceil(max_epochs / factor ** (s - i)) for i in range(s + 1)),  # line 6: r_i
    )


@dataclass
class Race:
    """One bracket as far as it was run.

    Attributes:
        bracket: What it is to be.
        rounds: The trials of each round so far.
    """

    bracket: Bracket
    rounds: list[list[Trial]] = field(init=False)

    def __post_init__(self) -> None:
        self.rounds = [[] for _ in self.bracket.sizes]

    @property
    def has_room(self) -> bool:
        """Whether its first round lacks architectures."""
        return len(self.rounds[0]) < self.bracket.sizes[0]

    def promotions(self, direction: str) -> Iterator[tuple[Trial, int]]:
        """Yields who is to be trained on, and for how many epochs in all, the first due first.

        A round is decided when all its trials are over. What failed is not promoted.
        """
        later = zip(self.bracket.sizes[1:], self.bracket.epochs[1:], strict=True)
        for (size, epochs), below, above in zip(later, self.rounds, self.rounds[1:], strict=False):
            if not all(trial.status in _OVER for trial in below):
                return
            done = [trial for trial in below if trial.status is TrialStatus.COMPLETED]
            promoted = {trial.parent for trial in above}
            # Algorithm 1, line 8: T = top_k(T, L, floor(n_i / eta)).
            for trial in best_of(done, size, direction):
                if trial.number not in promoted:
                    yield trial, epochs


def replay(history: History, origin: str, brackets: Iterator[Bracket]) -> list[Race]:
    """Returns the races of a strategy, as its trials in the history tell.

    A trial without a parent in a race is new: it fills the first round of the latest bracket, or
    begins the next. The others stand one round above their parent.

    Args:
        history: What happened so far.
        origin: The name of the strategy: the trials of others are in no race.
        brackets: The brackets that are to be run, in order.
    """
    races: list[Race] = []
    # Not one dictionary of pairs: thousands of new objects a proposal set off the garbage collector
    # again and again, until it goes through all that TensorFlow keeps, which takes 0.3 s.
    race_of: dict[int | None, Race] = {}
    round_of: dict[int | None, int] = {}
    for trial in history.trials:
        if trial.origin != origin:
            continue
        race, place = race_of.get(trial.parent), round_of.get(trial.parent, -1) + 1
        if race is None or place == len(race.rounds):
            if not races or not races[-1].has_room:
                bracket = next(brackets, None)
                if bracket is None:
                    break
                races.append(Race(bracket))
            race, place = races[-1], 0
        race.rounds[place].append(trial)
        race_of[trial.number], round_of[trial.number] = race, place
    return races
