"""Random search (Bergstra & Bengio 2012)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from nas_nb.strategy.strategy import Strategy, sample_new

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.record.values import Value


@dataclass(frozen=True)
class RandomSearch(Strategy):
    """Draws architectures at random, each at most once.

    Use it as the baseline that every other strategy has to beat, to get an unbiased picture of a
    space, or when all trials run at once. Don't use it when trials are dear: it learns nothing
    from the scores.

    Paper: Bergstra & Bengio, Random Search for Hyper-Parameter Optimization, JMLR 13, 2012.
    """

    name: ClassVar[str] = "random"

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns a random architecture that was never tried."""
        return sample_new(self.domain, history, rng)
