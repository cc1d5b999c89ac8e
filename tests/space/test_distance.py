from __future__ import annotations

import pytest

from nas_nb.errors import SpaceError
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind
from tests.space.domains import TREE, choice

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
