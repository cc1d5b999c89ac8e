from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nas_nb.errors import StrategyError
from nas_nb.oracles.strategy_oracle import oracle
from nas_nb.record.history import History
from nas_nb.record.trial import Values
from nas_nb.space.domain import Domain
from nas_nb.space.hyperparameters import to_hyperparameters
from nas_nb.strategy.base import Proposal, proposal_rng
from nas_nb.strategy.evolution import (
    Evolution,
    Nsga2,
    crowded_order,
    crowding_distance,
    fronts,
    untold,
)
from nas_nb.strategy.registry import make_strategy
from tests.strategy.worlds import MAXIMISE, chain, choice, mixed, rng, run, told, twelve

SHAPE = {"depth": 2, "layer_1": "Conv2D", "units_1": 32, "layer_2": "Dense", "units_2": 64}
LINE: list[dict[str, Any]] = [
    {"depth": 1, "layer_1": kind, "units_1": units}
    for kind in ("Conv2D", "Dense")
    for units in (32, 64, 128)
]


def parents(child: Values, candidates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of which the child is a mutant with one change of width or kind."""
    return [
        one
        for one in candidates
        if one.keys() == child.keys() and sum(one[k] != child[k] for k in one) == 1
    ]


def evolve(history: Any, seed: int, **options: int) -> dict[str, Any]:
    return Evolution(domain=chain(), **options).propose(history, rng(seed))


def test_a_young_search_is_random_until_the_population_is_full() -> None:
    history = told([(SHAPE, 1.0)])
    depths = {evolve(history, seed, population=2, sample=2)["depth"] for seed in range(20)}
    assert depths == {1, 2, 3}


def test_the_best_of_the_whole_population_is_the_parent() -> None:
    history = told([*((values, 0.1) for values in LINE), (SHAPE, 0.9)])
    children = [evolve(history, seed, population=7, sample=7) for seed in range(40)]
    changed_width = [c for c in children if c.keys() == SHAPE.keys() and parents(c, [SHAPE])]
    assert len(changed_width) >= 20


def test_minimising_turns_the_choice_round() -> None:
    trials = [*((values, 0.9) for values in LINE), (SHAPE, 0.1)]
    kept = [
        sum(
            parents(evolve(told(trials, direction), seed, population=7, sample=7), [SHAPE]) != []
            for seed in range(40)
        )
        for direction in ("min", "max")
    ]
    assert kept[0] >= 20 > kept[1]


def test_the_oldest_dies_even_if_it_is_the_best() -> None:
    young = [(values, 0.1) for values in LINE]
    with_old = evolve(told([(SHAPE, 0.9), *young]), 1, population=6, sample=6)
    without = evolve(told([({**SHAPE, "units_2": 128}, 0.0), *young]), 1, population=6, sample=6)
    assert with_old == without


def test_a_failed_trial_neither_fills_the_population_nor_has_children() -> None:
    history = told([(SHAPE, None), (LINE[0], 0.5), (LINE[1], None)])
    depths = {evolve(history, seed, population=2, sample=1)["depth"] for seed in range(20)}
    assert depths == {1, 2, 3}


def test_when_every_mutant_is_known_it_walks_further() -> None:
    trials = [(SHAPE, 1.0), *((near, 0.0) for near in chain().neighbours(SHAPE))]
    history = told([*trials, (LINE[0], 0.0), (SHAPE, 1.0)])
    child = evolve(history, 0, population=2, sample=2)
    assert not history.has_tried(child)


def test_when_even_walking_finds_nothing_the_last_points_are_drawn() -> None:
    everything = list(twelve().enumerate())
    history = told([(values, 1.0) for values in everything[:-1]])
    strategy = Evolution(domain=twelve(), population=2, sample=1)
    assert strategy.propose(history, rng()) == everything[-1]


def test_trials_of_another_space_are_no_parents() -> None:
    history = told([(SHAPE, 1.0), (LINE[0], 1.0)])
    child = Evolution(domain=mixed(), population=2, sample=2).propose(history, rng())
    assert mixed().contains(child)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"population": 1}, "`population` to be a whole number, 2 or more. Received: population=1"),
        ({"population": 2.5}, "Received: population=2.5"),
        (
            {"population": 5},
            "sample=10, population=5. Set both, for example population=5, sample=2",
        ),
        ({"population": 5, "sample": 6}, "`sample` to be at most `population`"),
        ({"sample": 0}, "Received: sample=0"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(StrategyError) as refused:
        Evolution(**options)
    assert sentence in str(refused.value)


def test_a_child_that_inherits_names_the_parent_that_it_is_a_mutant_of() -> None:
    history = told([*((values, 0.1) for values in LINE), (SHAPE, 0.9)])
    for seed in range(10):
        made = Evolution(7, 2, inherit_weights=True, domain=chain()).propose(history, rng(seed))
        plain = Evolution(7, 2, domain=chain()).propose(history, rng(seed))
        assert isinstance(made, Proposal)
        assert made.values == plain
        assert made.parent is not None
        assert history[made.parent].values in [*LINE, SHAPE]
        assert made.fidelity == {}


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
def test_options_of_nsga2_out_of_range_are_refused(options: dict[str, float]) -> None:
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
