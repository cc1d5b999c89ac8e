"""Successive halving in brackets (also Hyperband's), and in rungs (ASHA)."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import chain, repeat
from typing import TYPE_CHECKING, ClassVar

from nas_nb.record.trial import TrialStatus
from nas_nb.strategy.base import Proposal, SpaceExhausted, Strategy, best_of, option, sample_new
from nas_nb.strategy.evolution import Evolution
from nas_nb.strategy.predictor import Predictor
from nas_nb.strategy.random_grid import RandomSearch
from nas_nb.strategy.rungs import (
    FACTOR_HELP,
    MAX_EPOCHS_HELP,
    MIN_EPOCHS_HELP,
    Rungs,
    full_epochs,
    ladder,
    promotion_proposal,
)

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Value


@dataclass(frozen=True)
class Halving(Strategy):
    """Runs one bracket of successive halving after the other."""

    factor: int = option(3, FACTOR_HELP, low=2)
    max_epochs: int | None = option(None, MAX_EPOCHS_HELP, low=1)

    @abstractmethod
    def brackets(self, most: int) -> Iterator[Bracket]:
        """Yields the brackets to run, in order; `most` is R, the epochs of a full training."""

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        """Returns the next promotion of a bracket, or a new architecture for the latest bracket."""
        most = full_epochs(self.name, history, self.max_epochs)
        limited = cache(lambda bracket: self._limited(bracket, history))  # it repeats few kinds
        plan = map(limited, self.brackets(most))
        runs = replay_brackets(history, self.name, plan)
        filling = runs[-1] if runs and runs[-1].has_room else None
        # Hyperband's Algorithm 1, lines 4 to 8: for each i run all t in T, then T = top_k(T, L).
        promotion = self._promotion([run for run in runs if run is not filling], history, most)
        if promotion is not None:
            return promotion
        # Line 3: T = get_hyperparameter_configuration(n).
        bracket = filling.bracket if filling else next(plan, None)
        if bracket is None:
            raise SpaceExhausted(
                f"All the brackets that '{self.name}' was asked for are done. Ask for more, or "
                "end the search here."
            )
        try:
            return Proposal(self.configuration(history, rng), {"epochs": bracket.epochs[0]})
        except SpaceExhausted:
            # The last bracket is run with as many as there are.
            promotion = self._promotion(runs, history, most)
            if promotion is None:
                raise
            return promotion

    def wanted_design(self, history: History) -> int:
        """Returns how many architectures the first round of the first bracket draws."""
        most = self.max_epochs or history.full_epochs
        return next(self.brackets(most)).sizes[0] if most else 0

    def initial_design(self, history: History) -> int:
        """Returns how many it draws within the budget: at most a third of it."""
        most = self.max_epochs or history.full_epochs
        return self._limited(next(self.brackets(most)), history).sizes[0] if most else 0

    def _limited(self, bracket: Bracket, history: History) -> Bracket:
        """Returns the bracket, smaller if its first round is over a third of the budget."""
        thirds = [
            history.budget[limit] // (3 * unit)
            for limit, unit in (("max_trials", 1), ("max_epochs", bracket.epochs[0]))
            if limit in history.budget
        ]
        first = max(1, min(thirds, default=bracket.sizes[0]))
        if bracket.sizes[0] <= first:
            return bracket
        sizes = (math.ceil(first / self.factor**i) for i in range(len(bracket.sizes)))
        return Bracket(tuple(map(min, bracket.sizes, sizes)), bracket.epochs)

    def configuration(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns a new architecture for a first round."""
        return sample_new(self.domain, history, rng)

    def _promotion(
        self, runs: Sequence[BracketRun], history: History, most: int
    ) -> Proposal | None:
        for run in runs:
            for trial, epochs in run.promotions(history.direction):
                if (
                    due := promotion_proposal(trial, epochs, history, self.domain, most)
                ) is not None:
                    return due
        return None


