from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import nas_nb as nas
from nas_nb.data import dataset
from nas_nb.data.dataset import array_fingerprint, data_differences

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 4)), np.arange(60) % 3


def data(x: np.ndarray = X, y: np.ndarray = Y, **options: object) -> nas.Data:
    return nas.Data.from_arrays(x, y, **options)


def differences(one: nas.Data, other: nas.Data) -> str:
    written = json.loads(json.dumps(one.fingerprint))
    return "; ".join(data_differences(written, other.fingerprint))


def test_the_same_rows_have_the_same_fingerprint_whatever_they_are_called() -> None:
    assert differences(data(), data(X.copy(), Y.astype(float), name="other")) == ""


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (lambda: data(X[:50], Y[:50]), "training rows: 36, now 30"),
        (lambda: data(seed=1), "other training, validation, test rows"),
        (lambda: data(X[::-1], Y[::-1]), "other training, validation, test rows"),
        (lambda: data(X[:, :3]), r"training samples of shape \(4,\), now \(3,\)"),
        (lambda: data(y=(Y + 1) % 3), "other training, validation, test rows"),
        (lambda: data(y=Y % 2), "the task multiclass, now binary"),
        (lambda: replace(data(), x_test=data().x_test + 1), "other test rows"),
        (
            lambda: replace(data(), x_val=data().x_val.astype(float)),
            "of dtype float32, now float64",
        ),
    ],
)
def test_other_rows_are_told_apart_in_words(other, words: str) -> None:
    assert re.search(words, differences(data(), other()))


def test_one_cell_in_small_data_and_each_label_in_large_data_count(monkeypatch) -> None:
    changed = X.copy()
    changed[17, 2] += 1e-3
    assert differences(data(), data(changed))
    monkeypatch.setattr(dataset, "MOST_BYTES", 100)
    labels = np.arange(1_000)
    other = labels.copy()
    other[501] += 1
    assert array_fingerprint(labels, whole=True) != array_fingerprint(other, whole=True)
    assert array_fingerprint(labels) == array_fingerprint(labels.copy())


def test_another_vocabulary_or_other_categories_are_another_encoding() -> None:
    texts = ["a b c d"] * 30 + ["c d e f"] * 30
    one, other = (nas.Data.from_texts(texts, Y, vocabulary=size, length=4) for size in (5, 6))
    assert "another encoding" in differences(one, other)


def test_the_arrays_of_a_data_set_stay_what_they_are() -> None:
    made = data()
    with pytest.raises(ValueError, match="read-only"):
        made.x_train[0] = 7


def test_it_is_known_how_a_data_set_was_made() -> None:
    assert nas.load("iris", limit=60, scaled=False).recipe == {
        "load": {"name": "iris", "limit": 60, "source": "download", "scaled": False}
    }
    assert data(validation=0.3, seed=4).recipe == {
        "from_arrays": {"validation": 0.3, "test": 0.2, "seed": 4}
    }
