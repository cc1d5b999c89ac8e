from __future__ import annotations

import math

import pytest

from nas_nb.errors import SpaceError
from nas_nb.space.parameter import Parameter, ParameterKind
from tests.space.domains import choice


def test_whole_numbers_beside_fractions_become_floats() -> None:
    assert [type(value) for value in choice("c", 1, 0.5).choices] == [float, float]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "choice"}, "to have a value to choose. Received: none"),
        ({"kind": "choice", "choices": (1, 2, 1)}, "to differ. Received: 1 twice"),
        ({"kind": "choice", "choices": (1, "a")}, "all strings, all numbers or all booleans"),
        ({"kind": "choice", "choices": (None,)}, "all strings, all numbers or all booleans"),
        ({"kind": "int", "low": 5, "high": 1}, "from a low to a higher number"),
        ({"kind": "int", "low": 1}, "from a low to a higher number"),
        ({"kind": "int", "low": 1, "high": 2.5}, "whole ends of 'n'"),
        ({"kind": "float", "low": 0, "high": math.inf}, "finite ends"),
        ({"kind": "float", "low": 0, "high": 1, "log": True}, "above 0 on a log scale"),
        ({"kind": "int", "low": 1, "high": 9, "step": 0}, "step of 'n' above 0"),
        ({"kind": "int", "low": 1, "high": 9, "step": 1, "log": True}, "step of 'n' above 1"),
    ],
)
def test_bad_declaration_is_refused(options: dict[str, object], message: str) -> None:
    kind = ParameterKind(str(options.pop("kind")))
    with pytest.raises(SpaceError, match=message):
        Parameter("n", kind, **options)  # type: ignore[arg-type]
