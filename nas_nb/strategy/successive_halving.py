"""Successive halving (Jamieson & Talwalkar 2016)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import ClassVar

from nas_nb.strategy.brackets import Bracket
from nas_nb.strategy.halving import Halving
from nas_nb.strategy.rungs import ladder
from nas_nb.strategy.strategy import whole_number


@dataclass(frozen=True)
class SuccessiveHalving(Halving):
    """Trains n architectures a little, the best third of them longer, and so on; then n others.

    Use it when the ranking after few epochs resembles the ranking after many, and to see the idea
    at its plainest. Don't use it when you can't tell how many epochs tell enough: `hyperband`
    tries several answers. `asha` does not wait for a round to end, and so has its first fully
    trained architecture sooner.

    In a `Search` what is promoted is continued from where it stopped. A `kt.Tuner` has to train
    for the value "tuner/epochs", as KerasTuner's Hyperband does.

    Papers: Jamieson & Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter
    Optimization, AISTATS 2016 (Successive Halving); with R and eta as in Li et al., A System for
    Massively Parallel Hyperparameter Tuning, MLSys 2020, Algorithm 1.

    Args:
        factor: eta: one of so many is promoted, and trained that many times longer, 2 or more.
            The paper of 2016 takes 2; 3 is Hyperband's.
        max_epochs: R, the epochs of the last round; by default what the search grants.
        n: Architectures of the first round, 1 or more; by default as many as leave one that is
            trained in full.
        min_epochs: r, the epochs of the first round, 1 or more.
    """

    name: ClassVar[str] = "successive_halving"

    n: int | None = None
    min_epochs: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        whole_number(self.name, "min_epochs", self.min_epochs, 1, self.max_epochs)
        if self.n is not None:
            whole_number(self.name, "n", self.n, 1)

    def brackets(self, most: int) -> Iterator[Bracket]:
        """Yields the same bracket again and again."""
        # Algorithm 1 of Li et al.: r_i = r * eta^(i + s) up to R; here s is 0.
        epochs = ladder(min(self.min_epochs, most), most, self.factor)
        last = len(epochs) - 1
        n = self.n or self.factor**last  # so many leave one that is allocated R
        # Likewise: n_i = floor(n * eta^-i); here at least 1.
        sizes = tuple(max(n // self.factor**i, 1) for i in range(last + 1))
        return repeat(Bracket(sizes, epochs))
