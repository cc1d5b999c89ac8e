from __future__ import annotations

import hashlib

import numpy as np
import pytest

from nas_nb.data import datasets
from nas_nb.data.datasets import default_data, load, use
from nas_nb.data.task import Task
from nas_nb.errors import DataError


@pytest.fixture(autouse=True)
def no_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "_default", None)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "digits",
            "1,077 train / 360 validation / 360 test, 8x8x1, multiclass, 10 classes (0 ... 9)",
        ),
        (
            "breast_cancer",
            "341 train / 114 validation / 114 test, 30, binary, 2 classes (malignant, benign)",
        ),
        (
            "wine",
            "106 train / 36 validation / 36 test, 13, multiclass, "
            "3 classes (class_0, class_1, class_2)",
        ),
        (
            "diabetes",
            "264 train / 89 validation / 89 test, 10, regression, 1 quantity (-1.702 to 2.499)",
        ),
    ],
)
def test_a_ready_data_set_has_its_counts(name: str, line: str) -> None:
    assert load(name).describe() == f"{name}: {line} (scikit-learn)"


def test_digits_are_images_between_0_and_1() -> None:
    data = load("digits")
    assert data.x_train.dtype == np.float32
    assert (data.x_train.min(), data.x_train.max()) == (0.0, 1.0)
    assert data.classes == tuple("0123456789")


def test_digits_are_split_alike_everywhere() -> None:
    data = load("digits")
    labels = np.concatenate([data.y_train, data.y_val, data.y_test]).astype(np.int8)
    digest = hashlib.sha256(labels.tobytes()).hexdigest()
    assert digest[:16] == "3ec758aa77e54815"
    for part in ("train", "val", "test"):
        counts = np.bincount(data.part(part)[1])
        assert counts.max() - counts.min() <= 6


def test_tables_are_standardised_with_the_training_rows() -> None:
    for name in ("breast_cancer", "wine", "diabetes"):
        data = load(name)
        assert np.allclose(data.x_train.mean(axis=0), 0, atol=1e-5)
        assert np.allclose(data.x_train.std(axis=0), 1, atol=1e-5)
        assert not np.allclose(data.x_test.mean(axis=0), 0, atol=1e-5)


def test_the_quantity_of_diabetes_is_standardised_too() -> None:
    data = load("diabetes")
    assert data.task == Task.REGRESSION
    assert data.y_train.mean() == pytest.approx(0, abs=1e-5)
    assert data.y_train.std() == pytest.approx(1, abs=1e-5)


def test_classes_have_their_names() -> None:
    assert load("breast_cancer").classes == ("malignant", "benign")


def test_a_limit_takes_rows_of_each_part_alike() -> None:
    whole, few = load("digits"), load("digits", limit=200)
    assert [len(few.part(part)[0]) for part in ("train", "val", "test")] == [119, 40, 40]
    assert (few.x_train == whole.x_train[:119]).all()
    assert np.bincount(few.y_train).min() >= 10
    assert len(load("digits", limit=10_000).x_train) == 1_077


@pytest.mark.parametrize("limit", [0, -1, 2, 0.5])
def test_a_limit_that_leaves_no_rows_is_refused(limit: int) -> None:
    with pytest.raises(DataError, match=r"Expected (a |`)limit"):
        load("digits", limit=limit)


def test_an_unknown_data_set_names_the_nearest() -> None:
    with pytest.raises(DataError, match=r"Received: 'digit'. Did you mean 'digits'"):
        load("digit")


def test_what_is_used_is_the_default() -> None:
    data = use("wine")
    assert default_data() is data
    digits = load("digits", limit=100)
    assert use(digits) is default_data() is digits


def test_without_a_default_the_error_says_how_to_set_one() -> None:
    with pytest.raises(DataError, match=r'nas\.use\(nas\.load\("digits"\)\)'):
        default_data()


def test_only_data_can_be_used() -> None:
    with pytest.raises(DataError, match="Received: ndarray"):
        use(np.zeros(3))  # type: ignore[arg-type]
