from __future__ import annotations

from typing import Any

import pytest

from nas_nb.errors import StrategyError
from nas_nb.oracles.strategy_oracle import oracle
from nas_nb.record.history import History
from nas_nb.space.hyperparameters import to_hyperparameters
from nas_nb.strategy.multi_objective import untold
from nas_nb.strategy.registry import make_strategy
from tests.strategy.worlds import MAXIMISE, chain, rng, run, told

weighing = pytest.mark.parametrize("name", ["nsga2"])


def history(trials: int, **costs: float) -> History:
    """Of completed trials, the last of which tells these costs."""
    known = told([(chain().sample(rng(number)), 0.5) for number in range(trials - 1)])
    values = chain().sample(rng(trials))
    for event in (
        {"event": "trial_proposed", "values": values, "origin": "user"},
        {"event": "trial_started"},
        {"event": "trial_built", "costs": costs},
        {"event": "trial_ended", "status": "completed", "score": 0.5},
    ):
        known.apply({"time": 0.0, "trial": trials - 1, **event})
    return known


@weighing
@pytest.mark.parametrize("cost", [3, "", None])
def test_a_cost_that_is_no_name_is_refused(name: str, cost: Any) -> None:
    with pytest.raises(StrategyError, match="expected `cost` to be text"):
        make_strategy(name, cost=cost)


@weighing
def test_a_search_refuses_a_cost_that_it_does_not_measure(name: str) -> None:
    for known in ("params", "macs", "latency_s"):
        make_strategy(name, cost=known).check_space(None)  # type: ignore[arg-type]
    with pytest.raises(StrategyError, match="Did you mean 'params'"):
        make_strategy(name, cost="parms").check_space(None)  # type: ignore[arg-type]


def test_a_cost_that_no_trial_tells_is_named_once_three_have_completed() -> None:
    assert untold("macs", history(2)) is None
    said = "by the score alone, because none of 3 completed trials tells the cost 'macs'."
    assert untold("macs", history(3)) == said
    assert untold("macs", history(3, params=4)) == said
    assert untold("macs", history(3, macs=4)) is None


@weighing
def test_an_oracle_whose_trials_tell_no_cost_warns_once(name: str) -> None:
    seen = oracle(name, MAXIMISE, 8, to_hyperparameters(chain()), seed=0)
    with pytest.warns(RuntimeWarning, match=f"'{name}' goes by the score alone") as warned:
        run(seen)
    assert len(warned) == 1
    assert len(seen.history) == 8
