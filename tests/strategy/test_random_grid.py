from __future__ import annotations

from collections import Counter

import pytest

from nas_nb.errors import StrategyError
from nas_nb.record.history import History
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Condition, Parameter, ParameterKind
from nas_nb.strategy.base import SpaceExhausted
from nas_nb.strategy.random_grid import Grid, RandomSearch
from tests.strategy.worlds import chain, rng, told, twelve


def test_first_draws_follow_the_space_and_not_the_scores() -> None:
    depths = Counter(
        RandomSearch(domain=chain()).propose(told([]), rng(seed))["depth"] for seed in range(600)
    )
    assert all(150 < depths[depth] < 250 for depth in (1, 2, 3))


def test_scores_change_nothing() -> None:
    point = {"depth": 1, "layer_1": "Dense", "units_1": 64}
    low, high = told([(point, 0.0)]), told([(point, 1.0)])
    bound = RandomSearch(domain=chain())
    assert bound.propose(low, rng(4)) == bound.propose(high, rng(4))


def walk(grid: Grid, history: History, steps: int) -> list[dict[str, object]]:
    """Proposes again and again; each proposal is a trial of the grid's own."""
    points = []
    for number in range(len(history), len(history) + steps):
        values = grid.propose(history, rng(number))
        history.apply(
            {"event": "trial_proposed", "trial": number, "values": values, "origin": "grid"}
        )
        points.append(values)
    return points


def test_points_come_in_the_order_of_the_space() -> None:
    domain = twelve()
    assert walk(Grid(shuffle=False, domain=domain), told([]), 12) == list(domain.enumerate())


def test_what_others_tried_is_left_out() -> None:
    first, second, third = list(twelve().enumerate())[:3]
    assert walk(Grid(shuffle=False, domain=twelve()), told([(second, 0.5)]), 2) == [first, third]


def test_points_before_a_late_start_come_last() -> None:
    domain = twelve()
    points = list(domain.enumerate())
    history = told([])
    history.apply({"event": "trial_proposed", "trial": 0, "values": points[10], "origin": "grid"})
    assert walk(Grid(shuffle=False, domain=domain), history, 3) == [
        points[11],
        points[0],
        points[1],
    ]


def test_the_end_says_how_many_there_were() -> None:
    history = told([(point, 0.0) for point in twelve().enumerate()])
    with pytest.raises(SpaceExhausted, match="All 12 architectures"):
        Grid(shuffle=False, domain=twelve()).propose(history, rng())


def test_continuous_ranges_are_even_on_their_own_scale() -> None:
    domain = Domain((Parameter("rate", ParameterKind.FLOAT, low=0.001, high=0.1, log=True),))
    rates = [
        point["rate"] for point in walk(Grid(points=3, shuffle=False, domain=domain), told([]), 3)
    ]
    assert rates == pytest.approx([0.001, 0.01, 0.1])


def test_a_condition_on_a_continuous_value_keeps_its_value_in_the_grid() -> None:
    dropout = Parameter("dropout", ParameterKind.FLOAT, low=0.0, high=1.0)
    asked = (Condition("dropout", (0.3,)),)
    seed = Parameter("extra", ParameterKind.CHOICE, ("x", "y"), conditions=asked)
    points = walk(Grid(points=2, shuffle=False, domain=Domain((dropout, seed))), told([]), 4)
    assert points == [
        {"dropout": 0.0},
        {"dropout": 0.3, "extra": "x"},
        {"dropout": 0.3, "extra": "y"},
        {"dropout": 1.0},
    ]


def test_one_point_is_no_grid() -> None:
    with pytest.raises(StrategyError, match="`points`"):
        Grid(points=1)


def test_a_grid_that_has_walked_before_proposes_what_a_new_one_does() -> None:
    domain, old = twelve(), Grid(shuffle=False, domain=twelve())
    points = list(domain.enumerate())
    for own in ([0, 1], [0, 1, 2], [0, 1], [5], [5, 6, 7], [11], [0, 1, 2, 3]):
        history = told([])
        for number, at in enumerate(own):
            about = {"trial": number, "values": points[at], "origin": "grid"}
            history.apply({"event": "trial_proposed", **about})
        assert old.propose(history, rng()) == Grid(shuffle=False, domain=domain).propose(
            history, rng()
        )


def test_the_end_speaks_of_points_where_there_are_some_and_of_one_architecture_as_one() -> None:
    rate = Domain((Parameter("rate", ParameterKind.FLOAT, low=0.1, high=0.9),))
    one = Domain((Parameter("units", ParameterKind.CHOICE, (8,)),))
    said = []
    for domain, size in ((twelve(), 12), (rate, 2), (one, 1)):
        grid = Grid(points=2, domain=domain)
        history = told([])
        walk(grid, history, size)
        with pytest.raises(SpaceExhausted) as ended:
            grid.propose(history, rng())
        said.append(str(ended.value))
    assert ["`points`" in text for text in said] == [False, True, False]
    assert said[2].startswith("The only architecture of the grid has been tried.")


@pytest.mark.parametrize("shuffle", [True, False])
def test_every_point_of_the_grid_comes_once(shuffle: bool) -> None:
    rate = Parameter("rate", ParameterKind.FLOAT, low=1e-4, high=0.1, log=True)
    grid = Grid(points=3, shuffle=shuffle, domain=Domain((*twelve().parameters[2:], rate)))
    points = walk(grid, told([]), 9)
    assert len({str(point) for point in points}) == 9
    assert all(grid.domain.canonical(point) == point for point in points)


def test_a_shuffled_grid_cut_short_has_seen_more_than_a_corner() -> None:
    wide = [Parameter(f"u{n}", ParameterKind.CHOICE, tuple(range(5))) for n in range(4)]
    points = walk(Grid(domain=Domain(tuple(wide))), told([]), 25)
    assert all(len({point[p.name] for point in points}) == 5 for p in wide)
    points = walk(Grid(shuffle=False, domain=Domain(tuple(wide))), told([]), 25)
    assert {point["u0"] for point in points} == {0}