@dataclass(frozen=True)
class Hyperband(Halving):
    """Successive halving in several brackets, each with other epochs in its first round.

    Use it when few epochs tell something about many, and nobody knows how much: its first bracket
    begins with many architectures and few epochs, the last trains a few in full, as random search
    does. Don't use it with a budget below one bracket, about R * (1 + log_eta R) epochs; `asha`
    needs less to have its first result.

    The brackets are those of `keras_tuner.Hyperband`. Unlike there, nothing is lost when the
    kernel dies, no architecture is drawn twice, and it begins again when all brackets are done,
    until the budget is spent or `hyperband_iterations` are done. In a `Search` a promoted trial
    is continued. A `kt.Tuner` has to train for the value "tuner/epochs", as KerasTuner's
    Hyperband does.

    Paper: Li, Jamieson, DeSalvo, Rostamizadeh & Talwalkar, Hyperband: A Novel Bandit-Based Approach
    to Hyperparameter Optimization, JMLR 18, 2018, Algorithm 1.
    """

    name: ClassVar[str] = "hyperband"

    hyperband_iterations: int | None = option(
        None, "How often all brackets are run; by default until the budget is spent.", low=1
    )

    def brackets(self, most: int) -> Iterator[Bracket]:
        """Yields the brackets s_max, ..., 0, and again."""
        # Algorithm 1, line 1: for s in {s_max, s_max - 1, ..., 0} do
        iteration = hyperband_brackets(most, self.factor)
        times = self.hyperband_iterations
        return chain.from_iterable(repeat(iteration) if times is None else repeat(iteration, times))


