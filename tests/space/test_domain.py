from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas_nb.errors import SpaceError
from nas_nb.space.domain import Domain, size_text
from nas_nb.space.parameter import Condition, Parameter, ParameterKind
from tests.space.domains import TREE, brute_force, choice, conditional_domains, fixed

SEEDS = st.integers(0, 2**32 - 1)


def changed_choices(domain: Domain, one: dict, other: dict) -> list[str]:
    """The parameters active in both points, with more than one value, that differ."""
    both = set(domain.active(one)) & set(domain.active(other))
    return [p.name for p in both if p.count > 1 and one[p.name] != other[p.name]]


@given(conditional_domains(), SEEDS)
@settings(max_examples=100, deadline=None)
def test_sample_is_a_point(domain: Domain, seed: int) -> None:
    point = domain.sample(np.random.default_rng(seed))
    assert tuple(point.items()) in brute_force(domain)
    assert domain.contains(point)
    assert domain.canonical(point) == point


@given(conditional_domains(), SEEDS)
@settings(max_examples=100, deadline=None)
def test_neighbour_differs_in_exactly_one_active_choice(domain: Domain, seed: int) -> None:
    point = domain.sample(np.random.default_rng(seed))
    neighbours = domain.neighbours(point)
    for neighbour in neighbours:
        assert len(changed_choices(domain, point, neighbour)) == 1
        assert domain.canonical(neighbour) == neighbour
    keys = {tuple(neighbour.items()) for neighbour in neighbours}
    assert len(keys) == len(neighbours)
    assert len(neighbours) == sum(int(p.count) - 1 for p in domain.active(point))


@given(conditional_domains(), SEEDS)
@settings(max_examples=100, deadline=None)
def test_mutant_is_legal_and_differs_in_one_active_choice(domain: Domain, seed: int) -> None:
    rng = np.random.default_rng(seed)
    parent = domain.sample(rng)
    if not domain.neighbours(parent):
        with pytest.raises(SpaceError, match="something to change"):
            domain.mutate(parent, rng)
        return
    child = domain.mutate(parent, rng)
    assert child != parent
    assert domain.canonical(child) == child
    assert len(changed_choices(domain, parent, child)) == 1


@given(conditional_domains(), SEEDS)
@settings(max_examples=100, deadline=None)
def test_json_round_trip_keeps_the_domain(domain: Domain, seed: int) -> None:
    assert Domain.from_json(json.loads(json.dumps(domain.to_json()))) == domain


def test_json_keeps_every_field_of_every_kind() -> None:
    domain = Domain(
        (
            choice("c", 8, 16),
            fixed("f", 0),
            Parameter("b", ParameterKind.BOOLEAN, default=True),
            Parameter("i", ParameterKind.INT, low=0, high=9, step=3, default=3),
            Parameter("x", ParameterKind.FLOAT, low=0.1, high=1, log=True, reverse=True),
            Parameter("o", ParameterKind.CHOICE, choices=(1, 2), ordered=False, default=2),
            choice("d", "a", "b", on=(("c", (8,)), ("b", (True,)))),
        )
    )
    assert Domain.from_json(json.loads(json.dumps(domain.to_json()))) == domain


def test_same_generator_gives_the_same_sample() -> None:
    draws = [TREE.sample(np.random.default_rng(7)) for _ in range(2)]
    assert draws[0] == draws[1]


def test_every_active_parameter_is_mutated_equally_often() -> None:
    rng = np.random.default_rng(0)
    parent = {"model": "mlp", "layers": 1, "units": 8}
    changed = [changed_choices(TREE, parent, TREE.mutate(parent, rng))[0] for _ in range(900)]
    assert all(240 < changed.count(name) < 360 for name in parent)


def test_neighbour_keeps_values_that_stay_legal_and_takes_defaults_for_new_ones() -> None:
    neighbours = TREE.neighbours({"model": "mlp", "layers": 2, "units": 8})
    other_branch = [point for point in neighbours if point["model"] == "cnn"]
    # 8 is legal in the other branch's range as well; "max" and 2 are defaults.
    assert other_branch == [{"model": "cnn", "units": 8, "pool": "max", "size": 2}]


