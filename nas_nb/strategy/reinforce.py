"""REINFORCE: a controller trained by policy gradient (Zoph & Le 2017)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nas_nb.errors import StrategyError
from nas_nb.strategy.mutants import new_mutant
from nas_nb.strategy.policy import Policy, Reader
from nas_nb.strategy.strategy import Strategy, sample_new

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.values import Value

_WINDOW = 600
_DRAWS = 32


@dataclass(frozen=True)
class Reinforce(Strategy):
    """Draws architectures from a policy that makes what scored well more likely.

    Use it to see a policy learn, with budgets of hundreds of cheap trials. Don't use it when
    trials are dear: it learns from each of them once, and evolution or local search are ahead of
    it at every budget that was measured.

    The paper's controller is a recurrent network; here the policy has one softmax for each
    choice, as in Ying et al. 2019 and Dong & Yang 2020, so that it can be replayed from the last
    600 trials at each proposal. Rewards are scaled by their deviation, because a score may be an
    accuracy or a loss of any size. What the policy draws a second time is drawn anew.

    Papers: Zoph & Le, Neural Architecture Search with Reinforcement Learning, ICLR 2017, Section
    3.2; Williams, Simple Statistical Gradient-Following Algorithms, Machine Learning 8, 1992.

    Args:
        learning_rate: Step along the gradient, above 0. The papers' 0.001 and less suit tens of
            thousands of trials; in hundreds they are random search.
        decay: Of the exponential moving average that is the baseline, 0 or more and below 1.
    """

    name: ClassVar[str] = "reinforce"

    learning_rate: float = 0.1
    decay: float = 0.95

    def __post_init__(self) -> None:
        if not 0 < self.learning_rate < math.inf:
            raise StrategyError(
                "Strategy 'reinforce' expected `learning_rate` above 0. Received: "
                f"learning_rate={self.learning_rate!r}."
            )
        if not 0 <= self.decay < 1:
            raise StrategyError(
                "Strategy 'reinforce' expected `decay` to be 0 or more and below 1. Received: "
                f"decay={self.decay!r}."
            )

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns a new architecture drawn from the policy that the history has trained."""
        if not history.completed:
            return sample_new(self.domain, history, rng)
        policy = self._trained(history)
        for _ in range(_DRAWS):
            values = policy.draw(rng)
            if not history.has_tried(values):
                return values
        # The policy is sure of itself by now: what is new lies around what it draws.
        return new_mutant(self.domain, values, history, rng)

    def _trained(self, history: History) -> Policy:
        """Replays the gradient steps of the last trials, from a policy that prefers nothing."""
        sign = 1.0 if history.direction == "max" else -1.0
        trials = history.completed[-_WINDOW:]
        rewards = sign * np.array([trial.score for trial in trials], dtype=np.float64)
        rewards /= float(np.abs(rewards).max()) or 1.0  # so that no square overflows
        scale = float(rewards.std()) or 1.0
        policy, reader = Policy.uniform(self.domain), Reader(self.domain)
        baseline = float(rewards[0])
        for trial, reward in zip(trials, rewards.tolist(), strict=True):
            columns = reader.columns(trial.values)
            if columns is None:
                continue
            # Section 3.2, m = 1: theta <- theta + rate * sum_t grad log P(a_t | theta) * (R - b)
            advantage = (reward - baseline) / scale
            policy = policy.moved(self.learning_rate * advantage * policy.log_gradient(columns))
            # Likewise: b, an exponential moving average of the previous architectures' accuracies
            baseline = self.decay * baseline + (1 - self.decay) * reward
        return policy
