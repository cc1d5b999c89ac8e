from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nas_nb.errors import StrategyError
from nas_nb.oracles.strategy_oracle import oracle
from nas_nb.record.history import History
from nas_nb.space.domain import Domain
from nas_nb.space.hyperparameters import to_hyperparameters
from nas_nb.strategy.base import proposal_rng
from nas_nb.strategy.multi_objective import Nsga2, crowded_order, crowding_distance, fronts, untold
from nas_nb.strategy.registry import make_strategy
from tests.strategy.worlds import MAXIMISE, chain, choice, rng, run, told

WIDE = Domain(tuple(choice(f"c{n}", 0, 1, 2, 3) for n in range(5)))


def search(trials: int, *, costs: bool, elite: float = 0.5) -> History:
    """The score is the sum of the choices; the cost too: every trade-off is on the front."""
    history = History()
    history.apply({"event": "search_opened", "objective": "sum", "direction": "max", "seed": 0})
    strategy = Nsga2(population=8, elite=elite, domain=WIDE)
    for number in range(trials):
        values = strategy.propose(history, proposal_rng(0, number))
        total = float(sum(values.values()))
        for event in (
            {"event": "trial_proposed", "values": values, "origin": "nsga2"},
            {"event": "trial_started"},
            {"event": "trial_built", "costs": {"params": total**2} if costs else {}},
            {"event": "trial_ended", "status": "completed", "score": total},
        ):
            history.apply({"trial": number, **event})
    return history


def test_it_spreads_along_the_front() -> None:
    totals = {sum(trial.values.values()) for trial in search(80, costs=True).completed}
    assert min(totals) <= 2
    assert max(totals) >= 14


def test_without_costs_only_the_score_counts() -> None:
    later = search(60, costs=False).completed[20:]
    assert sum(trial.score or 0 for trial in later) / 40 > 11


def test_the_elite_raises_the_score_where_costs_pull_it_down() -> None:
    last = [
        sum(trial.score or 0 for trial in search(60, costs=True, elite=elite).completed[-30:]) / 30
        for elite in (0.0, 1.0)
    ]
    assert last[1] > last[0] + 2


@pytest.mark.parametrize("options", [{"population": 1}, {"crossover": 1.5}, {"elite": -0.1}])
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(StrategyError, match=next(iter(options))):
        Nsga2(**options)


POINTS = np.array([[1.0, 5.0], [2.0, 4.0], [5.0, 1.0], [2.0, 5.0], [6.0, 6.0], [1.0, 5.0]])


def test_fronts_are_layers_of_points_that_none_dominates() -> None:
    assert [members.tolist() for members in fronts(POINTS)] == [[0, 1, 2, 5], [3], [4]]


def test_the_ends_of_a_front_are_never_crowded() -> None:
    distance = crowding_distance(np.array([[0.0, 4.0], [1.0, 2.0], [1.5, 1.5], [4.0, 0.0]]))
    assert np.isinf(distance[[0, 3]]).all()
    assert distance[1] == 1.5 / 4 + 2.5 / 4


def test_fitter_fronts_come_first_and_the_crowded_of_a_front_last() -> None:
    points = np.array([[9.0, 9.0], [0.0, 4.0], [1.0, 2.0], [1.1, 1.9], [4.0, 0.0]])
    order = crowded_order(points)
    assert set(order[:2]) == {1, 4}
    assert order[-1] == 0


def test_one_point_is_a_front() -> None:
    assert crowded_order(np.array([[1.0, 2.0]])) == [0]


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
