from __future__ import annotations

import math

import numpy as np
import pytest

from nas_nb.data.dataset import DataSpec
from nas_nb.data.task import Task
from nas_nb.errors import SpaceError
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Condition, Parameter, ParameterKind
from nas_nb.space.restriction import Rules
from nas_nb.space.search_space import SearchSpace
from tests.space.domains import TREE, brute_force, number

FLOAT, INT, CHOICE = ParameterKind.FLOAT, ParameterKind.INT, ParameterKind.CHOICE


def chain() -> Domain:
    parameters = [Parameter("depth", CHOICE, (1, 2))]
    for layer in (1, 2):
        there = (Condition("depth", tuple(range(layer, 3))),)
        parameters.append(
            Parameter(f"layer_{layer}", CHOICE, ("Conv2D", "Dense"), conditions=there)
        )
        parameters.append(Parameter(f"units_{layer}", CHOICE, (32, 64, 128), conditions=there))
    return Domain(tuple(parameters))


def part(domain: Domain, **said: dict) -> Domain:
    return Rules.read(**said).narrow(domain)


def left(domain: Domain, **said: dict) -> list[dict]:
    return list(part(domain, **said).enumerate())


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ({"pin": {"depth": 1}}, lambda p: p["depth"] == 1),
        ({"pin": {"units_1": [128, 32]}}, lambda p: p["units_1"] in (32, 128)),
        ({"without": {"layer_1": "Dense"}}, lambda p: p["layer_1"] != "Dense"),
        ({"at_least": {"units_1": 64}}, lambda p: p["units_1"] >= 64),
        ({"at_most": {"units_2": 63.5}}, lambda p: p.get("units_2", 0) <= 63.5),
        (
            {"at_least": {"units": 64}, "without": {"layer": ["Conv2D"]}},
            lambda p: all(
                (v >= 64 if n.startswith("units") else v != "Conv2D")
                for n, v in p.items()
                if n != "depth"
            ),
        ),
    ],
)
def test_what_is_left_are_the_points_that_keep_the_rules_and_no_others(said: dict, fits) -> None:
    assert left(chain(), **said) == [point for point in chain().enumerate() if fits(point)]


def test_a_branch_that_can_not_be_reached_is_gone_with_its_rules() -> None:
    short = part(chain(), pin={"depth": 1}, at_least={"units": 64})
    assert short.names == ("depth", "layer_1", "units_1")
    assert short.size == 4


def test_no_rules_leave_the_domain_itself() -> None:
    domain = chain()
    assert Rules().narrow(domain) is domain


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        (Parameter("n", INT, low=1, high=9, step=2), [5, 7]),
        (Parameter("n", INT, low=1, high=64, step=2, log=True), [4]),
    ],
)
def test_a_short_range_keeps_the_values_between_the_bounds(parameter, values) -> None:
    between = left(Domain((parameter,)), at_least={"n": 4}, at_most={"n": 7.9})
    assert [point["n"] for point in between] == values


def test_a_long_range_gets_other_ends_and_keeps_its_grid() -> None:
    whole = Domain((Parameter("n", INT, low=0, high=30000, step=3),))
    points = [p["n"] for p in left(whole, at_least={"n": 100}, at_most={"n": 20001})]
    assert points == list(range(102, 20002, 3))
    assert all(whole.contains({"n": point}) for point in points)