@dataclass(frozen=True)
class SuccessiveHalving(Halving):
    """Trains n architectures a little, the best of them longer, and so on; then n others.

    Use it when the ranking after few epochs resembles the ranking after many, and to see the idea
    at its plainest. Don't use it when you can't tell how many epochs tell enough: `hyperband` tries
    several answers. `asha` does not wait for a round to end, and so has its first full training
    sooner.

    In a `Search` a promoted trial is continued. A `kt.Tuner` has to train for the value
    "tuner/epochs", as KerasTuner's Hyperband does.

    Papers: Jamieson & Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter
    Optimization, AISTATS 2016 (Successive Halving; its eta is 2, ours is 3 as in Hyperband);
    with R and eta as in Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys
    2020, Algorithm 1.
    """

    name: ClassVar[str] = "successive_halving"

    n: int | None = option(
        None,
        "Architectures of the first round; by default enough to leave one that is trained in full.",
        low=1,
    )
    min_epochs: int = option(1, MIN_EPOCHS_HELP, low=1)

    def brackets(self, most: int) -> Iterator[Bracket]:
        """Yields the same bracket again and again."""
        # Algorithm 1 of Li et al.: r_i = r * eta^(i + s) up to R; here s is 0.
        epochs = ladder(min(self.min_epochs, most), most, self.factor)
        last = len(epochs) - 1
        n = self.n or self.factor**last  # so many leave one that is allocated R
        # Likewise: n_i = floor(n * eta^-i); here at least 1.
        sizes = tuple(max(n // self.factor**i, 1) for i in range(last + 1))
        return repeat(Bracket(sizes, epochs))


_OVER = (TrialStatus.COMPLETED, TrialStatus.FAILED)


@dataclass(frozen=True)
class Bracket:
    """How many architectures are trained for how long, round after round."""

    sizes: tuple[int, ...]  # n_i, how many are trained in round i
    epochs: tuple[int, ...]  # r_i, for how many epochs in all


def hyperband_brackets(max_epochs: int, factor: int) -> tuple[Bracket, ...]:
    """Returns the brackets of one iteration of Hyperband, s = s_max, ..., 0."""
    # Li et al. 2018, Algorithm 1, has s_max = floor(log_eta R), n = ceil((s_max + 1) / (s + 1) *
    # eta^s) and r = R * eta^-s, and rounds down in each round. Where R is no power of eta we round
    # as KerasTuner does: up, with 1 + log_eta R rounded up in the place of s_max + 1.
    rounds = 0
    left = float(max_epochs)
    while left >= 1:
        left /= factor
        rounds += 1
    return tuple(_bracket(s, max_epochs, factor) for s in reversed(range(rounds)))


def _bracket(s: int, max_epochs: int, factor: int) -> Bracket:
    last = math.ceil(1 + math.log(max_epochs, factor)) / (s + 1)  # Algorithm 1, line 2: n / eta^s
    return Bracket(
        tuple(math.ceil(last * factor ** (s - i)) for i in range(s + 1)),  # line 5: n_i
        tuple(math.ceil(max_epochs / factor ** (s - i)) for i in range(s + 1)),  # line 6: r_i
    )


@dataclass
class BracketRun:
    """A bracket as far as it was run: the trials of each round so far."""

    bracket: Bracket
    rounds: list[list[Trial]] = field(init=False)

    def __post_init__(self) -> None:
        self.rounds = [[] for _ in self.bracket.sizes]

    @property
    def has_room(self) -> bool:
        """Whether its first round lacks architectures."""
        return len(self.rounds[0]) < self.bracket.sizes[0]

    def promotions(self, direction: str) -> Iterator[tuple[Trial, int]]:
        """Yields what to promote, with its epochs in all, once all trials of a round ended."""
        later = zip(self.bracket.sizes[1:], self.bracket.epochs[1:], strict=True)
        for (size, epochs), below, above in zip(later, self.rounds, self.rounds[1:], strict=False):
            if not all(trial.status in _OVER for trial in below):
                return
            done = [trial for trial in below if trial.status is TrialStatus.COMPLETED]
            promoted = {trial.parent for trial in above}
            # Algorithm 1, line 8: T = top_k(T, L, floor(n_i / eta)).
            for trial in best_of(done, size, direction):
                if trial.number not in promoted:
                    yield trial, epochs


def replay_brackets(history: History, origin: str, brackets: Iterator[Bracket]) -> list[BracketRun]:
    """Returns a strategy's brackets as far as its trials in the history have run them."""
    # A trial whose parent is in no bracket is new: it fills the first round of the latest bracket,
    # or begins the next. The others stand one round above their parent.
    runs: list[BracketRun] = []
    # Not one dictionary of pairs: thousands of new objects per proposal would set off the garbage
    # collector, which then goes through all that TensorFlow keeps, in 0.3 s.
    run_of: dict[int | None, BracketRun] = {}
    round_of: dict[int | None, int] = {}
    for trial in history.trials:
        if trial.origin != origin:
            continue
        run, place = run_of.get(trial.parent), round_of.get(trial.parent, -1) + 1
        if run is None or place == len(run.rounds):
            if not runs or not runs[-1].has_room:
                bracket = next(brackets, None)
                if bracket is None:
                    break
                runs.append(BracketRun(bracket))
            run, place = runs[-1], 0
        run.rounds[place].append(trial)
        run_of[trial.number], round_of[trial.number] = run, place
    return runs


PROPOSERS: dict[str, type[Strategy]] = {
    proposer.name: proposer for proposer in (RandomSearch, Evolution, Predictor)
}


@dataclass(frozen=True)
class Asha(Strategy):
    """Trains many architectures a little, and promotes the best of each rung at once.

    Use it when the ranking after few epochs resembles the ranking after many, which is the
    rule: without it most of a search's time goes into architectures that a few epochs could
    have ruled out. Don't use it where a full training takes one or two epochs, or where slow
    starters win.

    Nothing waits for a rung to be full, as in `successive_halving`: as soon as an architecture
    is among the best 1/eta of its rung, its training goes on. In a `Search` it continues from
    its weights. A `kt.Tuner` has to train for the value "tuner/epochs".

    Papers: Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht & Talwalkar, A System for
    Massively Parallel Hyperparameter Tuning, MLSys 2020, Algorithm 2; with a model for the new
    configurations, Klein et al., Model-based Asynchronous Hyperparameter and Neural Architecture
    Search, 2020.
    """

    name: ClassVar[str] = "asha"

    proposer: str = option(
        "random",
        "Strategy that proposes new architectures for the lowest rung.",
        words=tuple(PROPOSERS),
    )
    # The paper takes 4; 3, as in Hyperband, makes more rungs of a notebook's few epochs.
    factor: int = option(3, FACTOR_HELP, low=2)
    min_epochs: int = option(1, MIN_EPOCHS_HELP, low=1)
    max_epochs: int | None = option(None, MAX_EPOCHS_HELP, low=1)
    s: int = option(0, "Early-stopping rate: how many of the lowest rungs are left out.", low=0)

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        """Returns get_job(): a promotion where one is due, or else a new architecture."""
        most = full_epochs(self.name, history, self.max_epochs)
        every = ladder(min(self.min_epochs, most), most, self.factor)
        rungs = Rungs.of(history, every[min(self.s, len(every) - 1) :])
        # Algorithm 2, get_job(): for k = floor(log_eta(R / r)) - s - 1, ..., 1, 0 do
        for k in reversed(range(len(rungs.epochs) - 1)):
            # candidates = top_k(rung k, |rung k| / eta)
            size = len(rungs.completed[k]) // self.factor
            for candidate in best_of(rungs.completed[k], size, history.direction):
                # promotable = {t for t in candidates if t not already promoted}
                promotion = rungs.climb(candidate, k + 1, history, self.domain)
                if promotion is not None:
                    return promotion
        # get_job(), if none is promotable: draw random configuration.
        drawn = self._proposer.propose(rungs.view(history), rng)
        values = drawn.values if isinstance(drawn, Proposal) else drawn
        return Proposal(values, {"epochs": rungs.epochs[0]})

    @cached_property
    def _proposer(self) -> Strategy:
        return PROPOSERS[self.proposer](domain=self.domain)
