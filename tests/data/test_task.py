from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nas_nb.data.task import Task, check_labels, detect_task, encode_labels, to_task
from nas_nb.errors import DataError


@pytest.mark.parametrize(
    ("y", "task"),
    [
        ([0, 1, 1], "binary"),
        ([0.0, 1.0], "binary"),
        ([True, False], "binary"),
        (["cat", "dog"], "binary"),
        ([0, 1, 2], "multiclass"),
        (["a", "b", "c"], "multiclass"),
        (range(20), "multiclass"),
        (range(21), "regression"),
        ([0.5, 1.0], "regression"),
        ([[1, 0, 0], [0, 0, 1]], "multiclass"),
        ([[1, 1, 0], [0, 0, 1]], "multilabel"),
        ([[1.5, 2.0], [0.0, 1.0]], "regression"),
    ],
)
def test_a_task_is_read_off_the_labels(y: Any, task: str) -> None:
    assert detect_task(np.asarray(y)) == task


def test_classes_are_numbered_in_the_order_of_their_names() -> None:
    numbers, classes = encode_labels(np.array(["dog", "cat", "dog"]), Task.BINARY)
    assert numbers.tolist() == [1, 0, 1]
    assert numbers.dtype == np.int32
    assert classes == ("cat", "dog")


def test_classes_that_are_numbers_keep_them_as_names() -> None:
    numbers, classes = encode_labels(np.array([7.0, 3.0, 5.0]), Task.MULTICLASS)
    assert numbers.tolist() == [2, 0, 1]
    assert classes == ("3", "5", "7")


def test_one_hot_rows_become_class_numbers() -> None:
    numbers, classes = encode_labels(np.array([[0, 0, 1], [1, 0, 0]]), Task.MULTICLASS)
    assert numbers.tolist() == [2, 0]
    assert classes == ("0", "1", "2")


def test_labels_and_quantities_become_floats() -> None:
    labels, names = encode_labels(np.array([[1, 1], [0, 1]]), Task.MULTILABEL)
    quantities, none = encode_labels(np.array([1, 2]), Task.REGRESSION)
    assert labels.dtype == quantities.dtype == np.float32
    assert (names, none) == (("0", "1"), ())


@pytest.mark.parametrize(
    ("y", "task", "says"),
    [
        (["a", "b"], "regression", "Expected numbers in y"),
        ([0, 1, 2], "binary", "Expected 2 classes.*Received: 3"),
        ([1, 1, 1], "multiclass", "at least 2 classes.*Received: 1"),
        ([[1, 1], [0, 1]], "multiclass", "multilabel"),
        ([0, 1], "multilabel", r"\(samples, labels\)"),
        ([[0, 2], [0, 1]], "multilabel", "0 and 1"),
    ],
)
def test_labels_that_do_not_fit_the_task_are_refused(y: Any, task: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        encode_labels(np.asarray(y), Task(task))


@pytest.mark.parametrize(
    ("y", "task", "classes", "says"),
    [
        ([0, 1, 3], "multiclass", 3, "class numbers 0 to 2.*3"),
        ([0, 1, -1], "multiclass", 3, "class numbers"),
        ([0, 2], "binary", 2, "class numbers 0 to 1"),
        (["a", "b"], "binary", 2, "class numbers"),
        ([0.5, 1.0], "binary", 2, "class numbers"),
        ([[0, 1]], "binary", 2, r"\(samples,\)"),
        ([[0, 1, 1]], "multilabel", 2, r"\(samples, 2\)"),
        (["a", "b"], "regression", 0, "floats"),
    ],
)
def test_labels_that_are_not_written_as_the_task_says_are_refused(
    y: Any, task: str, classes: int, says: str
) -> None:
    with pytest.raises(DataError, match=says):
        check_labels("y_val", np.asarray(y), Task(task), tuple(map(str, range(classes))))


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(DataError, match="Did you mean 'multiclass'"):
        to_task("multi_class")