def test_value_that_is_not_legal_in_the_new_branch_becomes_its_default() -> None:
    neighbours = TREE.neighbours({"model": "mlp", "layers": 2, "units": 32})
    assert {"model": "cnn", "units": 4, "pool": "max", "size": 2} in neighbours


def test_neighbours_of_a_continuous_value_are_near_it() -> None:
    rate = Parameter("rate", ParameterKind.FLOAT, low=1e-4, high=1e-2, log=True)
    near = [point["rate"] for point in Domain((rate,)).neighbours({"rate": 1e-3})]
    assert near == pytest.approx([6.31e-4, 9.55e-4, 1.047e-3, 1.585e-3], rel=1e-2)


def test_canonical_drops_inactive_values_and_orders_the_rest() -> None:
    given_values = {"size": 3, "units": 8.0, "layers": np.int64(1), "model": "mlp"}
    point = TREE.canonical(given_values)
    assert list(point.items()) == [("model", "mlp"), ("layers", 1), ("units", 8)]
    assert type(point["units"]) is int


def test_completion_fills_defaults_of_active_parameters_only() -> None:
    assert TREE.complete({"model": "cnn"}) == {"model": "cnn", "units": 4, "pool": "max", "size": 2}
    assert TREE.complete({}) == {"model": "mlp", "layers": 1, "units": 8}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": "mlp", "layers": 1}, "'units' to be 8, 16, 32. Received: no value"),
        ({"model": "mlp", "layers": 3, "units": 8}, "'layers' to be 1, 2. Received: 3"),
        ({"model": "mlp", "layer": 1}, "Received: 'layer'. Did you mean 'layers'"),
        ({"model": "mlp", "zzz": 1}, "They are: model, layers, units, pool, size"),
    ],
)
def test_illegal_values_are_told_apart(values: dict, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        TREE.canonical(values)
    assert not TREE.contains(values)


def test_completion_refuses_illegal_values() -> None:
    with pytest.raises(SpaceError, match=r"'pool' to be max, none\. Received: 'avg'"):
        TREE.complete({"model": "cnn", "pool": "avg"})


def test_names_are_listed_once_in_order() -> None:
    assert TREE.names == ("model", "layers", "units", "pool", "size")


def test_empty_domain_is_refused() -> None:
    with pytest.raises(SpaceError, match="at least one parameter"):
        Domain(())


@pytest.mark.parametrize(
    "parameters",
    [
        (choice("b", 1, 2, on=(("model", (1,)),)),),
        (choice("b", 1, 2, on=(("a", (1,)),)), choice("a", 1, 2)),
        (choice("a", 1, 2), choice("b", 1, 2, on=(("b", (1,)),))),
    ],
)
def test_condition_on_an_unknown_parent_is_refused(parameters: tuple[Parameter, ...]) -> None:
    with pytest.raises(SpaceError, match="condition of 'b' to ask about another, earlier"):
        Domain(parameters)


def test_unknown_parent_gets_the_nearest_name() -> None:
    with pytest.raises(SpaceError, match="Did you mean 'model'"):
        Domain((choice("model", 1, 2), choice("b", 1, 2, on=(("modle", (1,)),))))


def test_name_with_two_ranges_at_the_same_time_is_refused() -> None:
    with pytest.raises(SpaceError, match="'units' to have one range wherever it is active"):
        Domain((choice("units", 1, 2), choice("units", 3, 4)))


def test_domain_needs_no_keras() -> None:
    code = (
        "import sys, nas_nb.space.domain;"
        "heavy = {'keras', 'tensorflow', 'keras_tuner', 'pandas', 'IPython'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_walk_of_mutants_is_what_mutating_again_and_again_draws() -> None:
    start = TREE.sample(np.random.default_rng(0))
    walk = TREE.mutants(start, np.random.default_rng(1), 5)
    rng, point, expected = np.random.default_rng(1), start, []
    for _ in range(5):
        point = TREE.mutate(point, rng)
        expected.append(point)
    assert walk == expected


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (1, "1 architecture"),
        (15_625, "15,625 architectures"),
        (10**30, "about 10^30 architectures"),
        (10**400, "about 10^400 architectures"),
        (math.inf, "infinitely many architectures"),
    ],
)
def test_sizes_of_spaces(size, text):
    assert size_text(size) == text


