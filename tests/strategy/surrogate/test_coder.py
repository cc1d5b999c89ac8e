from collections.abc import Mapping

import numpy as np
import pytest

from nas_nb.record.trial import Values
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.strategy.surrogate import PointEncoder
from tests.strategy.worlds import choice, mixed, rng


class Asked(Domain):
    """A domain that counts how often it is asked for features."""

    asked = 0

    def features(self, values: Values) -> Mapping[str, float]:
        Asked.asked += 1
        return {"size": float(len(values))}


def test_what_is_remembered_is_what_is_worked_out() -> None:
    domain, source = mixed(), rng()
    coder = PointEncoder(domain)
    points = [domain.sample(source) for _ in range(20)]
    coder.code(points[:10])
    rows, features = coder.code([*points, points[0]])
    assert np.array_equal(rows, PointEncoder(domain).code([*points, points[0]])[0])
    assert features.shape == (21, 0)


def test_a_point_is_looked_at_once() -> None:
    domain = Asked((choice("a", 1, 2), choice("b", 1, 2)))
    coder, points = PointEncoder(domain), list(domain.enumerate())
    for _ in range(3):
        coder.code([*points, *points])
    assert Asked.asked == 4


def test_only_points_of_the_space_are_known() -> None:
    coder = PointEncoder(Domain((choice("a", 1, 2),)))
    coder.code([{"a": 1}])
    assert coder.knows({"a": 1})
    assert coder.knows({"a": 2})
    assert not coder.knows({"a": 3})
    assert not coder.knows({"b": 1})


def test_the_ends_of_a_range_are_farther_apart_than_two_options() -> None:
    range_ = Parameter("rate", ParameterKind.FLOAT, low=1e-4, high=1e-1, log=True)
    coder = PointEncoder(Domain((range_, choice("loss", "mse", "mae"))))
    points = [(1e-4, "mse"), (1e-1, "mse"), (1e-4, "mae")]
    rows, _ = coder.code([{"rate": rate, "loss": loss} for rate, loss in points])
    along_range, options = (float(np.sum((row - rows[0]) ** 2)) for row in rows[1:])
    assert options == pytest.approx(1)
    assert along_range == pytest.approx(16)
