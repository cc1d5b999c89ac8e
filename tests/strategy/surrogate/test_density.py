from __future__ import annotations

import math

import numpy as np

from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Condition
from nas_nb.spaces.nasbench101 import nasbench101_cell
from nas_nb.strategy.bohb import KernelDensity, PositionTable
from tests.strategy.worlds import chain, choice, mixed, rng


def test_positions_lead_back_to_the_point() -> None:
    for domain in (chain(), mixed()):
        positions = PositionTable(domain)
        for seed in range(20):
            point = domain.sample(rng(seed))
            back = positions.point(positions.rows([point])[0], rng(0))
            assert back.keys() == point.keys()
            for name, value in point.items():
                same = back[name] == value
                assert same or math.isclose(float(back[name]), float(value), rel_tol=0.01)


def test_a_choice_that_has_no_part_has_no_position() -> None:
    positions = PositionTable(chain())
    shallow = {"depth": 1, "layer_1": "Dense", "units_1": 32}
    row = positions.rows([shallow])[0]
    assert [math.isnan(at) for at in row] == [False] * 3 + [True] * 4


def test_the_density_of_choices_sums_to_one() -> None:
    domain = Domain((choice("a", "x", "y", "z"), choice("b", "u", "v")))
    positions = PositionTable(domain)
    density = KernelDensity(positions, positions.rows([{"a": "x", "b": "u"}, {"a": "y", "b": "u"}]))
    everywhere = positions.rows(list(domain.enumerate()))
    assert math.isclose(float(np.exp(density.log(everywhere)).sum()), 1.0)


def test_it_is_high_and_draws_where_its_points_are() -> None:
    domain = mixed()
    positions = PositionTable(domain)
    near = [
        {"width": 500, "dropout": 0.1 + 0.01 * n, "train": False, "loss": "mse"} for n in range(5)
    ]
    density = KernelDensity(positions, positions.rows(near))
    far = {"width": 4, "dropout": 0.5, "train": True, "rate": 0.1, "loss": "mse"}
    inside, outside = density.log(positions.rows([near[2], far]))
    assert inside > outside + 3
    drawn = [positions.point(density.draw(1.0, rng(seed)), rng(seed)) for seed in range(50)]
    assert np.mean([point["train"] is False for point in drawn]) > 0.9
    assert np.median([float(point["width"]) for point in drawn]) > 400


def test_true_has_no_position_in_a_list_of_numbers_of_the_same_name() -> None:
    parameters = (
        choice("kind", "a", "b"),
        choice("x", 1, 2, 3, when=(Condition("kind", ("a",)),)),
        choice("x", False, True, when=(Condition("kind", ("b",)),)),
    )
    rows = PositionTable(Domain(parameters)).rows([{"kind": "a", "x": 1}, {"kind": "b", "x": True}])
    assert np.isnan(rows).tolist() == [[False, False, True], [False, True, False]]


def test_numbers_have_the_same_position_in_every_spelling() -> None:
    positions = PositionTable(Domain((choice("units", 32, 64, 128),)))
    assert positions.rows([{"units": 64}, {"units": 64.0}]).tolist() == [[0.5], [0.5]]


def test_positions_that_no_point_has_give_a_drawn_one_that_stands_for_its_twins() -> None:
    whole = nasbench101_cell(nodes=4).subspace({"edge_0_3": False}).domain
    positions = PositionTable(whole.distinct)
    without_edges = {name: False for name in whole.names if name.startswith("edge_")}
    (row,) = positions.rows([without_edges])
    drawn = [whole.sample(rng(seed)) for seed in range(10)]
    points = [positions.point(row, rng(seed)) for seed in range(10)]
    assert points == [whole.representative(point) for point in drawn]
    assert points != drawn
