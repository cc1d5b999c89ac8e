"""Asynchronous successive halving (ASHA, Li et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from nas_nb.errors import StrategyError, nearest
from nas_nb.strategy.evolution import Evolution
from nas_nb.strategy.predictor import Predictor
from nas_nb.strategy.proposal import Proposal
from nas_nb.strategy.random_search import RandomSearch
from nas_nb.strategy.rungs import Rungs, best_of, full_epochs, ladder
from nas_nb.strategy.strategy import Strategy, whole_number

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.history import History

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
