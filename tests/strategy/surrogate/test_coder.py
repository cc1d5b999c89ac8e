from collections.abc import Mapping

import numpy as np

from nas_nb.record.values import Values
from nas_nb.space.domain import Domain
from nas_nb.strategy.surrogate.coder import Coder
from nas_nb.strategy.surrogate.encoding import Encoding
from tests.strategy.worlds import choice, mixed, rng


class Asked(Domain):
    """A domain that counts how often it is asked for features."""

    asked = 0

    def features(self, values: Values) -> Mapping[str, float]:
        Asked.asked += 1
        return {"size": float(len(values))}


def test_what_is_remembered_is_what_is_worked_out() -> None:
    domain, source = mixed(), rng()
    coder = Coder(domain)
    points = [domain.sample(source) for _ in range(20)]
    coder.code(points[:10])
    rows, features = coder.code([*points, points[0]])
    assert np.array_equal(rows, Encoding(domain).rows([*points, points[0]]))
    assert features.shape == (21, 0)


def test_a_point_is_looked_at_once() -> None:
    domain = Asked((choice("a", 1, 2), choice("b", 1, 2)))
    coder, points = Coder(domain), list(domain.enumerate())
    for _ in range(3):
        coder.code([*points, *points])
    assert Asked.asked == 4


def test_only_points_of_the_space_are_known() -> None:
    coder = Coder(Domain((choice("a", 1, 2),)))
    coder.code([{"a": 1}])
    assert coder.knows({"a": 1})
    assert coder.knows({"a": 2})
    assert not coder.knows({"a": 3})
    assert not coder.knows({"b": 1})
