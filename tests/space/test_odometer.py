from __future__ import annotations

import pytest
from hypothesis import given, settings

from nas_nb.errors import SpaceError
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind
from tests.space.domains import TREE, brute_force, conditional_domains


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
