from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nas_nb.data import datasets
from nas_nb.data.dataset import Data
from nas_nb.errors import NasWarning

RNG = np.random.default_rng(0)
ROWS = 400
AREA, ROOMS = RNG.normal(80, 25, ROWS).clip(15), RNG.integers(1, 7, ROWS)
CLASSES = np.arange(ROWS) % 2


def having(values: Any, **at_rows: float) -> Any:
    """Values in which some rows, named "row_3", hold others."""
    changed = np.array(values, float)
    for row, value in at_rows.items():
        changed[int(row.removeprefix("row_"))] = value
    return changed


def houses(area: Any = AREA, price: Any = AREA * 9, **columns: Any) -> pd.DataFrame:
    city = ["Oslo", "Rome"] * (ROWS // 2)
    return pd.DataFrame({"area": area, "rooms": ROOMS, "city": city, "price": price, **columns})


def told(make: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NasWarning)
        make()
    return [str(one.message) for one in caught if one.category is NasWarning]


ONE = having(AREA, row_3=1e6)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: Data.from_frame(houses(ONE), "price"),
            "variance: 'area' holds 1,000,000 in row 3, all othe",
        ),
        (
            lambda: Data.from_frame(houses(having(AREA, row_9=-9_999)), "price"),
            "variance: 'area' holds -9,9",
        ),
        (
            lambda: Data.from_frame(
                houses(np.where(np.arange(ROWS) % 9, ONE, np.nan)), "price", missing="impute"
            ),
            "variance: 'area' holds 1,000,000 in row 3, all others 15 ",
        ),
        (
            lambda: Data.from_frame(
                houses(having(AREA, row_3=1e6, row_7=-2e6, row_8=1e6)), "price"
            ),
            r"variance: 'area' holds -2,000,000 in row 7 \(and 2 more like it\), all others 15 to",
        ),
        (
            lambda: Data.from_frame(houses(price=having(AREA * 9, row_300=4e8)), "price"),
            r"variance: y holds 4e\+08 in row 300",
        ),
        (
            lambda: Data.from_arrays(np.stack([AREA, having(ROOMS, row_2=999)], 1), CLASSES),
            r"variance: x\[..., 1\] holds 999 in row 2, all others 1 to 6",
        ),
        (
            lambda: Data.from_arrays(
                having(np.ones((ROWS, 5)) * AREA[:, None], row_6=1e6), CLASSES
            ),
            r"variance: x\[..., 0\] .*; x\[..., 1\] .*; x\[..., 2\] .* and 2 more\.",
        ),
        (
            lambda: Data.from_arrays(ROWS * AREA[:, None], np.stack([AREA, ONE], 1)),
            r"variance: y\[..., 1\] holds 1,000,000 in row 3",
        ),
        (
            lambda: Data.from_series(having(AREA, row_50=-9_999)),
            "variance: the series holds .* in step 50,",
        ),
        (
            lambda: Data.from_series(houses(ONE)[["rooms", "area"]], target="rooms"),
            "variance: 'area' holds 1,000,000 in step 3",
        ),
        (
            lambda: Data.from_arrays(
                having(AREA, row_31=1e6).reshape(-1, 10, 1), range(ROWS // 10)
            ),
            "variance: x holds 1,000,000 in row 3,",
        ),
    ],
)
def test_a_few_values_that_make_a_columns_variance_are_told_with_their_rows(make, words) -> None:
    (text,) = told(make)
    assert re.search(f"^Outliers make over 90 % of a column's {words}", text), text


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Data.from_frame(houses(year=7.0), "price"), "'year' holds one value alone"),
        (
            lambda: Data.from_frame(houses(land="NO", year=0), "price"),
            "'land', 'year' hold one val",
        ),
        (
            lambda: Data.from_arrays(np.stack([AREA, 0 * AREA + 7], 1), CLASSES),
            r"x\[..., 1\] holds",
        ),
        (lambda: Data.from_arrays(AREA[:, None], np.full(ROWS, 0.5)), "^y holds one value alone"),
        (lambda: Data.from_series(np.stack([AREA, 0 * AREA], 1)), "'1' holds one value alone"),
    ],
)
def test_columns_of_one_value_are_told(make, words) -> None:
    (text,) = told(make)
    assert re.search(words, text), text


def marks(rows: int, kinds: int) -> Any:
    return np.eye(kinds)[np.arange(rows) % kinds]


@pytest.mark.parametrize(
    "x",
    [
        marks(ROWS, 50),
        np.eye(ROWS)[:, :3],  # a single 1
        np.where(RNG.random((ROWS, 9)) < 0.04, RNG.lognormal(0, 2, (ROWS, 9)), 0),
        RNG.poisson(0.03, (ROWS, 60)),
        RNG.poisson(3, (ROWS, 5)),
        RNG.lognormal(0, 1, (ROWS, 20)),
        having(AREA, row_3=800)[:, None],  # rare, but beside it the others are told apart
        np.stack([ROOMS > 3, CLASSES], 1),
        np.pad(RNG.random((ROWS, 4, 4)), ((0, 0), (2, 2), (2, 2))),  # the margin of images
        np.zeros((ROWS, 2)),
    ],
)
def test_sparse_skewed_and_usual_columns_are_not(x) -> None:
    assert told(lambda: Data.from_arrays(x, CLASSES)) == []


@pytest.mark.parametrize("name", [*datasets.TABLES, "digits", "shoppers", "seasons", "waves"])
def test_no_data_set_of_ours_has_any(name) -> None:
    assert told(lambda: datasets.load(name, scaled=False)) == []


def test_a_long_table_is_judged_by_a_sample_and_its_outlier_is_found_all_the_same() -> None:
    x = np.resize(RNG.normal(size=9_973), (1_200_000, 1)).astype(np.float32)
    x[777_777] = 1e5
    (text,) = told(lambda: Data.from_arrays(x, np.arange(len(x)) % 2))
    assert "x holds 100,000 in row 777777" in text
