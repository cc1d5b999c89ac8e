from __future__ import annotations

import pytest

from nas_nb.space.encoding import from_position, is_listed, to_position
from nas_nb.space.parameter import Parameter, ParameterKind

WIDTH = Parameter("width", ParameterKind.INT, low=1, high=1000)
RATE = Parameter("rate", ParameterKind.FLOAT, low=1e-4, high=1.0, log=True)
KIND = Parameter("kind", ParameterKind.CHOICE, choices=("a", "b", "c"))


@pytest.mark.parametrize(
    ("parameter", "value", "position"), [(KIND, "b", 1), (WIDTH, 1000, 1.0), (RATE, 1e-2, 0.5)]
)
def test_a_position_is_a_number_in_a_list_or_a_place_along_a_range(
    parameter: Parameter, value: object, position: float
) -> None:
    assert to_position(parameter, value) == pytest.approx(position)  # type: ignore[arg-type]
    assert from_position(parameter, position) == pytest.approx(value)


def test_a_list_is_of_choices_or_of_few_numbers() -> None:
    few = Parameter("depth", ParameterKind.INT, low=1, high=9)
    assert [is_listed(parameter) for parameter in (KIND, few, WIDTH, RATE)] == [
        True,
        True,
        False,
        False,
    ]
