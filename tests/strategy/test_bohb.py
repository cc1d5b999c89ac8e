from __future__ import annotations

import numpy as np
import pytest

from nas_nb.errors import StrategyError
from nas_nb.oracles.strategy_oracle import StrategyOracle
from nas_nb.strategy.bohb import Bohb
from nas_nb.strategy.successive_halving import Hyperband
from tests.strategy.worlds import MAXIMISE, chain, mixed, quality, train


def mean_of_new(bound: Hyperband, seed: int) -> float:
    """The mean quality of what was new among the last of 150 trials."""
    seen = StrategyOracle(bound, MAXIMISE, 150, seed=seed)
    train(seen)
    new = [trial for trial in seen.history if trial.parent is None][60:]
    return float(np.mean([quality(trial.values) for trial in new]))


def test_its_later_proposals_are_better_than_random_ones() -> None:
    random = [mean_of_new(Hyperband(max_epochs=9, domain=mixed()), seed) for seed in range(3)]
    model = [mean_of_new(Bohb(max_epochs=9, domain=mixed()), seed) for seed in range(3)]
    assert min(model) > max(random)


def test_it_runs_hyperbands_brackets() -> None:
    epochs = []
    for kind in (Bohb, Hyperband):
        seen = StrategyOracle(kind(max_epochs=9, domain=chain()), MAXIMISE, 22, seed=0)
        epochs.append([epochs for _, epochs in train(seen)])
    assert epochs[0] == epochs[1]


@pytest.mark.parametrize(
    "options", [{"rho": 1.5}, {"q": 0.0}, {"bandwidth_factor": 0.0}, {"n_samples": 0}, {"n_min": 1}]
)
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(StrategyError, match=f"`{next(iter(options))}`"):
        Bohb(**options)  # type: ignore[arg-type]
