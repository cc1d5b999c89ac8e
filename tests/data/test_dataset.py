from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nas_nb.data.dataset import Data, DataSpec
from nas_nb.data.task import Task
from nas_nb.errors import DataError

x = np.arange(40.0).reshape(20, 2)
y = np.arange(20) % 2


def test_arrays_are_split_into_three_parts_with_their_labels() -> None:
    data = Data.from_arrays(x + 0.5, x[:, 0] + 0.5)
    assert [len(data.part(part)[0]) for part in ("train", "val", "test")] == [12, 4, 4]
    for part in ("train", "val", "test"):
        rows, labels = data.part(part)
        assert rows[:, 0].tolist() == labels.tolist()
    assert data.task == Task.REGRESSION


def test_the_usual_objective_follows_from_the_labels() -> None:
    assert Data.from_arrays(x, y).usual_objective == ("val_accuracy", "max")
    quantities = Data.from_arrays(x, x[:, 0] + 0.5)
    assert quantities.usual_objective == ("val_loss", "min")
    with pytest.raises(DataError, match="no `classes`"):
        replace(quantities, classes=("low", "high"))


def test_the_shares_and_the_seed_are_the_callers() -> None:
    first = Data.from_arrays(x, y, validation=0.1, test=0.4, seed=1)
    other = Data.from_arrays(x, y, validation=0.1, test=0.4, seed=2)
    assert (len(first.x_val), len(first.x_test)) == (2, 8)
    assert first.x_train.tolist() != other.x_train.tolist()


@pytest.mark.parametrize(
    ("labels", "spec"),
    [
        (y, DataSpec((2,), Task.BINARY, 1)),
        (np.arange(20) % 3, DataSpec((2,), Task.MULTICLASS, 3)),
        (np.tile([[1, 1, 0], [0, 0, 1]], (10, 1)), DataSpec((2,), Task.MULTILABEL, 3)),
        (x[:, 0] / 3, DataSpec((2,), Task.REGRESSION, 1)),
        (x + 0.5, DataSpec((2,), Task.REGRESSION, 2)),
        (y[:, np.newaxis], DataSpec((2,), Task.BINARY, 1)),
    ],
)
def test_the_spec_says_what_a_space_needs(labels: Any, spec: DataSpec) -> None:
    found = Data.from_arrays(x, labels).spec
    assert replace(found, statistics=None) == spec
    assert hash(found) == hash(Data.from_arrays(x, labels).spec)


def test_lists_and_data_frames_are_read_like_arrays() -> None:
    frame = pd.DataFrame({"a": range(20), "b": np.linspace(0, 1, 20)})
    names = pd.Series(["no", "yes"] * 10)
    data = Data.from_arrays(frame, names)
    assert data.classes == ("no", "yes")
    assert data.x_train.dtype == np.float32
    same = Data.from_arrays(frame.to_numpy().tolist(), names.tolist())
    assert same.x_test.tolist() == data.x_test.tolist()


def test_one_line_describes_the_data() -> None:
    data = Data.from_arrays(x, y, name="ramp")
    line = "ramp: 12 train / 4 validation / 4 test, 2, binary, 2 classes (0, 1) (own arrays)"
    assert data.describe() == line
    assert repr(data) == f"<Data {line}>"


def test_the_given_arrays_are_not_changed() -> None:
    before = x.copy()
    Data.from_arrays(x, y)
    assert (x == before).all()


@pytest.mark.parametrize(
    ("rows", "labels", "says"),
    [
        (x, y[:-1], r"one row of y.*shape \(20, 2\), y of shape \(19,\)"),
        (x[:, 0], y, r"Expected x of shape \(samples, ...\)"),
        (x[:0], y[:0], "Expected rows in x"),
        (np.where(x == 3, np.nan, x), y, "finite numbers in x.*Received: 1 "),
        (np.where(x == 3, np.inf, x), y, "finite numbers in x"),
        (x * 1e40, y, "finite numbers in x"),
        (x, np.where(y == 1, np.nan, 0.0), "a label in each row of y"),
        (x.astype(str), y, "Expected numbers in x.*dtype <U"),
        ([[1.0], [1.0, 2.0]], [0, 1], "rows of the same length in x"),
        ([[1.0, None]] * 20, y, "without gaps"),
        (x, [None, "a"] * 10, "Received: 10 of 20 missing, the first in row 0"),
        (x, np.zeros((20, 2, 2)), "Expected y of shape"),
    ],
)
def test_arrays_that_cannot_be_used_are_refused(rows: Any, labels: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        Data.from_arrays(rows, labels)


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"x_val": x[:3]}, "x_val of shape"),
        ({"x_val": np.ones((4, 3))}, r"shape \(2,\) in x_val, as in x_train. Received: \(3,\)"),
        ({"y_test": np.array([0, 1, 2, 0])}, "class numbers 0 to 1 .* in y_test"),
        ({"x_test": np.full((4, 2), np.nan)}, "finite numbers in x_test"),
        ({"x_train": [[1.0, 2.0]] * 12}, "NumPy array for x_train. Received: list"),
        ({"x_train": np.ones((0, 2)), "y_train": y[:0]}, "rows in x_train"),
        ({"task": "binery"}, "Did you mean 'binary'"),
    ],
)
def test_parts_that_do_not_match_are_refused(part: dict[str, Any], says: str) -> None:
    data = Data.from_arrays(x, y)
    with pytest.raises(DataError, match=says):
        replace(data, **part)


def test_quantities_have_one_shape_in_every_part() -> None:
    data = Data.from_arrays(x, x + 0.5)
    with pytest.raises(DataError, match=r"shape \(2,\) in y_val"):
        replace(data, y_val=np.ones((4, 3)))


def test_a_task_may_be_given_by_name() -> None:
    assert Data.from_arrays(x, y, task="regression").task is Task.REGRESSION


@pytest.mark.parametrize("weights", ["class_weight", "sample_weight"])
def test_weights_are_refused_with_the_ways_out(weights: str) -> None:
    ways = "BinaryFocalCrossentropy.*StrategyTuner.*class_weight=.*sample_weight="
    with pytest.raises(DataError, match=f"Received: '{weights}'.*{ways}"):
        Data.from_arrays(x, y, **{weights: {0: 1, 1: 9}})


def test_each_constructor_lists_what_it_takes() -> None:
    for make in ("arrays", "frame", "texts", "series", "dataset"):
        constructor = getattr(Data, f"from_{make}")
        listed = constructor.__doc__.partition("Args:")[2]
        known = {*inspect.signature(constructor).parameters} | {"source", "loss", "metrics"}
        assert [name for name in known if name not in listed] == []
