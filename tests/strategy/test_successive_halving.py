from __future__ import annotations

import pytest

from nas_nb.errors import StrategyError
from nas_nb.oracles.strategy_oracle import StrategyOracle
from nas_nb.strategy.successive_halving import SuccessiveHalving
from tests.strategy.worlds import MAXIMISE, mixed, train, twelve


def test_nine_begin_three_go_on_and_one_is_trained_in_full_then_nine_others_begin() -> None:
    seen = StrategyOracle(SuccessiveHalving(domain=mixed()), MAXIMISE, seed=0, epochs=9)
    epochs = [epochs for _, epochs in train(seen, trials=26)]
    assert epochs == ([1] * 9 + [3] * 3 + [9]) * 2


@pytest.mark.parametrize(
    ("budget", "epochs"),
    [(15, [1] * 5 + [3] * 2 + [9]), (6, [1] * 2 + [3, 9]), (27, [1] * 9 + [3] * 3 + [9])],
)
def test_a_small_budget_makes_the_bracket_smaller(budget: int, epochs: list[int]) -> None:
    bound = SuccessiveHalving(domain=mixed())
    seen = StrategyOracle(bound, MAXIMISE, budget, seed=0, epochs=9)
    assert [epochs for _, epochs in train(seen, trials=len(epochs))] == epochs


def test_n_and_the_rungs_are_options() -> None:
    bound = SuccessiveHalving(n=4, factor=2, min_epochs=2, max_epochs=8, domain=mixed())
    seen = StrategyOracle(bound, MAXIMISE, seed=0)
    assert [epochs for _, epochs in train(seen, trials=7)] == [2, 2, 2, 2, 4, 4, 8]


def test_an_exhausted_space_still_promotes_the_last_round() -> None:
    bound = SuccessiveHalving(n=20, max_epochs=9, domain=twelve())
    seen = StrategyOracle(bound, MAXIMISE, seed=0)
    assert [epochs for _, epochs in train(seen)] == [1] * 12 + [3] * 6 + [9] * 2
    assert seen.reason is not None
    assert "All 12 architectures" in seen.reason


def test_a_rung_above_the_top_is_refused() -> None:
    with pytest.raises(StrategyError, match=r"`max_epochs`.*10 or more"):
        SuccessiveHalving(min_epochs=10, max_epochs=9)
