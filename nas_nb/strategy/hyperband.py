"""Hyperband (Li et al. 2018)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from typing import ClassVar

from nas_nb.strategy.brackets import Bracket, hyperband_brackets
from nas_nb.strategy.halving import Halving
from nas_nb.strategy.strategy import whole_number


@dataclass(frozen=True)
class Hyperband(Halving):
    """Successive halving with several answers to how early the bad ones can be told.

    Use it when few epochs tell something about many, and nobody knows how much: its first bracket
    begins with many architectures and few epochs, the last trains a few in full, as random search
    does. Don't use it with a budget below one bracket, about R * (1 + log_eta R) epochs; `asha`
    needs less to have its first result.

    The brackets are those of `keras_tuner.Hyperband`. Unlike there, nothing is lost when the
    kernel dies, no architecture is drawn twice, and it begins again when all brackets are done,
    until the budget is spent. In a `Search` what is promoted is continued from where it stopped. A
    `kt.Tuner` has to train for the value "tuner/epochs", as KerasTuner's Hyperband does.

    Paper: Li, Jamieson, DeSalvo, Rostamizadeh & Talwalkar, Hyperband: A Novel Bandit-Based
    Approach to Hyperparameter Optimization, JMLR 18, 2018, Algorithm 1.

    Args:
        factor: eta: one of so many is promoted, and trained that many times longer, 2 or more.
        max_epochs: R, the epochs of the last round; by default what the search grants.
        hyperband_iterations: How often to go through all brackets, 1 or more; by default until
            the budget is spent.
    """

    name: ClassVar[str] = "hyperband"

    hyperband_iterations: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hyperband_iterations is not None:
            whole_number(self.name, "hyperband_iterations", self.hyperband_iterations, 1)

    def brackets(self, most: int) -> Iterator[Bracket]:
        """Yields the brackets s_max, ..., 0, and again."""
        # Algorithm 1, line 1: for s in {s_max, s_max - 1, ..., 0} do
        iteration = hyperband_brackets(most, self.factor)
        times = self.hyperband_iterations
        return chain.from_iterable(repeat(iteration) if times is None else repeat(iteration, times))
