from __future__ import annotations

from typing import Any

import numpy as np

from nas_nb.oracles.strategy_oracle import StrategyOracle
from nas_nb.record.trial import Values
from nas_nb.space.encoding import size_of
from nas_nb.strategy.multi_fidelity.asha import Funnel
from tests.strategy.worlds import MAXIMISE, cells, chain, train

CELLS = cells()


def size(values: Values) -> float:
    return size_of(CELLS, values) or 0.0


def mean_size(score: Any, trials: int, skip: int = 0) -> float:
    bound = Funnel(max_epochs=8, domain=CELLS)
    seen = StrategyOracle(bound, MAXIMISE, trials, seed=0)
    train(seen, score)
    new = [trial for trial in seen.history if trial.parent is None][skip:]
    return float(np.mean([size(trial.values) for trial in new]))


def test_four_are_trained_for_an_epoch_and_the_best_of_them_in_full() -> None:
    seen = StrategyOracle(Funnel(max_epochs=8, domain=chain()), MAXIMISE, 10, seed=0)
    assert [epochs for _, epochs in train(seen)] == [1, 1, 1, 1, 8] * 2


def test_larger_models_come_first_until_the_epochs_say_otherwise() -> None:
    middle = float(np.mean([size(values) for values in CELLS.enumerate()]))
    assert mean_size(lambda values, epochs: size(values), 12) > middle
    later = mean_size(lambda values, epochs: -size(values), 26, skip=12)
    assert later < mean_size(lambda values, epochs: size(values), 26, skip=12)


def test_a_space_that_knows_no_sizes_begins_with_the_epoch() -> None:
    bound = Funnel(max_epochs=8, domain=chain())
    seen = StrategyOracle(bound, MAXIMISE, 3, seed=0)
    assert len(train(seen)) == 3
