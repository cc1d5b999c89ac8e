from __future__ import annotations

import math

import numpy as np
import pytest

from nas_nb.errors import SpaceError
from nas_nb.record.trial import Value
from nas_nb.space.domain import Domain
from nas_nb.space.encoding import (
    LONGEST_LIST,
    Axis,
    Encoding,
    SpaceEmbedding,
    axes,
    embedding_of,
)
from nas_nb.space.parameter import Condition, Parameter, ParameterKind
from tests.notebook.fakes import DOMAIN
from tests.space.domains import TREE
from tests.strategy.worlds import DOMAINS, choice, rng


def gaps(domain: Domain, one: dict[str, object], other: dict[str, object]) -> list[float]:
    """The squared distance of two points in each block."""
    encoding = Encoding(domain)
    first, second = encoding.rows([one, other])
    return np.bincount(encoding.blocks, (first - second) ** 2).round(9).tolist()


def test_unordered_choices_differ_or_not() -> None:
    domain = Domain((choice("op", "conv", "pool", "skip"), choice("act", "relu", "tanh")))
    one = {"op": "conv", "act": "relu"}
    assert gaps(domain, one, {"op": "skip", "act": "relu"}) == [1, 0]
    assert gaps(domain, one, {"op": "pool", "act": "tanh"}) == [1, 1]


def test_ordered_choices_differ_by_how_far_apart_they_stand() -> None:
    domain = Domain((choice("units", 16, 64, 512),))
    assert gaps(domain, {"units": 16}, {"units": 64}) == [0.5]
    assert gaps(domain, {"units": 16}, {"units": 512}) == [1]


def test_continuous_ranges_differ_on_their_own_scale() -> None:
    domain = Domain((Parameter("rate", ParameterKind.FLOAT, low=1e-4, high=1.0, log=True),))
    assert gaps(domain, {"rate": 1e-4}, {"rate": 1e-2}) == [0.25]


def test_the_columns_of_ranges_are_known() -> None:
    rate = Parameter("rate", ParameterKind.FLOAT, low=1e-4, high=1.0, log=True)
    deep = (Condition("depth", (2,)),)
    units = Parameter("units", ParameterKind.INT, low=1, high=512, conditions=deep)
    encoding = Encoding(Domain((choice("depth", 1, 2), rate, units)))
    assert encoding.in_range.tolist() == [False, True, True, False]


def test_a_conditional_choice_has_a_flag_and_is_in_the_middle_while_absent() -> None:
    domain = Domain(
        (choice("depth", 1, 2), choice("units", 16, 32, when=(Condition("depth", (2,)),)))
    )
    short = {"depth": 1}
    assert gaps(domain, short, {"depth": 2, "units": 16}) == [1, 0.25, 1]
    assert gaps(domain, short, {"depth": 2, "units": 32}) == [1, 0.25, 1]
    assert gaps(domain, {"depth": 2, "units": 16}, {"depth": 2, "units": 32}) == [0, 1, 0]


def test_of_two_ranges_with_one_name_only_the_active_one_is_present() -> None:
    domain = Domain(
        (
            choice("kind", "small", "large"),
            choice("units", 8, 16, when=(Condition("kind", ("small",)),)),
            choice("units", 16, 512, when=(Condition("kind", ("large",)),)),
        )
    )
    small, large = {"kind": "small", "units": 16}, {"kind": "large", "units": 16}
    assert gaps(domain, small, large) == [1, 0.25, 1, 0.25, 1]


def test_what_has_one_value_takes_no_column() -> None:
    domain = Domain((Parameter("loss", ParameterKind.FIXED, ("mse",)), choice("a", 1, 2)))
    assert Encoding(domain).rows([{"loss": "mse", "a": 1}]).shape == (1, 1)


def test_a_long_list_of_words_is_one_hot() -> None:
    domain = Domain((choice("word", *(f"w{n}" for n in range(40))),))
    assert gaps(domain, {"word": "w0"}, {"word": "w39"}) == [1]


@pytest.mark.parametrize("world", list(DOMAINS))
def test_every_point_has_a_finite_row_and_blocks_have_no_gaps(world: str) -> None:
    domain, source = DOMAINS[world](), rng()
    encoding = Encoding(domain)
    rows = encoding.rows([domain.sample(source) for _ in range(50)])
    assert np.isfinite(rows).all()
    assert math.isclose(len(set(encoding.blocks.tolist())), encoding.blocks.max() + 1)
    assert encoding.rows([]).shape == (0, rows.shape[1])


