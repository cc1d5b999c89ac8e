"""ASHA (Li et al. 2020), and the funnel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nas_nb.errors import StrategyError, nearest
from nas_nb.space.encoding import size_of
from nas_nb.strategy.base import Proposal, Strategy, best_of, sample_new, whole_number
from nas_nb.strategy.evolution import Evolution
from nas_nb.strategy.predictor import Predictor
from nas_nb.strategy.random_grid import RandomSearch
from nas_nb.strategy.rungs import Rungs, full_epochs, ladder

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Value

PROPOSERS: dict[str, type[Strategy]] = {
    proposer.name: proposer for proposer in (RandomSearch, Evolution, Predictor)
}


@dataclass(frozen=True)
class Asha(Strategy):
    """Trains many architectures a little, and goes on with the best third of each rung at once.

    Use it when the ranking after few epochs resembles the ranking after many, which is the rule:
    most of a search's time goes into architectures that a few epochs could have ruled out. Don't
    use it where a full training takes one or two epochs, or where slow starters win.

    Nothing waits for a rung to be full, as it does in `successive_halving`: as soon as an
    architecture is among the best 1/eta of its rung, it is trained on. In a `Search` it is
    continued from where it stopped. A `kt.Tuner` has to train for the value "tuner/epochs".

    Papers: Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht & Talwalkar, A System for
    Massively Parallel Hyperparameter Tuning, MLSys 2020, Algorithm 2; with a model for the new
    configurations, Klein et al., Model-based Asynchronous Hyperparameter and Neural Architecture
    Search, 2020.

    Args:
        proposer: Who proposes the new architectures, from the trials of the lowest rung: "random"
            as in the paper, "evolution" or "predictor".
        factor: eta: one of so many climbs, and is trained that many times longer, 2 or more. The
            paper takes 4; 3, as in Hyperband, makes more rungs of a notebook's few epochs.
        min_epochs: r, the epochs of the lowest rung, 1 or more.
        max_epochs: R, the epochs of the highest; by default what the search grants.
        s: The early-stopping rate: how many of the lowest rungs to leave out, 0 or more.
    """

    name: ClassVar[str] = "asha"

    proposer: str = "random"
    factor: int = 3
    min_epochs: int = 1
    max_epochs: int | None = None
    s: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.proposer, str) or self.proposer not in PROPOSERS:
            raise StrategyError(
                f"Strategy 'asha' expected `proposer` to be one of {', '.join(PROPOSERS)}. "
                f"Received: proposer={self.proposer!r}.{nearest(str(self.proposer), PROPOSERS)}"
            )
        whole_number(self.name, "factor", self.factor, 2)
        whole_number(self.name, "min_epochs", self.min_epochs, 1)
        whole_number(self.name, "s", self.s, 0)
        if self.max_epochs is not None:
            whole_number(self.name, "max_epochs", self.max_epochs, self.min_epochs)

    @property
    def needs_epochs(self) -> bool:
        """Whether somebody has to tell it the epochs of a full training."""
        return self.max_epochs is None

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


_WINDOW = 100
_TELLING = 10


@dataclass(frozen=True)
class Funnel(Strategy):
    """Ranks a pool by what costs nothing, trains the first of it for an epoch, the best in full.

    Use it where full trainings are dear and there are many architectures: most are ruled out by
    a number, most of the rest by one epoch. Don't use it where the first epoch tells little, or
    where one full training is all that is needed to rank.

    The number that costs nothing is the size of the model, in multiply-adds or else in weights,
    where the space knows it without building one. Larger counts as better until the first epochs
    say otherwise: from ten of them on, the sign of the rank correlation decides. In a space that
    knows no sizes the funnel begins with the epoch. In a `Search` what is promoted is continued; a
    `kt.Tuner` has to train for the value "tuner/epochs".

    Papers: Mellor et al., Neural Architecture Search without Training, ICML 2021 (rank a pool,
    train the first); White et al., How Powerful are Performance Predictors in Neural Architecture
    Search?, NeurIPS 2021, and Ning et al., Evaluating Efficient Performance Estimators of Neural
    Architectures, NeurIPS 2021 (parameters and FLOPs are hard to beat as proxies).

    Args:
        pool: How many new architectures to rank for each that is trained, 1 or more.
        factor: One of so many that had the first epochs is trained in full, 2 or more.
        min_epochs: The first epochs, 1 or more.
        max_epochs: Those of a full training; by default what the search grants.
    """

    name: ClassVar[str] = "funnel"

    pool: int = 4
    factor: int = 4
    min_epochs: int = 1
    max_epochs: int | None = None

    def __post_init__(self) -> None:
        whole_number(self.name, "pool", self.pool, 1)
        whole_number(self.name, "factor", self.factor, 2)
        whole_number(self.name, "min_epochs", self.min_epochs, 1)
        if self.max_epochs is not None:
            whole_number(self.name, "max_epochs", self.max_epochs, self.min_epochs)

    @property
    def needs_epochs(self) -> bool:
        """Whether somebody has to tell it the epochs of a full training."""
        return self.max_epochs is None

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        """Returns the best of the first epochs, or else the first of a new pool."""
        most = full_epochs(self.name, history, self.max_epochs)
        rungs = Rungs.of(history, tuple(dict.fromkeys((min(self.min_epochs, most), most))))
        # One epoch -> full: the best of those that had it, one for each `factor` of them.
        promotion = rungs.due(history, self.domain, self.factor)
        if promotion is not None:
            return promotion
        # Zero cost -> one epoch: the first of a pool.
        pool = self._pool(history, rng)
        sign = self._sign(rungs.completed[0], history.direction)
        chosen = max(pool, key=lambda values: sign * (size_of(self.domain, values) or 0.0))
        return Proposal(chosen, {"epochs": rungs.epochs[0]})

    def _pool(self, history: History, rng: np.random.Generator) -> list[dict[str, Value]]:
        """New architectures to rank; a single one where sizes aren't known."""
        drawn = [sample_new(self.domain, history, rng)]
        if size_of(self.domain, drawn[0]) is None:
            return drawn
        more = (self.domain.sample(rng) for _ in range(self.pool - 1))
        return drawn + [values for values in more if not history.has_tried(values)]

    def _sign(self, trials: Sequence[Trial], direction: str) -> float:
        """1 where larger models score better so far, -1 where smaller ones do."""
        latest = [trial for trial in trials[-_WINDOW:] if self.domain.contains(trial.values)]
        sizes = [size_of(self.domain, trial.values) for trial in latest]
        if len(sizes) < _TELLING or None in sizes:
            return 1.0
        scores = [trial.score or 0.0 for trial in latest]
        alike = np.corrcoef(_ranks(np.array(sizes)), _ranks(np.array(scores)))[0, 1]
        return 1.0 if alike * (1.0 if direction == "max" else -1.0) >= 0 else -1.0


def _ranks(numbers: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(numbers, kind="stable"))
