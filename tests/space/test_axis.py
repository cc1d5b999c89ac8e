from __future__ import annotations

import pytest

from nas_nb.space.domain import Domain
from nas_nb.space.encoding import LONGEST_LIST, Axis, axes
from nas_nb.space.parameter import Parameter, ParameterKind

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
