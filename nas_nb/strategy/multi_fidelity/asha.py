"""ASHA (Li et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from nas_nb.strategy.base import Proposal, Strategy, best_of
from nas_nb.strategy.evolution import Evolution
from nas_nb.strategy.options import option
from nas_nb.strategy.predictor import Predictor
from nas_nb.strategy.random_grid import RandomSearch
from nas_nb.strategy.rungs import (
    FACTOR_HELP,
    MAX_EPOCHS_HELP,
    MIN_EPOCHS_HELP,
    Rungs,
    check_epochs,
    full_epochs,
    ladder,
)

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.history import History

PROPOSERS: dict[str, type[Strategy]] = {
    proposer.name: proposer for proposer in (RandomSearch, Evolution, Predictor)
}


@dataclass(frozen=True)
class Asha(Strategy):
    """Trains many architectures a little, and promotes the best third of each rung at once.

    Use it when the ranking after few epochs resembles the ranking after many, which is the rule:
    most of a search's time goes into architectures that a few epochs could have ruled out. Don't
    use it where a full training takes one or two epochs, or where slow starters win.

    Nothing waits for a rung to be full, as in `successive_halving`: as soon as an architecture is
    among the best 1/eta of its rung, it is trained on. In a `Search` it is continued. A `kt.Tuner`
    has to train for the value "tuner/epochs".

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

    def __post_init__(self) -> None:
        super().__post_init__()
        check_epochs(self.name, self.min_epochs, self.max_epochs)

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
