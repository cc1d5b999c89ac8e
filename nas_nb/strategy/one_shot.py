"""One-shot search: candidates ranked by the weights that they inherit from a supernet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nas_nb.errors import StrategyError
from nas_nb.strategy.scored_pool import Scored, score_pool
from nas_nb.strategy.shared import prepared, refuse_unprepared, refuse_unshareable
from nas_nb.strategy.strategy import Strategy, sample_new, whole_number

if TYPE_CHECKING:
    from nas_nb.data import Data
    from nas_nb.evaluate.trainer import Control
    from nas_nb.record.history import History
    from nas_nb.record.journal import Journal
    from nas_nb.record.values import Value
    from nas_nb.space.search_space import SearchSpace


@dataclass(frozen=True)
class OneShot(Strategy):
    """Trains one net with the weights of all architectures, and tries first what it rates best.

    Use it where a candidate takes long to train and only a few can be: the supernet costs as much
    as a few candidates, and then rates hundreds. Don't use it to tell neighbours apart: shared
    weights separate kinds of architectures better than sizes. It needs the data, so only a
    `Search` can run it, on a space of chains or of NAS-Bench-201's cells.

    The supernet is trained before the first trial; its scores are written into the journal, and
    proposals read them there. Trials train from scratch: a score of shared weights is no score.

    Paper: Guo et al., Single Path One-Shot Neural Architecture Search with Uniform Sampling,
    ECCV 2020. As there, candidates are found by evolution: half of the pool is drawn, the rest are
    mutants of the 10 best so far (without the paper's crossover).

    Args:
        epochs: Passes of the supernet's training over the data, 1 or more.
        pool: How many candidates are scored, 1 or more; all of a space that has no more.
        fair: Whether all options of a choice are trained equally often in each step (FairNAS), at
            several times the cost.
    """

    name: ClassVar[str] = "one_shot"
    needs_data: ClassVar[bool] = True

    epochs: int = 60
    pool: int = 200
    fair: bool = False

    def __post_init__(self) -> None:
        from nas_nb.evaluate.backend import require_tensorflow

        require_tensorflow("strategy 'one_shot', whose net is shared", StrategyError)
        whole_number(self.name, "epochs", self.epochs, 1)
        whole_number(self.name, "pool", self.pool, 1)
        if not isinstance(self.fair, bool):
            raise StrategyError(
                f"Strategy 'one_shot' expected `fair` to be True or False. Received: "
                f"fair={self.fair!r}."
            )

    def check_space(self, space: SearchSpace) -> None:
        """Raises a `StrategyError` if the space has no shared net."""
        refuse_unshareable(self.name, space)

    def prepare(
        self, space: SearchSpace, data: Data, journal: Journal, control: Control, seed: int
    ) -> None:
        """Trains the supernet and writes the scores of the pool into the journal."""
        from nas_nb.evaluate.supernet import Supernet

        if self._scored(journal.history) is not None:
            return
        supernet = Supernet(space, data, seed=seed)

        def on_epoch(epoch: int, logs: Mapping[str, float], duration_s: float) -> None:
            detail = {"epoch": epoch, "epochs": self.epochs, "logs": dict(logs)}
            journal.append("prepared", strategy=self.name, what="epoch", detail=detail)

        # The supernet's weights by uniform sampling of single paths (section 3.2 of the paper).
        trained = supernet.train(
            epochs=self.epochs, fair=self.fair, on_epoch=on_epoch, control=control
        )
        objective = journal.history.objective

        def score(values: Mapping[str, Value]) -> float | None:
            if control.checkpoint():
                return None
            return supernet.score(supernet.space.architecture(values), objective)

        if trained.stopped:
            return
        sign = 1.0 if journal.history.direction == "max" else -1.0
        scored = score_pool(self.domain, score, self.pool, sign, np.random.default_rng([seed, 1]))
        if scored is not None:
            detail = {"options": self.options, "objective": objective, "candidates": scored}
            journal.append("prepared", strategy=self.name, what="scores", detail=detail)

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns the best of the pool that was never tried; a random one when all were."""
        scored = self._scored(history)
        if scored is None:
            refuse_unprepared(self, "ranks candidates with a supernet")
        # The architecture of the highest validation accuracy with inherited weights, then the next.
        sign = 1.0 if history.direction == "max" else -1.0
        for values, _ in sorted(scored, key=lambda pair: -sign * pair[1]):
            if self.domain.contains(values) and not history.has_tried(values):
                return self.domain.canonical(values)
        return sample_new(self.domain, history, rng)

    def _scored(self, history: History) -> Scored | None:
        """Returns the pool's values and scores, once they are known for these options."""
        detail = prepared(self, "scores", history)
        return None if detail is None else [tuple(pair) for pair in detail["candidates"]]
