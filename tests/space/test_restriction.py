from __future__ import annotations

import math

import pytest

from nas_nb.errors import SpaceError
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Condition, Parameter, ParameterKind
from nas_nb.space.restriction import Rule, restrict, rules_of

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


def left(domain: Domain, **said: dict) -> list[dict]:
    return list(restrict(domain, rules_of(said)).enumerate())


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
    part = restrict(chain(), rules_of({"pin": {"depth": 1}, "at_least": {"units": 64}}))
    assert part.names == ("depth", "layer_1", "units_1")
    assert part.size == 4


def test_no_rules_leave_the_domain_itself() -> None:
    domain = chain()
    assert restrict(domain, []) is domain


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        (Parameter("n", INT, low=1, high=9, step=2), [5, 7]),
        (Parameter("n", INT, low=1, high=64, step=2, log=True), [4]),
    ],
)
def test_a_short_range_keeps_the_values_between_the_bounds(parameter, values) -> None:
    rules = rules_of({"at_least": {"n": 4}, "at_most": {"n": 7.9}})
    part = restrict(Domain((parameter,)), rules)
    assert [point["n"] for point in part.enumerate()] == values


def test_a_long_range_gets_other_ends_and_keeps_its_grid() -> None:
    whole = Domain((Parameter("n", INT, low=0, high=30000, step=3),))
    part = restrict(whole, rules_of({"at_least": {"n": 100}, "at_most": {"n": 20001}}))
    points = [point["n"] for point in part.enumerate()]
    assert points == list(range(102, 20002, 3))
    assert all(whole.contains({"n": point}) for point in points)


def test_a_continuous_range_gets_other_ends() -> None:
    whole = Domain((Parameter("rate", FLOAT, low=1e-4, high=0.1, log=True),))
    part = restrict(whole, rules_of({"at_least": {"rate": 0.01}}))
    assert part.size == math.inf
    assert part.contains({"rate": 0.05})
    assert not part.contains({"rate": 0.005})
    assert restrict(whole, rules_of({"pin": {"rate": [0.02, 0.01]}})).size == 2


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"pin": {"unitz": 64}}, "got 'unitz'. Did you mean 'units'"),
        ({"pin": {"units_1": 65}}, "Expected 'units_1' to be 32, 64, 128, got 65"),
        ({"without": {"depth": [1, 2]}}, "something to be left of 'depth'"),
        ({"at_least": {"units": 129}}, "something to be left of 'units_1'.*at least 129"),
        ({"at_least": {"layer_1": 3}}, "a choice of numbers"),
        ({"at_least": {"units": "64"}}, "a number as the bound"),
        ({"pin": {"units": []}}, "a value of 'units'"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(said: dict, words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        restrict(chain(), rules_of(said))


def test_a_rule_reads_as_people_say_it() -> None:
    assert str(Rule.read("at_least", "units", 64)) == "units at least 64"
    assert str(Rule.read("without", "layer_1", ["Dense"])) == "layer_1 without Dense"
    assert str(Rule.read("pin", "units", (32, 64))) == "units pinned to 32, 64"
