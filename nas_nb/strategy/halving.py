"""What successive halving and the strategies that are made of it have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas_nb.strategy.brackets import Bracket, Race, replay
from nas_nb.strategy.proposal import Proposal
from nas_nb.strategy.rungs import climb, full_epochs
from nas_nb.strategy.strategy import SpaceExhausted, Strategy, sample_new, whole_number

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.record.values import Value


@dataclass(frozen=True)
class Halving(Strategy):
    """Runs one bracket of successive halving after the other.

    Args:
        factor: eta: one of so many is promoted, and trained that many times longer, 2 or more.
        max_epochs: R, the epochs of the last round; by default what the search grants.
    """

    factor: int = 3
    max_epochs: int | None = None

    def __post_init__(self) -> None:
        whole_number(self.name, "factor", self.factor, 2)
        if self.max_epochs is not None:
            whole_number(self.name, "max_epochs", self.max_epochs, 1)

    @property
    def needs_epochs(self) -> bool:
        """Whether somebody has to tell it the epochs of a full training."""
        return self.max_epochs is None

    @abstractmethod
    def brackets(self, most: int) -> Iterator[Bracket]:
        """Yields the brackets to run, in order.

        Args:
            most: R, the epochs of a full training.
        """

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        """Returns the next promotion of a bracket, or a new architecture for the latest."""
        most = full_epochs(self.name, history, self.max_epochs)
        plan = self.brackets(most)
        races = replay(history, self.name, plan)
        filling = races[-1] if races and races[-1].has_room else None
        # Hyperband's Algorithm 1, lines 4 to 8: for each i run all t in T, then T = top_k(T, L).
        promotion = self._promotion([race for race in races if race is not filling], history, most)
        if promotion is not None:
            return promotion
        # Line 3: T = get_hyperparameter_configuration(n).
        bracket = filling.bracket if filling else next(plan, None)
        if bracket is None:
            raise SpaceExhausted(
                f"All the brackets that '{self.name}' was asked for are done. Ask for more, or "
                "end the search here."
            )
        try:
            return Proposal(self.configuration(history, rng), {"epochs": bracket.epochs[0]})
        except SpaceExhausted:
            # The last bracket is run with as many as there are.
            promotion = self._promotion(races, history, most)
            if promotion is None:
                raise
            return promotion

    def configuration(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns a new architecture for a first round."""
        return sample_new(self.domain, history, rng)

    def _promotion(self, races: Sequence[Race], history: History, most: int) -> Proposal | None:
        for race in races:
            for trial, epochs in race.promotions(history.direction):
                if (due := climb(trial, epochs, history, self.domain, most)) is not None:
                    return due
        return None
