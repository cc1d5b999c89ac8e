"""A model of the scores proposes: a Gaussian process, and candidates by mutation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nas_nb.strategy.strategy import Strategy, sample_new, whole_number
from nas_nb.strategy.surrogate.pool import candidate_pool

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial
    from nas_nb.record.values import Value
    from nas_nb.strategy.surrogate.coder import Coder

_PARENTS = 5


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

    Papers: White, Neiswanger & Savani, BANANAS: Bayesian Optimization with Neural Architectures
    for Neural Architecture Search, AAAI 2021, Algorithm 1; Rasmussen & Williams, Gaussian
    Processes for Machine Learning, 2006, chapters 2 and 5.

    Args:
        t0: Random trials before the model is asked, 2 or more.
        candidates: How many architectures are drawn for the model to choose from, 8 or more.
        window: The model sees the best and the latest trials, so many in all, 20 or more. Its
            cost grows with the cube.
    """

    name: ClassVar[str] = "predictor"

    t0: int = 5
    candidates: int = 160
    window: int = 200

    def __post_init__(self) -> None:
        whole_number(self.name, "t0", self.t0, 2)
        whole_number(self.name, "candidates", self.candidates, 8)
        whole_number(self.name, "window", self.window, 20)

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns the candidate of the highest acquisition, or a random one while there are few."""
        from nas_nb.strategy.surrogate.acquisition import expected_improvement
        from nas_nb.strategy.surrogate.model import learn

        # Draw t0 architectures uniformly at random and train them.
        sign = 1.0 if history.direction == "max" else -1.0
        best = self._best(history, sign)
        if len(history.completed) < self.t0 or not best:
            return sample_new(self.domain, history, rng)
        # Generate a set of candidates from the best architectures by mutation at random.
        parents = [trial.values for trial in best]
        pool = candidate_pool(self.domain, history, parents, rng, self.candidates)
        if not pool:
            return sample_new(self.domain, history, rng)
        # Train the model on the architectures and their scores.
        model = learn(self._coder, history.finished, best, sign, self.window)
        # For each candidate evaluate the acquisition function; train the one of the highest.
        mean, deviation = model.predict(pool)
        promise = expected_improvement(mean, deviation, model.best)
        return pool[int(np.argmax(promise))]

    @cached_property
    def _coder(self) -> Coder:
        from nas_nb.strategy.surrogate.coder import Coder

        return Coder(self.domain)

    def _best(self, history: History, sign: float) -> list[Trial]:
        """The best trials of the space so far, the best first."""
        ranked = sorted(history.completed, key=lambda trial: -sign * (trial.score or 0.0))
        legal = (trial for trial in ranked if self.domain.contains(trial.values))
        return list(islice(legal, _PARENTS))