def test_a_continuous_range_gets_other_ends() -> None:
    whole = Domain((Parameter("rate", FLOAT, low=1e-4, high=0.1, log=True),))
    fast = part(whole, at_least={"rate": 0.01})
    assert fast.size == math.inf
    assert fast.contains({"rate": 0.05})
    assert not fast.contains({"rate": 0.005})
    assert part(whole, pin={"rate": [0.02, 0.01]}).size == 2
    with pytest.raises(SpaceError, match="pin it, or give it a least or a largest value"):
        part(whole, without={"rate": [0.01]})


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"pin": {"unitz": 64}}, "Received: 'unitz'. Did you mean 'units'"),
        ({"pin": {"units_1": 65}}, "Expected 'units_1' to be 32, 64, 128. Received: 65"),
        ({"without": {"depth": [1, 2]}}, "something to be left of 'depth'"),
        ({"at_least": {"units": 129}}, "something to be left of 'units_1'.*at least 129"),
        ({"at_least": {"layer_1": 3}}, "a choice of numbers"),
        ({"at_least": {"units": "64"}}, "a number as the bound"),
        ({"pin": {"units": []}}, "a value of 'units'"),
        ({"pin": "units"}, "pin={'units': 64}"),
        ({"without": ["Dense"]}, "Expected `without` to name choices"),
        ({"at_most": 3}, "Expected `at_most` to name choices"),
        ({"pin": {"units": None}}, "Received: None"),
        ({"pin": {3: 4}}, "Received: '3'"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(said: dict, words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        part(chain(), **said)


def test_a_rule_reads_as_people_say_it() -> None:
    rules = Rules.read(pin={"units": (32, 64)}, without={"layer_1": ["Dense"]}, at_least={"n": 2})
    assert str(rules) == "units pinned to 32, 64; layer_1 without Dense; n at least 2"
    assert Rules.from_json(rules.to_json()) == rules


def test_a_name_means_what_is_numbered_once_or_twice() -> None:
    edges = tuple(Parameter(f"edge_{a}", CHOICE, ("none", "skip")) for a in ("0_1", "0_2", "1_2"))
    assert part(Domain(edges), without={"edge": "none"}).size == 1
    assert part(Domain(edges), pin={"edge_0": "skip"}).size == 2


def test_steering_replaces_a_pin_or_bound_and_joins_what_is_left_out() -> None:
    rules = Rules.read(pin={"a": 1}, at_least={"n": 4}, without={"b": "x"})
    after = rules.added(Rules.read(pin={"a": 2}, at_least={"n": 3}, without={"b": "y"}))
    assert after.to_json() == {
        "pin": {"a": [2]},
        "at_least": {"n": [3]},
        "without": {"b": ["x", "y"]},
    }
    assert after.lifted(["a", "n"]).to_json() == {"without": {"b": ["x", "y"]}}
    assert not after.lifted()


def test_a_part_of_a_part_keeps_the_rules_of_both() -> None:
    rules = Rules.read(pin={"a": [1, 2]}, at_least={"n": 4}, at_most={"n": 9}, without={"b": "x"})
    both = rules.narrowed(
        Rules.read(pin={"a": [2, 3]}, at_least={"n": 3}, at_most={"n": 8}, without={"b": "y"})
    )
    assert both.to_json() == {
        "pin": {"a": [2]},
        "at_least": {"n": [4]},
        "at_most": {"n": [8]},
        "without": {"b": ["x", "y"]},
    }
    with pytest.raises(SpaceError, match="a pinned to 3, and a pinned to 1, 2 before"):
        rules.narrowed(Rules.read(pin={"a": 3}))


@pytest.mark.parametrize(
    ("pin", "without"),
    [
        ({"model": "mlp"}, {}),
        ({"model": "cnn", "pool": "none"}, {}),
        ({"layers": 2}, {}),
        ({}, {"units": [4, 16]}),
        ({"pool": "max"}, {"size": [3]}),
    ],
)
def test_a_part_has_the_points_that_fit_and_no_others(pin: dict, without: dict) -> None:
    fitting = {
        point
        for point in brute_force(TREE)
        if all(dict(point).get(name, value) == value for name, value in pin.items())
        and not any(value in without.get(name, []) for name, value in point)
    }
    there = part(TREE, pin=pin, without=without)
    assert brute_force(there) == fitting
    assert there.size == len(fitting)


def test_what_only_another_branch_can_have_is_refused_with_advice() -> None:
    with pytest.raises(SpaceError, match="Pin also what decides on its branch"):
        part(TREE, pin={"units": 32})


def test_thinned_numbers_keep_their_order() -> None:
    thinned = part(Domain((number(INT, 1, 9),)), without={"n": [5]}).parameters[0]
    assert thinned.choices == (1, 2, 3, 4, 6, 7, 8, 9)
    assert thinned.ordered


CHOICES = {"layers": ["Conv2D", "Dense"], "units": [4, 8], "activations": ["relu"], "depth": [1, 2]}


def test_a_part_of_a_space_builds_takes_data_and_comes_back_from_its_recipe() -> None:
    space = SearchSpace.from_dict(CHOICES, name="digits").subspace({"units_1": 8}, {"depth": [2]})
    assert space.name == "digits"
    assert space.size == 2
    assert SearchSpace.from_recipe(space.recipe) == space
    bound = space.for_data(DataSpec((3,), Task.REGRESSION, 1))
    assert bound.size == 1
    assert bound.sample(np.random.default_rng(0)).build().count_params() == 4 * 8 + 9


def test_equal_parts_are_equal() -> None:
    whole = SearchSpace.from_dict(CHOICES)
    assert whole.subspace({"depth": 1}) == whole.subspace({"depth": 1})
    assert whole.subspace({"depth": 1}) != whole.subspace({"depth": 2})
    assert whole.subspace({"depth": [1, 2]}).subspace(at_most={"depth": 1}).size == 4
    assert len({whole.subspace({"depth": 1}), whole}) == 2
