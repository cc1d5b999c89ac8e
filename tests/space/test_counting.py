from __future__ import annotations

import math

import pytest
from hypothesis import given, settings

from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Condition, Parameter, ParameterKind
from tests.space.domains import TREE, brute_force, choice, conditional_domains, fixed


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
