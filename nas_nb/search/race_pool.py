"""An oracle over the architectures that a table knows, where that is not all of the space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from keras_tuner.src.engine import trial as kt_trial

from nas_nb.record.values import values_key
from nas_nb.space.encoding import Encoding
from nas_nb.strategy.oracle import StrategyOracle

if TYPE_CHECKING:
    from nas_nb.record.values import Value
    from nas_nb.space.domain import Domain


class PoolOracle(StrategyOracle):
    """Takes, for each proposal, the nearest known architecture that was not tried.

    The strategy sees that one in the history, with its own score: so nothing is made up, and each
    strategy chooses from the same pool.

    Args:
        *args: As for `StrategyOracle`.
        domain: The space.
        points: What is known of it.
        **kwargs: As for `StrategyOracle`.
    """

    def __init__(
        self, *args: Any, domain: Domain, points: Sequence[dict[str, Value]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._points = points
        self._numbers = {values_key(point): n for n, point in enumerate(points)}
        self._coding = Encoding(domain)
        self._rows = self._coding.rows(points)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Asks the strategy, and answers with the nearest architecture of the pool."""
        answer = super().populate_space(trial_id)
        if answer["values"] is None:
            return answer
        assert self._proposal is not None
        point = self._nearest(self._proposal.values, free=self._proposal.parent is None)
        if point is None:
            self.reason = f"all {len(self._points)} architectures of the table are tried"
            return {"status": kt_trial.TrialStatus.STOPPED, "values": None}
        self._proposal = replace(self._proposal, values=dict(point))
        return {**answer, "values": self._proposal.values}

    def _nearest(self, values: dict[str, Value], *, free: bool) -> dict[str, Value] | None:
        """Returns the nearest point; `free` leaves out those that were tried."""
        gaps = ((self._rows - self._coding.rows([values])[0]) ** 2).sum(axis=1)
        if free:
            tried = [self._numbers[t.key] for t in self.history.trials if t.key in self._numbers]
            gaps[tried] = np.inf
        best = int(np.argmin(gaps))
        return self._points[best] if np.isfinite(gaps[best]) else None
