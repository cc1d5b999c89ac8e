from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nas_nb.errors import StrategyError
from nas_nb.oracles.strategy_oracle import StrategyOracle
from nas_nb.record.history import History
from nas_nb.strategy.base import Proposal
from nas_nb.strategy.function import FunctionStrategy
from tests.strategy.test_function import POINT, asked
from tests.strategy.worlds import MAXIMISE, run, twelve


@pytest.mark.parametrize("parent", [2, -1, True, 1.0, "0"])
def test_an_unknown_parent_is_refused_before_it_is_written(parent: Any) -> None:
    def promote(history: History, rng: Any) -> Any:
        if len(history) < 2:
            return twelve().sample(rng)
        return Proposal(twelve().sample(rng), {"epochs": 3}, parent)

    seen = StrategyOracle(FunctionStrategy(promote, domain=twelve()), MAXIMISE, 3, seed=0)
    with pytest.raises(StrategyError, match=f"0 to 1, or None. Received: parent={parent!r}"):
        run(seen)
    assert len(seen.history) == 2


def test_numbers_of_numpy_are_numbers() -> None:
    proposal = Proposal(POINT, {"epochs": np.int64(3)}, np.int64(0))  # type: ignore[arg-type]
    made = asked(lambda history, rng: proposal, POINT)
    assert (type(made.fidelity["epochs"]), type(made.parent)) == (int, int)
