"""Evolutionary algorithms: regularised evolution (Real et al. 2019); NSGA-II (Deb et al. 2002)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nas_nb.errors import SpaceError, StrategyError, nearest
from nas_nb.strategy.base import (
    Candidate,
    Proposal,
    Strategy,
    best_of,
    new_mutant,
    option,
    sample_new,
)

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Value, Values
    from nas_nb.space.search_space import SearchSpace


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


_WINDOW = 500
_DEAR = 1e300
_UNCHANGED = 0.5


@dataclass(frozen=True)
class Nsga2(Strategy):
    """Breeds architectures that trade the score against costs, spread along the Pareto front.

    Use it when a good score is not all: small and fast models count too, and you want to choose
    among the trade-offs afterwards (`search.pareto_front()`). Don't use it when only the score
    counts: half of its trials go to cheap architectures.

    The costs are the search's objectives beside the score, `cost` where it has none. They are what
    the trials record when they are built. Where no trial has one, this is
    elitist evolution on the score alone, and `reason(history)` says so. Two things are unlike
    the paper's. Generations overlap: each trial is one child of the best that are known by then.
    And half of the children (`elite`) have parents among the N/2 best by the score alone, since a
    front of a few dozen trials is mostly cheap and bad architectures, and their children would
    be, too.

    Paper: Deb, Pratap, Agarwal & Meyarivan, A Fast and Elitist Multiobjective Genetic Algorithm:
    NSGA-II, IEEE Transactions on Evolutionary Computation 6(2), 2002, Section III.
    """

    name: ClassVar[str] = "nsga2"
    design: ClassVar[str] = "population"
    several: ClassVar[str] = "sorts by {score} and {costs} together, without weights"

    cost: str = option(
        "params", "The cost to minimise in a search that has one objective, the score."
    )
    # The paper takes 100, which would be most of a notebook's search.
    population: int = option(20, "Population size N: how many of the best may be parents.", low=2)
    crossover: float = option(0.9, "Probability that a child has two parents.", low=0, high=1)
    # The paper takes 0.
    elite: float = option(
        0.5, "Probability that the parents are the best by the score alone.", low=0, high=1
    )

    def check_space(self, space: SearchSpace) -> None:
        """Raises a `StrategyError` for a cost that a search doesn't measure."""
        refuse_unmeasured(self.name, self.cost)

    def reason(self, history: History) -> str | None:
        """Returns that only the score counts, once the trials show that none tells the cost."""
        missing = (untold(cost, history) for cost in self._costs(history))
        return next(filter(None, missing), None) or self.design_text(history)

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns a new child of two parents that won a tournament each."""
        known = [
            trial for trial in history.completed[-_WINDOW:] if self.domain.contains(trial.values)
        ]
        design = self.initial_design(history)
        few = (design + 1) // 2
        # Section III-C: a random parent population P_0 of size N is created.
        if len(known) < few:
            return sample_new(self.domain, history, rng)
        if rng.random() < self.elite:
            parents = best_of(known, few, history.direction)
        elif len(known) < design:
            return sample_new(self.domain, history, rng)
        else:
            parents = self._fittest(known, history)
        return self._child(parents, history, rng)

    def _child(
        self, parents: Sequence[Trial], history: History, rng: np.random.Generator
    ) -> Candidate:
        """Returns a new child of two of the parents, which come the fittest first."""
        # III-C: binary tournament selection; parents are in the order of the crowded comparison.
        first, second = (parents[min(rng.integers(len(parents), size=2))] for _ in range(2))
        # III-C: recombination and mutation make the child.
        child, ancestors = dict(first.values), (first.number,)
        if rng.random() < self.crossover:
            child = self._crossed(first.values, second.values, rng)
            ancestors = tuple(dict.fromkeys((first.number, second.number)))
        # Half of the children are crossed only: the paper's mutation, of each choice with
        # probability 1/n, leaves a good third of them as they are.
        if rng.random() < _UNCHANGED and not history.has_tried(child):
            return Candidate(child, "crossed", ancestors)
        return new_mutant(self.domain, child, history, rng, ancestors=ancestors)

    def _costs(self, history: History) -> tuple[str, ...]:
        return history.minimised or (self.cost,)

    def _fittest(self, trials: Sequence[Trial], history: History) -> list[Trial]:
        """The N first by non-domination and crowding, the fittest first."""
        names = self._costs(history)
        # A cost that isn't known is the same for all, so that only the score counts.
        costs = [[t.costs.get(name, math.inf) for name in names] for t in trials]
        points = np.array(
            [
                [-history.sign * (t.score or 0.0), *(x if math.isfinite(x) else _DEAR for x in own)]
                for t, own in zip(trials, costs, strict=True)
            ]
        )
        return [trials[position] for position in crowded_order(points)[: self.population]]

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


Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Vector = np.ndarray[tuple[int], np.dtype[np.float64]]
Positions = np.ndarray[tuple[int], np.dtype[np.intp]]


def crowded_order(points: Matrix) -> list[int]:
    """Returns the positions of the points by the crowded comparison (III-B), the fittest first."""
    order: list[int] = []
    for members in fronts(points):
        crowding = crowding_distance(points[members])
        order += members[np.argsort(-crowding, kind="stable")].tolist()
    return order


def fronts(points: Matrix) -> list[Positions]:
    """Returns the non-dominated fronts, the best first (fast non-dominated sort, III-A)."""
    dominates = np.all(points[:, None] <= points[None], axis=2)
    dominates &= np.any(points[:, None] < points[None], axis=2)
    dominators = dominates.sum(axis=0)  # n_p, how many dominate p
    found: list[Positions] = []
    left = np.ones(len(points), dtype=bool)
    while left.any():
        members = np.flatnonzero(left & (dominators == 0))
        left[members] = False
        # For each p in F_i, for each q in S_p: n_q = n_q - 1.
        dominators = dominators - dominates[members].sum(axis=0)
        found.append(members)
    return found


def crowding_distance(points: Matrix) -> Vector:
    """Returns how far apart each point's front neighbours are (III-B); infinite at its ends."""
    distance = np.zeros(len(points))
    for column in points.T:
        order = np.argsort(column, kind="stable")
        spread = float(column[order[-1]] - column[order[0]]) or 1.0
        distance[order[[0, -1]]] = np.inf
        # For i = 2 to l - 1 add (I[i+1].m - I[i-1].m) / (f_m^max - f_m^min).
        distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / spread
    return distance


COSTS = ("params", "macs", "latency_s")
"""What a `Search` measures. Trials that others record may tell other costs."""

ENOUGH = 3
"""Completed trials that should tell the cost if any does."""


def refuse_unmeasured(owner: str, cost: str) -> None:
    """Raises a `StrategyError` if a `Search` does not measure a cost."""
    if cost not in COSTS:
        raise StrategyError(
            f"Strategy '{owner}' expected `cost` to be one that a search measures: "
            f"{', '.join(COSTS)}. Received: cost={cost!r}.{nearest(cost, COSTS)}"
        )


def untold(cost: str, history: History) -> str | None:
    """Returns that no trial tells the cost, as a sentence; None if one does, or few are known."""
    known = len(history.completed)
    if known < ENOUGH or any(cost in trial.costs for trial in history.completed):
        return None
    return f"by the score alone, because none of {known} completed trials tells the cost '{cost}'."
