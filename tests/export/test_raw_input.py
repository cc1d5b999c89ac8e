from __future__ import annotations

import re
import warnings
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

import nas_nb as nas
from nas_nb.errors import DataError, NasWarning
from nas_nb.export.raw_input import class_names, model_input

X = np.arange(60, dtype="float32").reshape(30, 2)
THREE = np.arange(30) % 3


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (THREE, [0, 2, 1]),
        (THREE + 0.0, [0.0, 2.0, 1.0]),
        ((THREE + 4).astype("int8"), [4, 6, 5]),
        (np.eye(3)[THREE], [0, 2, 1]),
        (pd.Series(THREE * 10, dtype="Int64"), [0, 20, 10]),
        (np.array(["a", "b", "c"])[THREE], ["a", "c", "b"]),
        (np.array(["1", "2", "3"])[THREE], ["1", "3", "2"]),
        (pd.Categorical(THREE), [0, 2, 1]),
    ],
)
def test_predicted_classes_are_what_the_labels_were(labels: Any, expected: list[Any]) -> None:
    data = nas.Data.from_arrays(X, labels, task="multiclass")
    outputs = np.eye(3)[[0, 2, 1]]
    found = class_names(outputs, data, keras.Sequential())
    assert found.tolist() == expected
    assert isinstance(found[0].item(), type(expected[0]))


def test_predicted_truth_values_are_truth_values() -> None:
    data = nas.Data.from_arrays(X, THREE > 0)
    outputs = np.array([[0.2], [0.9]])
    assert class_names(outputs, data, keras.Sequential()).tolist() == [False, True]


def test_labels_of_a_frame_are_called_as_its_columns() -> None:
    frame = pd.DataFrame({"a": X[:, 0], "rain": THREE > 0, "wind": THREE > 1})
    data = nas.Data.from_frame(frame, ["rain", "wind"], task="multilabel")
    outputs = np.array([[0.9, 0.1], [0.9, 0.8]])
    assert class_names(outputs, data, keras.Sequential()) == [("rain",), ("rain", "wind")]


FRAME = pd.DataFrame({"device": ["phone", "desk", "phone"] * 10, "age": np.arange(30.0)})


def many(count: int) -> pd.DataFrame:
    """Names of towns, of which 32 are kept."""
    return pd.DataFrame({"town": [f"town {n % count}" for n in range(400)]})


@pytest.mark.parametrize(
    ("frame", "x", "said"),
    [
        (FRAME, {"device": ["watch", "phone", "watch"]}, r"'device': 'watch' \(2 rows\)\."),
        (FRAME, {"device": ["a", "b", "c", "d"]}, r"'device': 'a', 'b', 'c' and 1 more \(4 rows\)"),
        (FRAME, {"device": [None, "phone"]}, r"'device': a gap \(1 rows\)"),
        (many(32), {"town": ["town 1", "Rome"]}, r"'town': 'Rome' \(1 rows\)"),
        (FRAME, {"device": ["phone", "desk"]}, None),
        (FRAME.assign(device=["phone", None, "desk"] * 10), {"device": [None, "phone"]}, None),
        (many(40), {"town": ["town 1", "Rome"]}, None),  # rare ones are "other", too
    ],
)
def test_a_category_that_no_training_row_had_is_told(frame: Any, x: Any, said: str | None) -> None:
    data = nas.Data.from_arrays(frame, np.arange(len(frame)) % 2, name="frame")
    asked = pd.DataFrame({"age": 3.0} | x) if "device" in x else pd.DataFrame(x)
    for given in (asked, dict(asked)):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", NasWarning)
            assert len(model_input(given, data)) == len(asked)
        texts = [str(one.message) for one in told]
        assert len(texts) == (said is not None)
        assert said is None or re.search(f"no training row had.*{said}", texts[0])


def test_a_text_without_a_known_word_is_told() -> None:
    data = nas.Data.from_texts(["good film", "bad film"] * 10, [1, 0] * 10)
    with pytest.warns(NasWarning, match="1 of 2 texts have no word.*the first in row 1"):
        model_input(["a good one", "xyz"], data)


@pytest.mark.parametrize(
    ("garden", "remedy"),
    [
        (["True", "False"], r"\['garden'\].map\({'True': True, 'False': False}\)"),
        (["yes", "yes"], r"\['garden'\].map\({'yes': True}\)"),
        (["no", None], r"\['garden'\].map\({'no': False}\)"),
        (["1,5", "2,5"], r"decimal=','"),
        (["2026-01-31", "2026-02-01"], "pd.to_datetime"),
        (["unknown", "1"], r"make a gap of it, pd.to_numeric\(.*errors='coerce'\)"),
    ],
)
def test_text_where_numbers_were_trained_gets_the_remedy_of_its_kind(garden: Any, remedy: str):
    data = nas.Data.from_arrays(FRAME[["age"]].assign(garden=THREE > 0), THREE)
    x = pd.DataFrame({"age": [1.0, 2.0], "garden": garden})
    with pytest.raises(DataError, match=f"numbers in the column 'garden'.*{remedy}"):
        model_input(x, data)


@pytest.mark.parametrize(
    ("data", "x"),
    [
        (nas.Data.from_arrays(FRAME, THREE), FRAME[:0]),
        (nas.Data.from_arrays(X, THREE), X[:0]),
        (nas.Data.from_arrays(X, THREE), []),
        (nas.Data.from_texts(["good film", "bad film"] * 10, [1, 0] * 10), []),
    ],
)
def test_no_rows_are_told_as_such(data: nas.Data, x: Any):
    with pytest.raises(DataError, match=r"at least one row in x\. Received: .* of no rows"):
        model_input(x, data)