@given(conditional_domains())
@settings(max_examples=150, deadline=None)
def test_size_is_the_number_of_points_found_by_brute_force(domain: Domain) -> None:
    assert domain.size == len(brute_force(domain))


def test_tree_is_counted_by_hand() -> None:
    assert TREE.size == 2 * 3 + 2 * (2 + 1)


def test_condition_that_never_holds_adds_nothing() -> None:
    assert Domain((choice("a", 1, 2), choice("b", 1, 2, 3, on=(("a", (7,)),)))).size == 2


def test_reachable_continuous_parameter_makes_it_infinite() -> None:
    rate = Parameter("rate", ParameterKind.FLOAT, low=0, high=1)
    assert Domain((choice("a", 1, 2), rate)).size == math.inf


def test_unreachable_continuous_parameter_does_not() -> None:
    rate = Parameter("rate", ParameterKind.FLOAT, low=0, high=1, conditions=(Condition("a", (7,)),))
    assert Domain((choice("a", 1, 2), rate)).size == 2


def test_continuous_parent_is_counted_with_the_values_it_is_asked_for() -> None:
    rate = Parameter("rate", ParameterKind.FLOAT, low=0, high=1)
    assert Domain((rate, choice("b", 1, 2, on=(("rate", (0.5,)),)))).size == math.inf


def test_continuous_beside_more_points_than_a_float_holds_is_infinite() -> None:
    rate = Parameter("rate", ParameterKind.FLOAT, low=0, high=1)
    many = tuple(choice(f"p{n}", *range(10)) for n in range(400))
    assert Domain((*many, rate)).size == math.inf


def test_long_range_is_counted_without_being_listed() -> None:
    huge = Parameter("n", ParameterKind.INT, low=1, high=10**12)
    assert Domain((huge, choice("b", 1, 2, on=(("n", (1, 5)),)))).size == 10**12 + 2


@pytest.mark.parametrize("pairs", [10, 200])
def test_many_parents_ahead_of_their_children_are_counted(pairs: int) -> None:
    parents = [choice(f"a{n}", 0, 1) for n in range(pairs)]
    children = [choice(f"b{n}", 0, 1, 2, on=((f"a{n}", (1,)),)) for n in range(pairs)]
    assert Domain((*parents, *children)).size == 4**pairs


def test_deep_nesting_is_counted() -> None:
    chain = [choice("p0", 0, 1)]
    chain += [choice(f"p{n}", 0, 1, on=((f"p{n - 1}", (1,)),)) for n in range(1, 2000)]
    assert Domain(tuple(chain)).size == 2001


def test_shared_name_without_exclusion_counts_once() -> None:
    domain = Domain((choice("a", 1, 2), fixed("b", 0), choice("a", 1, 2, on=(("b", (0,)),))))
    assert domain.size == 2


@given(conditional_domains())
@settings(max_examples=100, deadline=None)
def test_enumeration_lists_every_point_once(domain: Domain) -> None:
    points = [tuple(point.items()) for point in domain.enumerate()]
    assert len(points) == len(set(points))
    assert set(points) == brute_force(domain)


def test_enumeration_goes_on_after_any_point() -> None:
    points = list(TREE.enumerate())
    for number, point in enumerate(points):
        assert list(TREE.enumerate(after=point)) == points[number + 1 :]


def test_infinite_domain_is_not_enumerated() -> None:
    rate = Parameter("rate", ParameterKind.FLOAT, low=0, high=1)
    with pytest.raises(SpaceError, match="finite space to enumerate"):
        Domain((rate,)).enumerate()