WIDTH = Parameter("width", ParameterKind.INT, low=1, high=1000)
STEPS = Parameter("steps", ParameterKind.INT, low=0, high=1000, step=5)
RATE = Parameter("rate", ParameterKind.FLOAT, low=1e-4, high=1.0, log=True)
KIND = Parameter("kind", ParameterKind.CHOICE, choices=("a", "b", "c"))
FLAG = Parameter("flag", ParameterKind.CHOICE, choices=(0, 1))


@pytest.mark.parametrize(
    ("parameter", "value", "position"),
    [
        (KIND, "b", 0.5),
        (WIDTH, 1000, 1.0),
        (STEPS, 250, 0.25),
        (RATE, 1e-2, 0.5),
    ],
)
def test_values_and_positions_are_each_others(
    parameter: Parameter, value: object, position: float
) -> None:
    axis = Axis.of(parameter, LONGEST_LIST)
    assert axis.position(value) == pytest.approx(position)  # type: ignore[arg-type]
    assert axis.value(position) == pytest.approx(value)


def test_what_a_list_or_grid_lacks_has_no_place() -> None:
    assert Axis.of(KIND, 0).index("d") is None
    assert Axis.of(FLAG, 0).index(True) is None
    assert Axis.of(STEPS, 0).position(251) is None
    assert Axis.of(RATE, 0).position(2.0) == 1.0


def test_a_list_is_of_choices_or_of_few_numbers() -> None:
    few = Parameter("depth", ParameterKind.INT, low=1, high=9)
    listed = [bool(axis.values) for axis in axes(Domain((KIND, few, WIDTH, RATE)), longest=100)]
    assert listed == [True, True, False, False]


MIXED = Domain(
    (
        choice("kind", "a", "b", "c"),
        choice("units", 8, 16, 32),
        Parameter("rate", ParameterKind.FLOAT, low=0.001, high=0.1, log=True),
    )
)


def test_each_kind_of_choice_counts_by_how_far_its_values_are_apart() -> None:
    one = {"kind": "a", "units": 8, "rate": 0.01}
    assert MIXED.distance(one, one) == 0
    assert MIXED.distance(one, {**one, "kind": "c"}) == 1
    assert MIXED.distance(one, {**one, "units": 16}) == 0.5
    assert MIXED.distance(one, {**one, "rate": 0.1}) == pytest.approx(0.5)
    assert MIXED.distance(one, {"kind": "b", "units": 32, "rate": 0.1}) == pytest.approx(2.5)


def test_choices_that_only_one_has_count_whole() -> None:
    mlp = {"model": "mlp", "layers": 1, "units": 8}
    cnn = {"model": "cnn", "units": 8, "pool": "none"}
    # model, layers and pool differ; units is 8 in both, though of different ranges.
    assert TREE.distance(mlp, cnn) == 3
    assert TREE.distance(mlp, {**cnn, "units": 4}) == 4


def test_what_is_no_point_is_refused() -> None:
    with pytest.raises(SpaceError, match="'units' to be"):
        TREE.distance({"model": "mlp", "layers": 1, "units": 8}, {"model": "cnn"})


def points(count: int) -> list[dict[str, Value]]:
    draws = np.random.default_rng(5)
    return [DOMAIN.sample(draws) for _ in range(count)]


def test_a_place_is_an_architectures_own_whoever_else_is_shown() -> None:
    together = embedding_of(DOMAIN).places(points(20))
    alone = [SpaceEmbedding(DOMAIN).places([point])[0] for point in points(3)]
    assert np.allclose(together[:3], alone)


def test_distances_on_the_map_follow_those_in_the_space() -> None:
    some = points(60)
    places = np.array(embedding_of(DOMAIN).places(some))
    pairs = [(a, b) for a in range(60) for b in range(a)]
    there = [DOMAIN.distance(some[a], some[b]) for a, b in pairs]
    here = [np.linalg.norm(places[a] - places[b]) for a, b in pairs]
    assert np.corrcoef(here, there)[0, 1] > 0.8
    assert embedding_of(DOMAIN).likeness > 0.8


def test_no_points_have_no_places() -> None:
    assert embedding_of(DOMAIN).places([]) == ()
