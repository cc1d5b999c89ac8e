from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from nas_nb.data.dataset import Data
from nas_nb.data.preprocessing import Vocabulary
from nas_nb.data.readers import collect
from nas_nb.data.task import Task
from nas_nb.errors import DataError

pytestmark = pytest.mark.tensorflow

x = np.arange(60, dtype="float32").reshape(20, 3)
y = np.arange(20) % 2


@pytest.mark.parametrize(
    "stage",
    [
        lambda d: d,
        lambda d: d.batch(8),
        lambda d: d.batch(5, drop_remainder=True),
        lambda d: d.batch(4).prefetch(1),
    ],
)
def test_datasets_are_read_batched_or_not(stage) -> None:
    found, labels = collect(stage(tf.data.Dataset.from_tensor_slices((x, y))))
    np.testing.assert_array_equal(found, x)
    np.testing.assert_array_equal(labels, y)


def test_rows_of_one_hot_labels_are_not_taken_for_batches() -> None:
    hot = np.eye(2)[y]
    found, labels = collect(tf.data.Dataset.from_tensor_slices((x, hot)))
    assert (found.shape, labels.shape) == ((20, 3), (20, 2))


def test_texts_of_a_dataset_are_read_as_texts() -> None:
    texts = ["good film", "bad film"] * 10
    dataset = tf.data.Dataset.from_tensor_slices((texts, ["yes", "no"] * 10)).batch(6)
    data = Data.from_dataset(dataset)
    assert isinstance(data.raw, Vocabulary)
    assert data.classes == ("no", "yes")


def test_numbers_of_a_dataset_are_split_like_arrays() -> None:
    data = Data.from_dataset(tf.data.Dataset.from_tensor_slices((x, y)).batch(7), name="d")
    same = Data.from_arrays(x, y)
    assert (data.task, data.name) == (Task.BINARY, "d")
    np.testing.assert_array_equal(data.x_val, same.x_val)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (tf.data.Dataset.from_tensor_slices(x), "pairs"),
        (tf.data.Dataset.from_tensor_slices((x, y, y)), "triples.*nas.StrategyTuner.*sample_wei"),
        (tf.data.Dataset.from_tensor_slices((x, y)).take(0), "an empty one"),
        ([(x[:3], y[:3]), (x[:2, :2], y[:2])], "samples of one shape"),
    ],
)
def test_datasets_that_cannot_be_read_are_refused(dataset, message) -> None:
    with pytest.raises(DataError, match=message):
        collect(dataset)


@pytest.mark.parametrize("one_hot", [False, True])
def test_classes_have_the_names_that_a_dataset_of_folders_knows(one_hot) -> None:
    dataset = tf.data.Dataset.from_tensor_slices((x, np.eye(2)[y] if one_hot else y)).batch(7)
    dataset.class_names = ["cats", "dogs"]  # as image_dataset_from_directory leaves it
    data, plain = Data.from_dataset(dataset), Data.from_arrays(x, np.eye(2)[y] if one_hot else y)
    assert (data.classes, data.task) == (("cats", "dogs"), plain.task)
    np.testing.assert_array_equal(data.y_train, plain.y_train)


def test_a_folder_is_no_dataset_and_the_error_says_what_reads_it() -> None:
    with pytest.raises(DataError, match="image_dataset_from_directory"):
        Data.from_dataset("photos")  # type: ignore[arg-type]
