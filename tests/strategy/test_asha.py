from __future__ import annotations

import pytest

from nas_nb.errors import StrategyError
from nas_nb.oracles.strategy_oracle import StrategyOracle
from nas_nb.strategy.successive_halving import PROPOSERS, Asha
from tests.strategy.worlds import MAXIMISE, early, mixed, quality, train


def test_the_best_third_climbs_as_soon_as_it_is_one() -> None:
    seen = StrategyOracle(Asha(domain=mixed()), MAXIMISE, 5, seed=0, epochs=9)
    handed_out = train(seen)
    assert [epochs for _, epochs in handed_out][:4] == [1, 1, 1, 3]
    best = max(handed_out[:3], key=lambda one: early(*one))
    assert handed_out[3][0] == best[0]
    assert seen.history[3].parent == handed_out.index(best)


@pytest.mark.parametrize("proposer", list(PROPOSERS))
def test_most_stay_on_the_lowest_rung_and_the_top_is_reached(proposer: str) -> None:
    bound = Asha(proposer=proposer, domain=mixed())
    seen = StrategyOracle(bound, MAXIMISE, 60, seed=0, epochs=9)
    epochs = [epochs for _, epochs in train(seen)]
    assert epochs.count(1) > epochs.count(3) > epochs.count(9) > 0
    # One of three climbs, and what is better than all before it: of that a model proposes more.
    assert epochs.count(3) + epochs.count(9) <= 60 * (0.5 if proposer == "predictor" else 0.45)


def test_what_reaches_the_top_is_better_than_what_stays() -> None:
    seen = StrategyOracle(Asha(domain=mixed()), MAXIMISE, 60, seed=0, epochs=9)
    reached: dict[int, list[float]] = {1: [], 3: [], 9: []}
    for values, epochs in train(seen):
        reached[epochs].append(quality(values))
    assert min(reached[9]) > sorted(reached[1])[len(reached[1]) // 2]


def test_s_leaves_the_lowest_rungs_out() -> None:
    seen = StrategyOracle(Asha(s=1, domain=mixed()), MAXIMISE, 10, seed=0, epochs=9)
    assert {epochs for _, epochs in train(seen)} == {3, 9}


def test_an_unknown_proposer_is_refused_with_the_nearest() -> None:
    with pytest.raises(StrategyError, match="Did you mean 'evolution'"):
        Asha(proposer="evolutoin")
