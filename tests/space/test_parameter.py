from __future__ import annotations

import math

import numpy as np
import pytest

from nas_nb.errors import SpaceError
from nas_nb.space.parameter import Condition, Parameter, ParameterKind
from tests.space.domains import choice, fixed, number

KINDS = [
    choice("c", "a", "b", "c"),
    choice("c", 8, 16, 32),
    Parameter("b", ParameterKind.BOOLEAN),
    fixed("f", 3),
    number(ParameterKind.INT, 1, 5),
    number(ParameterKind.INT, 8, 64, step=8),
    number(ParameterKind.INT, 1, 100, log=True),
    number(ParameterKind.INT, 1, 64, step=2, log=True),
    number(ParameterKind.FLOAT, 0.0, 0.5, step=0.1),
    number(ParameterKind.FLOAT, 0.0, 0.5),
    number(ParameterKind.FLOAT, 1e-4, 1e-1, log=True),
    number(ParameterKind.FLOAT, 1e-4, 1e-1, log=True, reverse=True),
]


def named(parameter: Parameter) -> str:
    return f"{parameter.kind}-{parameter.range_text()}"


@pytest.fixture(params=KINDS, ids=named)
def parameter(request: pytest.FixtureRequest) -> Parameter:
    made: Parameter = request.param
    return made


def test_samples_are_legal_plain_and_spelt_as_declared(parameter: Parameter) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        value = parameter.sample(rng)
        assert type(value) in (str, int, float, bool)
        assert parameter.match(value) == value


def test_default_is_legal(parameter: Parameter) -> None:
    assert parameter.contains(parameter.default)


def test_others_are_legal_and_differ(parameter: Parameter) -> None:
    value = parameter.default
    assert value is not None
    others = parameter.others(value)
    assert value not in others
    assert all(parameter.contains(other) for other in others)
    if parameter.count <= 100:
        assert len(others) == parameter.count - 1
    else:
        assert others


@pytest.mark.parametrize("parameter", [p for p in KINDS if p.count > 1], ids=named)
def test_another_sample_differs(parameter: Parameter) -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        value = parameter.sample(rng)
        other = parameter.sample_other(value, rng)
        assert other != value
        assert parameter.contains(other)


@pytest.mark.parametrize("parameter", [p for p in KINDS if p.count < math.inf], ids=named)
def test_finite_parameter_counts_what_it_lists(parameter: Parameter) -> None:
    values = list(parameter.values())
    assert len(set(values)) == len(values) == parameter.count
    assert [parameter.index_of(value) for value in values] == list(range(len(values)))


def test_choices_are_sampled_evenly() -> None:
    rng = np.random.default_rng(0)
    drawn = [choice("c", "a", "b", "c").sample(rng) for _ in range(3000)]
    assert all(900 < drawn.count(value) < 1100 for value in "abc")


def test_log_range_is_sampled_evenly_in_its_logarithm() -> None:
    rng = np.random.default_rng(0)
    parameter = number(ParameterKind.FLOAT, 1e-4, 1.0, log=True)
    small = sum(float(parameter.sample(rng)) < 1e-2 for _ in range(2000))
    assert 900 < small < 1100


def test_numpy_scalars_and_whole_floats_match() -> None:
    assert choice("c", 8, 16).match(np.int64(16)) == 16
    assert type(choice("c", 8, 16).match(16.0)) is int
    assert type(number(ParameterKind.FLOAT, 0, 1).match(1)) is float


def test_booleans_and_numbers_are_not_taken_for_each_other() -> None:
    assert not choice("c", 1, 2).contains(True)
    assert not Parameter("b", ParameterKind.BOOLEAN).contains(1)
    assert not number(ParameterKind.INT, 0, 1).contains(True)


@pytest.mark.parametrize("value", [None, "x", [1], 7, 2.5, math.nan, math.inf])
def test_what_is_not_in_range_does_not_match(value: object) -> None:
    assert not number(ParameterKind.INT, 1, 5).contains(value)


def test_boolean_default_is_false() -> None:
    assert Parameter("b", ParameterKind.BOOLEAN).default is False


def test_numbers_are_ordered_and_words_are_not() -> None:
    assert choice("c", 8, 16).ordered is True
    assert choice("c", "a", "b").ordered is False


def test_default_that_is_not_legal_is_refused() -> None:
    with pytest.raises(SpaceError, match="default of 'n' to be one of 1, 2"):
        Parameter("n", ParameterKind.CHOICE, choices=(1, 2), default=3)


def test_nameless_parameter_is_refused() -> None:
    with pytest.raises(SpaceError, match="to have a name"):
        choice("", 1, 2)


def test_condition_without_values_is_refused() -> None:
    with pytest.raises(SpaceError, match="'a' to name values"):
        Condition("a", ())


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        (choice("c", "a", "b"), "a, b"),
        (number(ParameterKind.INT, 1, 5), "1 to 5"),
        (number(ParameterKind.INT, 8, 64, step=8), "8 to 64 step 8"),
        (number(ParameterKind.FLOAT, 0.001, 0.1, log=True), "0.001 to 0.1 (log)"),
        (
            number(ParameterKind.FLOAT, 0.001, 0.1, log=True, reverse=True),
            "0.001 to 0.1 (reverse log)",
        ),
    ],
)
def test_range_is_told_in_a_few_words(parameter: Parameter, text: str) -> None:
    assert parameter.range_text() == text


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
