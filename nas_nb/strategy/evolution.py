"""Regularised evolution (Real et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from nas_nb.errors import StrategyError
from nas_nb.strategy.base import Proposal, Strategy, new_mutant, option, sample_new

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.record.trial import Value


@dataclass(frozen=True)
class Evolution(Strategy):
    """Mutates the best of a random sample of the youngest architectures.

    Use it as a robust default: it copes with conditional, mixed and large spaces, with noisy
    scores and with failures, and needs no model of the scores. Don't use it with a budget below
    two or three populations (most of it would be random search), or for spaces that are small
    enough to be tried in full.

    What makes it regularised: an architecture dies of age, not of a low score. One that scored
    well by luck can't lead the population for long, unless its children score well too.

    Paper: Real, Aggarwal, Huang & Le, Regularized Evolution for Image Classifier Architecture
    Search, AAAI 2019, Algorithm 1.
    With inherited weights (Net2Net; Chen, Goodfellow & Shlens, ICLR 2016) scores get better sooner
    and compare architectures worse, since late children were trained for longer. Only a `Search`
    keeps weights.
    """

    name: ClassVar[str] = "evolution"
    design: ClassVar[str] = "population"

    # The paper takes 100 and 25 for 20,000 trials; these suit the hundreds of a notebook.
    population: int = option(
        20, "Population size P: how many of the latest completed trials may be parents.", low=2
    )
    sample: int = option(
        10,
        "Tournament size S: how many of the population, drawn at random, compete to be the parent.",
        low=1,
    )
    inherit_weights: bool = option(
        False, "Whether a child starts from its parent's weights, as far as the layers match."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sample > self.population:
            raise StrategyError(
                f"Strategy 'evolution' expected `sample` to be at most `population`. Received: "
                f"sample={self.sample}, population={self.population}. Set both, for example "
                f"population={self.population}, sample={self.population // 2}."
            )

    @property
    def inherits(self) -> bool:
        """Whether children start from their parents' weights."""
        return self.inherit_weights

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value] | Proposal:
        """Returns a new mutant of the sample's best, or a random one while there are few."""
        # Algorithm 1: remove dead from left of population. The youngest P live; no failure enters.
        alive = [
            trial
            for trial in history.completed[-self.population :]
            if self.domain.contains(trial.values)
        ]
        # While |population| < P: model.arch <- RANDOMARCHITECTURE(). With a small budget children
        # join before that: the initial design is a third of it.
        if len(alive) < self.initial_design(history):
            return sample_new(self.domain, history, rng)
        # While |sample| < S: candidate <- random element from population, where it stays.
        drawn = [alive[i] for i in rng.integers(len(alive), size=self.sample)]
        # Parent <- highest-accuracy model in sample.
        parent = max(drawn, key=lambda trial: history.sign * (trial.score or 0.0))
        # Child.arch <- MUTATE(parent.arch).
        # The paper may train an architecture twice; we never do.
        child = new_mutant(self.domain, parent.values, history, rng, ancestors=(parent.number,))
        return Proposal(child, parent=parent.number) if self.inherit_weights else child
