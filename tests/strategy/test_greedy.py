import pytest

from nas_nb.errors import StrategyError
from nas_nb.space.domain import Domain
from nas_nb.strategy.local_search import Greedy
from tests.strategy.worlds import choice, rng, told

SQUARE = Domain((choice("a", 0, 1, 2), choice("b", 0, 1, 2)))
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
