from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_nb.data.task import stratified_split
from nas_nb.errors import DataError


@given(st.integers(5, 200), st.integers(1, 9), st.integers(0, 3))
def test_every_row_goes_to_one_part_and_classes_keep_their_shares(
    rows: int, classes: int, seed: int
) -> None:
    strata = np.random.default_rng(seed).integers(classes, size=rows)
    parts = stratified_split(rows, strata, 0.2, 0.2, seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(rows))
    for one in range(classes):
        members = np.sum(strata == one)
        for part in parts:
            found = np.sum(strata[part] == one)
            assert abs(found - members * len(part) / rows) <= 2


def test_counts_of_held_out_rows_are_rounded_up() -> None:
    assert [len(part) for part in stratified_split(11, None, 0.2, 0.1, 0)] == [6, 3, 2]


def test_the_seed_alone_decides() -> None:
    first, again, other = (
        stratified_split(50, None, 0.2, 0.2, seed)[0].tolist() for seed in (0, 0, 1)
    )
    assert first == again != other


@pytest.mark.parametrize(
    ("validation", "test"), [(0, 0.2), (0.2, 0), (0.6, 0.5), (1, 0.2), (-0.1, 0.2), (np.nan, 0.2)]
)
def test_shares_that_leave_a_part_empty_are_refused(validation: float, test: float) -> None:
    with pytest.raises(DataError, match="leave training rows"):
        stratified_split(10, None, validation, test, 0)
