from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nas_nb.data.dataset import Data
from nas_nb.data.preprocessing import MOST_CATEGORIES, Column, Table
from nas_nb.data.task import Task
from nas_nb.errors import DataError


def frame(rows: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.normal(50, 10, rows),
            "city": ["Rome", "Oslo", "Rome", "Bonn", "Rome"] * (rows // 5),
            "smokes": rng.random(rows) > 0.5,
            "price": rng.normal(100, 10, rows),
        }
    )


def test_categories_become_marks_the_most_frequent_first_and_other_in_front() -> None:
    data = Data.from_frame(frame(), "price")
    assert isinstance(data.raw, Table)
    assert [column.name for column in data.raw.columns] == ["age", "city", "smokes"]
    assert data.raw.columns[1].categories[0] == "Rome"
    assert data.spec.input_shape == (1 + 4 + 1,)
    assert (data.x_train[:, 1:5].sum(axis=1) == 1).all()
    assert data.task == Task.REGRESSION


def test_missing_and_unseen_categories_are_other() -> None:
    table = Table((Column("city", ("Rome", "Oslo")),))
    cities = np.array(["Oslo", None, "Paris", float("nan")], dtype=object)
    assert table.numbers({"city": cities}).tolist() == [[0, 0, 1], [1, 0, 0], [1, 0, 0], [1, 0, 0]]


def test_rare_categories_are_other() -> None:
    names = np.array([f"c{n % 50}" for n in range(200)], dtype=object)
    column = Table.learn({"name": names}).columns[0]
    assert len(column.categories) == MOST_CATEGORIES
    assert column.width == MOST_CATEGORIES + 1


def test_marks_keep_their_scale_and_numbers_lose_theirs() -> None:
    statistics = Data.from_frame(frame(), "price").spec.statistics
    assert statistics is not None
    assert statistics.mean[0] == pytest.approx(50, abs=5)
    assert statistics.mean[1:5] == (0, 0, 0, 0)
    assert statistics.variance[1:5] == (1, 1, 1, 1)
    assert statistics.target_mean[0] == pytest.approx(100, abs=5)


def test_category_dtype_of_whole_numbers_is_a_category() -> None:
    codes = frame().assign(age=pd.Series([1, 2] * 20).astype("category"))
    data = Data.from_frame(codes, "price")
    assert isinstance(data.raw, Table)
    assert set(data.raw.columns[0].categories) == {"1", "2"}


def test_frame_with_labels_goes_through_from_arrays_too() -> None:
    data = Data.from_arrays(frame()[["age", "city"]], frame()["smokes"])
    assert data.task == Task.BINARY
    assert data.spec.raw == data.raw


def test_several_targets_are_quantities() -> None:
    assert Data.from_frame(frame(), ["price", "age"]).spec.outputs == 2


@pytest.mark.parametrize(
    ("changes", "target", "message"),
    [
        ({}, "prize", "column of age, city, .* Did you mean 'price'"),
        ({"when": pd.date_range("2020", periods=40)}, "price", "'when'.*days since a date"),
        ({"city": None}, "price", "values in the column 'city'. Received: none"),
        ({"age": float("nan")}, "price", "finite numbers in x"),
    ],
)
def test_columns_that_cannot_be_used_are_refused(changes, target, message) -> None:
    with pytest.raises(DataError, match=message):
        Data.from_frame(frame().assign(**changes), target)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(DataError, match="none called 'city'"):
        Table((Column("age"), Column("city", ("Rome",)))).numbers({"age": [1.0]})
