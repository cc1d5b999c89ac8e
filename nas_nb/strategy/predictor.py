"""The predictor: a surrogate model of the scores proposes, in full trainings or in rungs."""

from __future__ import annotations

import math
from bisect import insort_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nas_nb.record.pareto import ParetoFront
from nas_nb.record.trial import sign_of
from nas_nb.strategy.base import (
    Candidate,
    Proposal,
    SpaceExhausted,
    Strategy,
    best_of,
    is_continuation,
    liars,
    option,
    sample_new,
    single_blas_thread,
)
from nas_nb.strategy.initial_design import (
    Prior,
    first_candidate,
    likely_candidate,
    near_candidate,
    unlike_candidate,
)
from nas_nb.strategy.rungs import FACTOR_HELP, MAX_EPOCHS_HELP, Rungs, full_epochs, granted, ladder

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.strategy.surrogate import SurrogateFitter, Vector

_NONE = 1e-300


@dataclass(frozen=True)
class Predictor(Strategy):
    """Predicts the scores of architectures near the best, and proposes the most promising.

    Use it when a trial takes more than a second and the budget is tens or hundreds of trials: it
    needs the fewest. Don't use it for thousands of cheap trials, where evolution is as good.

    The surrogate is a Gaussian process that learns how much each choice matters; what the space
    knows about an architecture without a model (`features`) enters linearly. Candidates are mutants
    and neighbours of the best architectures, as in BANANAS, whose surrogate is an ensemble of
    networks.

    With `min_epochs` half of the epochs go to full trainings and half to rungs, which train new
    architectures briefly at first (`next_training`). Where the budget limits time, half of the
    seconds do, and both go by expected improvement per second. In a `Search` a promoted trial is
    continued; a `kt.Tuner` has to train for the value "tuner/epochs".

    Where the names of choices tell what is mostly good (`Prior`), the expected improvement is
    weighted by that prior, less with every trial: piBO.

    With several objectives candidates come from the front, and count by how much they are expected
    to enlarge its hypervolume (`hypervolume_improvement`); what they cost is predicted from the
    choices. Promotions to higher rungs go by the score alone.

    What runs at the same time counts with the mean score until it ends, so that workers are not
    sent to the same place: the constant liar.

    Papers: White, Neiswanger & Savani, BANANAS: Bayesian Optimization with Neural Architectures for
    Neural Architecture Search, AAAI 2021, Algorithm 1; Rasmussen & Williams, Gaussian Processes for
    Machine Learning, 2006, chapters 2 and 5; Hvarfner et al., piBO: Augmenting Acquisition
    Functions with User Beliefs for Bayesian Optimization, ICLR 2022 (section 3); Snoek, Larochelle
    & Adams, Practical Bayesian Optimization of Machine Learning Algorithms, NeurIPS 2012 (section
    3.2); Ginsbourger, Le Riche & Carraro, Kriging Is Well-Suited to Parallelize Optimization, 2010
    (section 4.2).
    """

    name: ClassVar[str] = "predictor"
    several: ClassVar[str] = (
        "proposes by the expected improvement of the hypervolume of {score} and {costs}"
    )

    # With rungs it is that many on each side: see `next_training`. The paper's networks get 10.
    t0: int = option(5, "Initial design: trials before the surrogate is used.", low=2)
    candidates: int = option(
        160, "How many candidates the surrogate ranks for each proposal.", low=8
    )
    window: int = option(
        200, "How many trials, the best and the latest, the surrogate is fitted to.", low=20
    )
    beta: float = option(
        10.0, "Prior strength: after so many trials the prior counts as much as the model.", low=0
    )
    min_epochs: int | None = option(
        None, "Epochs of the lowest rung; empty to train every candidate in full.", low=1
    )
    factor: int = option(4, FACTOR_HELP, low=2)
    max_epochs: int | None = option(None, MAX_EPOCHS_HELP, low=1)

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value] | Proposal:
        """Returns the most promising new architecture; with rungs, what `next_training` says."""
        if self.min_epochs is not None:
            return next_training(self, self.min_epochs, history, rng)
        return self.most_promising(history, rng) if history.finished else self.first(history, rng)

    def first(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns the first architecture of a search: likely good, and affordable."""
        first = first_candidate(self.domain, history, rng, self.knowledge.belief(history))
        return Candidate(first, "drawn")

    def most_promising(
        self, history: History, rng: np.random.Generator, by_time: bool = False
    ) -> dict[str, Value]:
        """Returns the candidate of the highest acquisition; a random one in the initial design."""
        from nas_nb.strategy.surrogate import candidate_pool, expected_improvement

        # Algorithm 1, step 1: draw t0 architectures at random and train them.
        best, belief = self.knowledge.best(history), self.knowledge.belief(history)
        if len(history.completed) < self.side_design(history) or not best:
            return likely_candidate(self.domain, history, rng, belief)
        # Step 2.ii: generate a set of c candidates by randomly mutating the best architectures.
        front = self.knowledge.front(history)
        parents = [front[at] for at in rng.permutation(len(front))] if front else best
        pool = candidate_pool(
            self.domain, [trial.values for trial in parents], rng, self.candidates
        )
        # Step 2.i: train the model on the architectures and their scores.
        mean, deviation, seen = self.knowledge.predicted(history, pool)
        # Steps 2.iii, iv: evaluate the acquisition function for each; train the best one.
        gain = expected_improvement(mean, deviation, seen)
        if front:
            gain = self.knowledge.front_gain(history, front, pool, mean, deviation)
        promise = np.log(gain + _NONE)
        if belief:  # piBO, eq. (6): log alpha(x) + beta / n * log pi(x)
            believed = [belief.log_density(values) for values in pool]
            promise += self.beta / len(history.completed) * np.array(believed)
        if by_time:  # expected improvement per second, Snoek et al. 2012, section 3.2
            promise -= self.knowledge.log_seconds(history, pool)
        ranked = (pool[position] for position in np.argsort(-promise, kind="stable"))
        new = next((values for values in ranked if not history.has_tried(values)), None)
        if new is None:
            return sample_new(self.domain, history, rng)
        return Candidate(new, "predicted")

    def wanted_design(self, history: History) -> int:
        """Returns t0; with rungs that many on each side."""
        return self.t0 if self.min_epochs is None else 2 * self.t0

    def side_design(self, history: History) -> int:
        """Returns how many trials the initial design has at one fidelity."""
        made = self.initial_design(history)
        return made if self.min_epochs is None else max(1, made // 2)

    @cached_property
    def knowledge(self) -> PredictorState:
        """The surrogate, the prior and the best trials of the space."""
        return PredictorState(self.domain, self.window, self.max_epochs)


_OPENING = 0.25


def next_training(
    predictor: Predictor, min_epochs: int, history: History, rng: np.random.Generator
) -> Proposal:
    """Splits the budget between full trainings and successive halving: what to train next."""
    # Rungs pay where a training is long, and not where most of it is compiling the model: with
    # half of the budget for each, a search is at most twice as slow as with the better one alone.
    # The surrogate of either half learns from the scores of its own fidelity. Where the prior
    # knows the space, `t0` full trainings come first, within a quarter of the budget, so that
    # there is an incumbent soon. Where it knows nothing, they wait until `t0` trials were promoted
    # to the top.
    most = full_epochs(predictor.name, history, predictor.max_epochs)
    if not history.finished:
        return Proposal(predictor.first(history, rng), {"epochs": most})
    rungs = Rungs.of(history, ladder(min(min_epochs, most), most, predictor.factor))
    if full_is_due(history, most, predictor.side_design(history)):
        full = _in_full(predictor, rungs.view(history, len(rungs.epochs) - 1), rng)
        if full is not None:
            return Proposal(full, {"epochs": most})
    ranked = predictor.knowledge.ranked
    promotion = rungs.due(history, predictor.domain, predictor.factor, ranked)
    if promotion is not None:
        return promotion
    try:
        values = predictor.most_promising(rungs.view(history), rng, limits_time(history))
    except SpaceExhausted:
        promotion = rungs.left(history, predictor.domain, ranked)
        if promotion is None:
            raise
        return promotion
    return Proposal(values, {"epochs": rungs.epochs[0]})


def limits_time(history: History) -> bool:
    """Whether the budget limits time: else measured seconds decide nothing, and a seed repeats."""
    return "max_time_s" in history.budget


def full_is_due(history: History, most: int, t0: int) -> bool:
    """Whether full trainings had less than half of the budget's time or epochs, or open the search.

    Epochs count, too, where a trial doesn't say its seconds.
    """
    timed = all(trial.duration_s > 0 for trial in history.completed)
    in_epochs = not (limits_time(history) and timed)

    def cost(trial: Trial) -> float:
        return _epochs(trial, history, most) if in_epochs else trial.duration_s

    whole = [trial for trial in history.finished if granted(trial, most) >= most]
    at_once = [trial for trial in whole if history.root_of(trial.number) == trial.number]
    spent = sum(map(cost, at_once))
    limit = history.budget.get("max_epochs" if in_epochs else "max_time_s", math.inf)
    opens = len(at_once) < t0 and spent <= _OPENING * limit
    return opens or 2 * spent <= sum(map(cost, history.finished))


def _epochs(trial: Trial, history: History, most: int) -> int:
    """How many epochs a trial was granted beyond those of the trial that it continues."""
    known = 0
    if trial.parent is not None and history.root_of(trial.number) != trial.number:
        known = granted(history[trial.parent], most)
    return granted(trial, most) - known


def _in_full(
    predictor: Predictor, history: History, rng: np.random.Generator
) -> dict[str, Value] | None:
    """Returns an architecture to train in full, given the view of the top rung, or None."""
    try:
        if len(history.completed) >= predictor.side_design(history):
            return predictor.most_promising(history, rng, limits_time(history))
        best, belief = predictor.knowledge.best(history), predictor.knowledge.belief(history)
        if not belief:
            return None
        if not best:
            return likely_candidate(predictor.domain, history, rng, belief)
        centre = best[0].values
        near = unlike_candidate(predictor.domain, history, belief, centre)
        near = near or near_candidate(predictor.domain, history, rng, belief, centre)
        return Candidate(near, "mutated", (best[0].number,)) if near else None
    except SpaceExhausted:  # some may still climb
        return None


_BEST = 5
_MOST_MEMBERS = (100, 40, 20)
"""Of a front, for one, two and three costs: cells multiply."""


class PredictorState:
    """The best trials, the prior and the surrogate of a history or a rung of it, cached."""

    def __init__(self, domain: Domain, window: int, max_epochs: int | None = None) -> None:
        self.domain = domain
        self.window = window
        self.max_epochs = max_epochs
        self._leaders = TopTrials(domain, _BEST)
        self._beliefs: dict[int | None, Prior] = {}

    def best(self, history: History) -> list[Trial]:
        """Returns the best five trials of the space so far, the best first."""
        return self._leaders.of(history.completed, history.direction)

    def belief(self, history: History) -> Prior:
        """Returns the prior for as many gradient steps as a full training has."""
        epochs, an_epoch = self.max_epochs or history.full_epochs, history.steps_per_epoch
        steps = epochs * an_epoch if epochs and an_epoch else None
        if steps not in self._beliefs:
            self._beliefs[steps] = Prior(self.domain, steps)
        return self._beliefs[steps]

    def predicted(self, history: History, points: Sequence[Values]) -> tuple[Vector, Vector, float]:
        """Returns mean and deviation of points' scores, and the best score; larger is better."""
        with single_blas_thread():
            best, lies = self.best(history), liars(history, self.domain, history.completed)
            model = self._learner.learn(history.finished, best, history.sign, lies)
            return *model.predict(points), model.best

    def front(self, history: History) -> list[Trial]:
        """Returns the front of a search of several objectives, whose costs some trial tells."""
        told = {name for trial in history.completed for name in trial.costs}
        costs = [name for name in history.minimised if name in told]
        if not costs:
            return []
        front = ParetoFront(history.completed, ("score", *costs), history.direction)
        inside = [trial for trial in front.trials if self.domain.contains(trial.values)]
        return inside[:: -(-len(inside) // _MOST_MEMBERS[len(costs) - 1]) or 1]

    def front_gain(
        self,
        history: History,
        front: Sequence[Trial],
        pool: Sequence[Values],
        mean: Vector,
        deviation: Vector,
    ) -> Vector:
        """Returns by how much candidates are expected to enlarge the front's hypervolume."""
        from nas_nb.strategy.surrogate import decades, hypervolume_improvement, predict_decades

        costs = [name for name in history.minimised if name in front[0].costs]
        # Noise would make the luckiest trials unbeatable: their predicted scores count.
        others = (t for t in history.completed[-self.window :] if self.domain.contains(t.values))
        scores, *_ = self.predicted(history, [trial.values for trial in (*front, *others)])
        paid = np.array([decades([trial.costs[n] for n in costs]) for trial in front])
        most = [max(t.costs.get(name, 0.0) for t in history.completed) for name in costs]
        asked = [predict_decades(self._learner.coder, history.completed, n, pool) for n in costs]
        members = np.column_stack([scores[: len(front)], paid])
        worst = np.array([scores.min(), *decades(most)])
        return hypervolume_improvement(mean, deviation, np.column_stack(asked), members, worst)

    def log_seconds(self, history: History, points: Sequence[Values]) -> Vector:
        """Returns the predicted log-seconds that an epoch of each point takes."""
        from nas_nb.strategy.surrogate import predict_log_seconds

        return predict_log_seconds(self._learner.coder, history.completed, points)

    def ranked(self, history: History, trials: Sequence[Trial]) -> Sequence[Trial]:
        """Returns trials by predicted score, the best first; by their own while there are few."""
        # The surrogate knows the noise of scores, so it ranks better than they do.
        by_score = best_of(trials, self.window, history.direction)
        by_score = [trial for trial in by_score if self.domain.contains(trial.values)]
        if len(self.best(history)) < _BEST or not by_score:
            return by_score
        mean, *_ = self.predicted(history, [trial.values for trial in by_score])
        return [by_score[position] for position in np.argsort(-mean, kind="stable")]

    @cached_property
    def _learner(self) -> SurrogateFitter:
        from nas_nb.strategy.surrogate import PointEncoder, SurrogateFitter

        return SurrogateFitter(PointEncoder(self.domain), self.window)


@dataclass
class _Seen:
    """The best of some trials, the best first."""

    sign: float
    trials: tuple[Trial, ...] = ()
    best: list[Trial] = field(default_factory=list)


class TopTrials:
    """Caches the best trials of a space, so that only new trials are looked at."""

    # It may be asked of a history and of its rungs in turn: the first trial tells them apart.

    def __init__(self, domain: Domain, count: int) -> None:
        self.domain = domain
        self.count = count
        self._seen: dict[int, _Seen] = {}

    def of(self, trials: tuple[Trial, ...], direction: str) -> list[Trial]:
        """Returns the best completed trials, the best first, and of equals the earlier ones."""
        if not trials:
            return []
        sign = -sign_of(direction)
        seen = self._seen.get(trials[0].number)
        if seen is None or sign != seen.sign or not is_continuation(trials, seen.trials):
            seen = self._seen[trials[0].number] = _Seen(sign)
        for trial in trials[len(seen.trials) :]:
            self._place(trial, seen)
        seen.trials = trials
        return list(seen.best)

    def _place(self, trial: Trial, seen: _Seen) -> None:
        def rank(known: Trial) -> float:
            return seen.sign * (known.score or 0.0)

        if len(seen.best) == self.count and rank(trial) >= rank(seen.best[-1]):
            return
        if self.domain.contains(trial.values):
            insort_right(seen.best, trial, key=rank)
            del seen.best[self.count :]
