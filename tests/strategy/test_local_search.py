from __future__ import annotations

import pytest

from nas_nb.errors import StrategyError
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.strategy.local_search import Greedy, LocalSearch
from tests.strategy.worlds import chain, choice, rng, told

SQUARE = Domain((choice("a", 0, 1, 2), choice("b", 0, 1, 2)))
LOCAL = LocalSearch(domain=SQUARE)


def changes(one: dict[str, object], other: dict[str, object]) -> int:
    return sum(one[name] != other[name] for name in one)


def test_it_looks_around_where_it_stands() -> None:
    history = told([({"a": 0, "b": 0}, 0.5)])
    near = LOCAL.propose(history, rng())
    assert changes(near, {"a": 0, "b": 0}) == 1


def test_it_moves_at_the_first_improvement() -> None:
    history = told([({"a": 0, "b": 0}, 0.5), ({"a": 1, "b": 0}, 0.6)])
    for seed in range(10):
        assert changes(LOCAL.propose(history, rng(seed)), {"a": 1, "b": 0}) == 1


def test_it_stays_when_a_neighbour_is_worse_or_failed() -> None:
    start = {"a": 0, "b": 0}
    history = told([(start, 0.5), ({"a": 1, "b": 0}, 0.4), ({"a": 2, "b": 0}, None)])
    for seed in range(10):
        near = LOCAL.propose(history, rng(seed))
        assert near in ({"a": 0, "b": 1}, {"a": 0, "b": 2})


def test_smaller_is_better_where_the_history_says_so() -> None:
    history = told([({"a": 0, "b": 0}, 0.5), ({"a": 1, "b": 0}, 0.4)], direction="min")
    for seed in range(10):
        assert changes(LOCAL.propose(history, rng(seed)), {"a": 1, "b": 0}) == 1


def test_at_a_top_it_starts_again_elsewhere() -> None:
    top = {"a": 0, "b": 0}
    tried = [(top, 0.9), *((near, 0.1) for near in SQUARE.neighbours(top))]
    proposals = [LOCAL.propose(told(tried), rng(seed)) for seed in range(10)]
    assert all(changes(near, top) == 2 for near in proposals)
    assert len({tuple(near.items()) for near in proposals}) > 1


def test_after_a_restart_it_climbs_from_the_new_start_though_it_is_worse() -> None:
    top = {"a": 0, "b": 0}
    tried = [(top, 0.9), *((near, 0.1) for near in SQUARE.neighbours(top))]
    tried.append(({"a": 1, "b": 1}, 0.2))
    for seed in range(10):
        assert changes(LOCAL.propose(told(tried), rng(seed)), {"a": 1, "b": 1}) == 1


def test_a_worse_neighbour_is_not_climbed_from_where_changing_back_is_lossy() -> None:
    # From depth 1 the way back is to depth 2 with default values, which isn't where it came from.
    local = LocalSearch(domain=chain())
    deep = {"depth": 2, "layer_1": "Dense", "units_1": 64, "layer_2": "Dense", "units_2": 128}
    shallow = {"depth": 1, "layer_1": "Dense", "units_1": 64}
    history = told([(deep, 0.9), (shallow, 0.5)])
    around = local.domain.neighbours(deep)
    assert all(local.propose(history, rng(seed)) in around for seed in range(20))


def test_along_a_range_the_long_steps_come_before_the_short_ones() -> None:
    domain = Domain((Parameter("rate", ParameterKind.FLOAT, low=0.0, high=1.0),))
    local, tried = LocalSearch(domain=domain), [({"rate": 0.5}, 1.0)]
    rates = []
    for number in range(4):
        values = local.propose(told(tried), rng(number))
        tried.append((values, 0.0))
        rates.append(values["rate"])
    assert sorted(rates[:2]) == [0.4, 0.6]
    assert sorted(rates[2:]) == [0.49, 0.51]


START = {"a": 0, "b": 0}
AROUND = SQUARE.neighbours(START)


def proposals(tried: list, **options: int) -> list[dict[str, object]]:
    greedy = Greedy(domain=SQUARE, **{"starts": 1, **options})
    return [greedy.propose(told(tried), rng(seed)) for seed in range(12)]


def test_it_tries_all_neighbours_before_it_moves() -> None:
    tried = [(START, 0.5), (AROUND[0], 0.6)]
    assert all(near in AROUND[1:] for near in proposals(tried))


def test_it_moves_to_the_best_of_them() -> None:
    scores = (0.6, 0.8, 0.7, 0.1)
    tried = [(START, 0.5), *zip(AROUND, scores, strict=True)]
    assert all(near in SQUARE.neighbours(AROUND[1]) for near in proposals(tried))


def test_a_failed_neighbour_counts_as_tried() -> None:
    scores = (0.6, None, 0.7, None)
    tried = [(START, 0.5), *zip(AROUND, scores, strict=True)]
    assert all(near in SQUARE.neighbours(AROUND[2]) for near in proposals(tried))


def test_what_is_known_already_is_not_tried_again_but_may_be_moved_to() -> None:
    tried = [(AROUND[1], 0.9), (START, 0.5)]  # the second isn't better, so it is no start
    assert all(near in SQUARE.neighbours(AROUND[1]) for near in proposals(tried))


def test_without_a_better_neighbour_it_starts_again() -> None:
    tried = [(START, 0.5), *((near, 0.1) for near in AROUND)]
    assert all(near["a"] and near["b"] for near in proposals(tried))


def test_patience_ends_a_vain_look_around() -> None:
    tried = [(START, 0.5), (AROUND[0], 0.1), (AROUND[1], 0.2)]
    assert all(near in AROUND for near in proposals(tried))
    assert any(near not in AROUND for near in proposals(tried, patience=2))


def test_patience_lost_after_an_improvement_moves_to_it() -> None:
    tried = [(START, 0.5), (AROUND[0], 0.7), (AROUND[1], 0.2), (AROUND[2], 0.2)]
    around = SQUARE.neighbours(AROUND[0])
    assert all(near in around for near in proposals(tried, patience=2))


def test_a_climb_begins_at_the_best_of_its_starts() -> None:
    draws = [START, {"a": 1, "b": 1}, {"a": 2, "b": 2}]
    tried = list(zip(draws, (0.5, 0.7, 0.1), strict=True))
    assert any(near not in SQUARE.neighbours(draws[1]) for near in proposals(tried, starts=4))
    assert all(near in SQUARE.neighbours(draws[1]) for near in proposals(tried, starts=3))


def test_patience_is_a_positive_number() -> None:
    with pytest.raises(StrategyError, match="`patience` to be a whole number, 1 or more"):
        Greedy(patience=0)
