from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.strategy.local_search import LocalSearch
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
