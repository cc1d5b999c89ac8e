"""Regularised evolution (Real et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from nas_nb.errors import StrategyError
from nas_nb.strategy.base import Proposal, Strategy, new_mutant, sample_new, whole_number

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Value


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

    Args:
        population: P, how many of the youngest completed trials are alive, 2 or more. The paper
            takes 100 for 20,000 trials; 20 suits the hundreds of trials of a notebook.
        sample: S, how many of them compete to be the parent, from 1 (drift without selection) to
            `population`. The paper takes 25 of 100.
        inherit: Whether a child starts from its parent's weights, as far as the two overlap: a
            layer that is wider or new begins as its parent left it (Net2Net; Chen, Goodfellow &
            Shlens, ICLR 2016). Scores get better sooner, and compare architectures worse: those
            of late children were trained for longer. Only a `Search` keeps weights.
    """

    name: ClassVar[str] = "evolution"

    population: int = 20
    sample: int = 10
    inherit: bool = False

    def __post_init__(self) -> None:
        whole_number(self.name, "population", self.population, 2)
        whole_number(self.name, "sample", self.sample, 1)
        if self.sample > self.population:
            raise StrategyError(
                f"Strategy 'evolution' expected `sample` to be at most `population`. Received: "
                f"sample={self.sample}, population={self.population}. Set both, for example "
                f"population={self.population}, sample={self.population // 2}."
            )

    @property
    def inherits(self) -> bool:
        """Whether children start from their parents' weights."""
        return self.inherit

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value] | Proposal:
        """Returns a new mutant of the sample's best, or a random one while there are few."""
        # Algorithm 1: remove dead from left of population. The youngest P live; no failure enters.
        alive = [
            trial
            for trial in history.completed[-self.population :]
            if self.domain.contains(trial.values)
        ]
        # While |population| < P: model.arch <- RANDOMARCHITECTURE().
        if len(alive) < self.population:
            return sample_new(self.domain, history, rng)
        # While |sample| < S: candidate <- random element from population, where it stays.
        drawn = [alive[i] for i in rng.integers(len(alive), size=self.sample)]
        # Parent <- highest-accuracy model in sample.
        sign = 1.0 if history.direction == "max" else -1.0
        parent = max(drawn, key=lambda trial: sign * _score(trial))
        # Child.arch <- MUTATE(parent.arch).
        # The paper may train an architecture twice; we never do.
        child = new_mutant(self.domain, parent.values, history, rng)
        return Proposal(child, parent=parent.number) if self.inherit else child


def _score(trial: Trial) -> float:
    """The score of a completed trial, which always has one."""
    return cast("float", trial.score)
