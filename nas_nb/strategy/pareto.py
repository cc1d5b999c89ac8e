"""Multi-objective evolution (NSGA-II, Deb et al. 2002)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nas_nb.errors import SpaceError, StrategyError
from nas_nb.strategy.cost import check_cost, refuse_unmeasured, untold
from nas_nb.strategy.mutants import new_mutant
from nas_nb.strategy.ranking import crowded_order
from nas_nb.strategy.rungs import best_of
from nas_nb.strategy.strategy import Strategy, sample_new, whole_number

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial
    from nas_nb.record.values import Value, Values
    from nas_nb.space.search_space import SearchSpace

_WINDOW = 500
_DEAR = 1e300
_UNCHANGED = 0.5


@dataclass(frozen=True)
class Pareto(Strategy):
    """Breeds architectures that trade the score against a cost, spread along the Pareto front.

    Use it when a good score is not all: small and fast models count too, and you want to choose
    among the trade-offs afterwards (`history.pareto_front("score", "params")`). Don't use it when
    only the score counts: half of its trials go to cheap architectures.

    The cost is what the trials record when they are built. Where no trial has it, this is
    elitist evolution on the score alone, and `reason(history)` says so. Two things are unlike
    the paper's. Generations overlap: each trial is one child of the best that are known by then.
    And half of the children (`elite`) have parents among the N/2 best by the score alone, since a
    front of a few dozen trials is mostly cheap and bad architectures, and their children would
    be, too.

    Paper: Deb, Pratap, Agarwal & Meyarivan, A Fast and Elitist Multiobjective Genetic Algorithm:
    NSGA-II, IEEE Transactions on Evolutionary Computation 6(2), 2002, Section III.

    Args:
        cost: The name of the cost, as the trials record it; less is better.
        population: N, how many of the best are parents, 2 or more. The paper takes 100, which
            would be most of a notebook's search.
        crossover: Probability that a child has two parents, 0 to 1. The paper takes 0.9.
        elite: Probability that a child's parents are the best by the score alone, 0 to 1. The
            paper takes 0.
    """

    name: ClassVar[str] = "pareto"

    cost: str = "params"
    population: int = 20
    crossover: float = 0.9
    elite: float = 0.5

    def __post_init__(self) -> None:
        check_cost(self.name, self.cost)
        whole_number(self.name, "population", self.population, 2)
        for option in ("crossover", "elite"):
            if not 0 <= getattr(self, option) <= 1:
                raise StrategyError(
                    f"Strategy 'pareto' expected `{option}` to be a probability, 0 to 1. Received: "
                    f"{option}={getattr(self, option)!r}."
                )

    def check_space(self, space: SearchSpace) -> None:
        """Raises a `StrategyError` for a cost that a search doesn't measure."""
        refuse_unmeasured(self.name, self.cost)

    def reason(self, history: History) -> str | None:
        """Returns that only the score counts, once the trials show that none tells the cost."""
        return untold(self.cost, history)

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns a new child of two parents that won a tournament each."""
        known = [
            trial for trial in history.completed[-_WINDOW:] if self.domain.contains(trial.values)
        ]
        few = (self.population + 1) // 2
        # Section III-C: a random parent population P_0 of size N is created.
        if len(known) < few:
            return sample_new(self.domain, history, rng)
        if rng.random() < self.elite:
            parents = best_of(known, few, history.direction)
        elif len(known) < self.population:
            return sample_new(self.domain, history, rng)
        else:
            parents = self._fittest(known, history.direction)
        return self._child([trial.values for trial in parents], history, rng)

    def _child(
        self, parents: Sequence[Values], history: History, rng: np.random.Generator
    ) -> dict[str, Value]:
        """Returns a new child of two of the parents, which come the fittest first."""
        # III-C: binary tournament selection; parents are in the order of the crowded comparison.
        first, second = (parents[min(rng.integers(len(parents), size=2))] for _ in range(2))
        # III-C: recombination and mutation make the child.
        child = dict(first)
        if rng.random() < self.crossover:
            child = self._crossed(first, second, rng)
        # Half of the children are crossed only: the paper's mutation, of each choice with
        # probability 1/n, leaves a good third of them as they are.
        if rng.random() < _UNCHANGED and not history.has_tried(child):
            return child
        return new_mutant(self.domain, child, history, rng)

    def _fittest(self, trials: Sequence[Trial], direction: str) -> list[Trial]:
        """The N first by non-domination and crowding, the fittest first."""
        sign = -1.0 if direction == "max" else 1.0
        points = np.array([[sign * (t.score or 0.0), self._cost(t)] for t in trials])
        return [trials[position] for position in crowded_order(points)[: self.population]]

    def _cost(self, trial: Trial) -> float:
        """The cost; one that isn't known is the same for all, so that only the score counts."""
        cost = trial.costs.get(self.cost, math.inf)
        return cost if math.isfinite(cost) else _DEAR

    def _crossed(self, first: Values, second: Values, rng: np.random.Generator) -> dict[str, Value]:
        """Takes each value from either parent; what only one has, and counts, from that one."""
        either = {
            name: first[name] if name in first and rng.random() < 0.5 else second[name]
            for name in second
        }
        try:
            return self.domain.complete({**first, **either})
        except SpaceError:  # a space may refuse combinations that its parameters allow
            return dict(first)
