from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_nb.errors import SpaceError
from nas_nb.space.ranges import NumericRange, log_uniform, uniform


@pytest.mark.parametrize(
    ("numbers", "values"),
    [
        (NumericRange(2, 9, step=3, integer=True), [2, 5, 8]),
        (NumericRange(0.0, 0.3, step=0.1), [0.0, 0.1, 0.2, 0.3]),
        (NumericRange(2, 32, step=2, log=True, integer=True), [2, 4, 8, 16, 32]),
        (NumericRange(0.001, 10.0, step=10, log=True), [0.001, 0.01, 0.1, 1.0, 10.0]),
        (NumericRange(1, 4, log=True, integer=True), [1, 2, 3, 4]),
        (NumericRange(1, 8, step=2, log=True, reverse=True, integer=True), [8, 7, 5, 1]),
        (NumericRange(0.5, 0.5), [0.5]),
    ],
)
def test_grid_lists_its_values_and_finds_each_again(
    numbers: NumericRange, values: list[float]
) -> None:
    assert numbers.count == len(values)
    assert [numbers.value_at(index) for index in range(len(values))] == values
    assert [numbers.index_of(value) for value in values] == list(range(len(values)))


def test_continuous_range_has_infinitely_many_values() -> None:
    assert NumericRange(0.0, 1.0).count == math.inf


@pytest.mark.parametrize("value", [0.05, -0.1, 0.4, 1e9])
def test_number_off_the_grid_has_no_index(value: float) -> None:
    assert NumericRange(0.0, 0.3, step=0.1).index_of(value) is None


def test_rounding_error_on_the_grid_is_forgiven() -> None:
    assert NumericRange(0.0, 1.0, step=0.1).index_of(0.1 + 0.2) == 3


def test_rounding_error_at_the_end_is_forgiven() -> None:
    assert NumericRange(0.0, 0.3).clip(0.1 + 0.2) == 0.3
    assert NumericRange(0.0, 0.3).clip(0.31) is None


@given(
    position=st.floats(0, 1),
    log=st.booleans(),
    reverse=st.booleans(),
)
def test_unit_position_and_value_are_inverse(position: float, log: bool, reverse: bool) -> None:
    numbers = NumericRange(1e-4, 1e-1, log=log, reverse=reverse)
    value = numbers.from_unit(position)
    assert numbers.low <= value <= numbers.high
    assert numbers.to_unit(value) == pytest.approx(position, abs=1e-6)


def test_log_scale_puts_the_geometric_mean_in_the_middle() -> None:
    assert NumericRange(1e-4, 1e-2, log=True).from_unit(0.5) == pytest.approx(1e-3)


def test_nearby_values_are_in_range_and_next_on_the_grid() -> None:
    numbers = NumericRange(0, 1000, step=1, integer=True)
    assert numbers.nearby(1000) == [900, 990, 999]
    assert numbers.nearby(500) == [400, 490, 499, 501, 510, 600]


def test_interval_shows_how_it_was_written() -> None:
    assert repr(uniform(0, 0.5)) == "uniform(0, 0.5)"
    assert repr(log_uniform(1e-4, 0.1)) == "log_uniform(0.0001, 0.1)"


def test_ends_of_numpy_become_plain_numbers() -> None:
    assert uniform(np.int64(1), np.float32(2)) == uniform(1, 2.0)


@pytest.mark.parametrize(
    ("make", "ends", "message"),
    [
        (uniform, (1, 1), "from a low to a higher number"),
        (uniform, (2, 1), "from a low to a higher number"),
        (uniform, (0, float("inf")), "finite ends"),
        (uniform, ("0", 1), "numbers for the ends"),
        (uniform, (True, 2), "numbers for the ends"),
        (log_uniform, (0, 1), "above 0 on a log scale"),
    ],
)
def test_ends_that_make_no_interval_are_refused(make, ends, message) -> None:
    with pytest.raises(SpaceError, match=message):
        make(*ends)
