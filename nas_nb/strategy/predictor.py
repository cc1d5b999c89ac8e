"""A model of the scores proposes: a Gaussian process, and candidates by mutation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nas_nb.errors import StrategyError
from nas_nb.strategy.first import first_candidate, likely_candidate
from nas_nb.strategy.halves import next_training
from nas_nb.strategy.knowledge import Knowledge
from nas_nb.strategy.strategy import Strategy, sample_new, whole_number

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.values import Value
    from nas_nb.strategy.proposal import Proposal

_NONE = 1e-300


@dataclass(frozen=True)
class Predictor(Strategy):
    """Predicts the scores of architectures near the best, and proposes the most promising.

    Use it when a trial costs more than a second and the budget is tens or hundreds of trials: it
    needs the fewest. Don't use it for thousands of cheap trials, where evolution is as good, or
    when many trials run at once.

    The model is a Gaussian process that learns how much each choice matters, and takes what the
    space tells about an architecture for nothing (`features`) as straight lines. Candidates are
    mutants and neighbours of the best architectures, as in BANANAS, where the model is an
    ensemble of networks instead.

    With `min_epochs` half of the time goes to rungs, where new architectures are trained a little
    at first, and half to full trainings (`halves.next_training`); in both the improvement that is
    expected a second counts. In a `Search` a promoted one is continued; a `kt.Tuner` has to train
    for the value "tuner/epochs".

    Where the names of choices tell what is mostly good (a learning rate, units, dropout), the
    improvement that is expected is weighted by that belief, less and less: piBO.

    Papers: White, Neiswanger & Savani, BANANAS: Bayesian Optimization with Neural Architectures
    for Neural Architecture Search, AAAI 2021, Algorithm 1; Rasmussen & Williams, Gaussian
    Processes for Machine Learning, 2006, chapters 2 and 5; Hvarfner et al., piBO: Augmenting
    Acquisition Functions with User Beliefs for Bayesian Optimization, ICLR 2022
    (section 3); Snoek, Larochelle & Adams, Practical Bayesian Optimization of Machine Learning
    Algorithms, NeurIPS 2012 (section 3.2).

    Args:
        t0: Trials before the model is asked, 2 or more; the paper's networks get 10. The first is
            of a likely size (`first_candidate`), the others are random, nearer to the belief.
            With `min_epochs` it is that many on each side; `next_training` says which in full.
        candidates: c, how many the model chooses from, 8 or more. The paper's 100 are all mutants.
        window: The model sees the best and the latest trials, so many in all, 20 or more. Its
            cost grows with the cube.
        beta: How many trials it takes until the belief (`Belief`) counts as much as the model,
            0 or more; 0 is without belief after the first `t0` trials.
        min_epochs: The epochs of the lowest rung, 1 or more; by default every training is full.
        factor: With `min_epochs`: one of so many climbs to the next rung, of so many times the
            epochs, 2 or more.
        max_epochs: With `min_epochs`: those of a full training; by default what the search
            grants.
    """

    name: ClassVar[str] = "predictor"

    t0: int = 5
    candidates: int = 160
    window: int = 200
    beta: float = 10.0
    min_epochs: int | None = None
    factor: int = 4
    max_epochs: int | None = None

    def __post_init__(self) -> None:
        whole_number(self.name, "t0", self.t0, 2)
        whole_number(self.name, "candidates", self.candidates, 8)
        whole_number(self.name, "window", self.window, 20)
        whole_number(self.name, "factor", self.factor, 2)
        if not self.beta >= 0:
            raise StrategyError(
                f"Strategy '{self.name}' expected `beta` to be 0 or more. Received: "
                f"beta={self.beta!r}."
            )
        if self.min_epochs is not None:
            whole_number(self.name, "min_epochs", self.min_epochs, 1)
        if self.max_epochs is not None:
            whole_number(self.name, "max_epochs", self.max_epochs, self.min_epochs or 1)

    @property
    def needs_epochs(self) -> bool:
        """Whether somebody has to tell it the epochs of a full training."""
        return self.min_epochs is not None and self.max_epochs is None

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value] | Proposal:
        """Returns the most promising new architecture; with rungs, what `next_training` says."""
        if self.min_epochs is not None:
            return next_training(self, self.min_epochs, history, rng)
        return self.most_promising(history, rng) if history.finished else self.first(history, rng)

    def first(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns an architecture that is good by itself."""
        return first_candidate(self.domain, history, rng, self.knowledge.belief(history))

    def most_promising(
        self, history: History, rng: np.random.Generator, by_time: bool = False
    ) -> dict[str, Value]:
        """Returns the candidate of the highest acquisition, or a random one while there are few.

        Args:
            history: What was tried, or the view of a rung.
            rng: The source of chance.
            by_time: Whether a candidate counts by what it promises a second.

        Raises:
            SpaceExhausted: No architecture is left that was not tried.
        """
        from nas_nb.strategy.surrogate.acquisition import expected_improvement
        from nas_nb.strategy.surrogate.pool import candidate_pool

        # Algorithm 1, step 1: draw t0 architectures at random and train them.
        best, belief = self.knowledge.best(history), self.knowledge.belief(history)
        if len(history.completed) < self.t0 or not best:
            return likely_candidate(self.domain, history, rng, belief)
        # Step 2.ii: generate a set of c candidates by randomly mutating the best architectures.
        parents = [trial.values for trial in best]
        pool = candidate_pool(self.domain, parents, rng, self.candidates)
        # Step 2.i: train the model on the architectures and their scores.
        mean, deviation, seen = self.knowledge.predicted(history, pool)
        # Steps 2.iii, iv: evaluate the acquisition function for each; train the best one.
        promise = np.log(expected_improvement(mean, deviation, seen) + _NONE)
        if belief:  # piBO, eq. (6): log alpha(x) + beta / n * log pi(x)
            believed = [belief.log_density(values) for values in pool]
            promise += self.beta / len(history.completed) * np.array(believed)
        if by_time:  # expected improvement per second, Snoek et al. 2012, section 3.2
            promise -= self.knowledge.log_seconds(history, pool)
        ranked = (pool[position] for position in np.argsort(-promise, kind="stable"))
        new = next((values for values in ranked if not history.has_tried(values)), None)
        return sample_new(self.domain, history, rng) if new is None else new

    @cached_property
    def knowledge(self) -> Knowledge:
        """What is known of the space."""
        return Knowledge(self.domain, self.window, self.max_epochs)
