from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

import nas_nb as nas
from nas_nb.export.raw_input import class_names

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
