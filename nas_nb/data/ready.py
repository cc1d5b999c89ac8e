"""Data sets that an installed package carries, and the one that a kernel uses by default."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

import numpy as np

from nas_nb.data.dataset import Data
from nas_nb.data.reading import PARTS
from nas_nb.data.task import Array, Task
from nas_nb.errors import DataError, nearest

NAMES = ("digits", "breast_cancer", "wine", "diabetes")

_default: Data | None = None


def load(name: str, *, limit: int | None = None) -> Data:
    """Returns a data set that scikit-learn carries: nothing is downloaded.

    The split is the same everywhere: 60 % training, 20 % validation, 20 % test, every class in
    the same share in each.

    Args:
        name: "digits" (1,797 images of 8x8x1 in [0, 1], 10 classes), "breast_cancer" (569 rows of
            30 numbers, 2 classes), "wine" (178 rows of 13, 3 classes) or "diabetes" (442 rows of
            10, a quantity). Tables, and the quantity, are standardised with the mean and the
            standard deviation of the training rows.
        limit: At most so many rows in all, from each part alike. Default: all.

    Raises:
        DataError: There is no such data set, or the limit leaves a part without rows.
    """
    if name not in NAMES:
        raise DataError(
            f"Expected a data set: {', '.join(NAMES)}. Received: {name!r}."
            f"{nearest(str(name), NAMES)} Your own arrays go through nas.Data.from_arrays(x, y)."
        )
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise DataError(f"Expected a limit of so many rows. Received: limit={limit!r}.")
    data = _digits() if name == "digits" else _table(name)
    return data if limit is None else _limited(data, limit)


def use(data: Data | str) -> Data:
    """Makes a data set, or the one of that name, the default of this kernel, and returns it.

    Raises:
        DataError: It is neither a Data nor the name of a data set.
    """
    global _default
    if isinstance(data, str):
        data = load(data)
    if not isinstance(data, Data):
        raise DataError(
            f"Expected a Data or the name of a data set. Received: {type(data).__name__}. "
            "Arrays go through nas.Data.from_arrays(x, y)."
        )
    _default = data
    return data


def default_data() -> Data:
    """Returns the data set that was given to `use`.

    Raises:
        DataError: None was.
    """
    if _default is None:
        raise DataError(
            "Expected data. Received: none, and no default is set. "
            'Set one with nas.use(nas.load("digits")).'
        )
    return _default


def _bunch(name: str) -> Any:
    # By name, so that scikit-learn is imported when it is needed and not before.
    return getattr(importlib.import_module("sklearn.datasets"), f"load_{name}")()


def _digits() -> Data:
    bunch = _bunch("digits")
    images = bunch.images[..., np.newaxis] / 16  # ink per pixel is counted from 0 to 16
    return Data.from_arrays(images, bunch.target, name="digits", source="scikit-learn")


def _table(name: str) -> Data:
    bunch = _bunch(name)
    raw = Data.from_arrays(bunch.data, bunch.target, name=name, source="scikit-learn")
    arrays: dict[str, Any] = {}
    for part in PARTS:
        x, y = raw.part(part)
        arrays[f"x_{part}"] = _standardised(x, raw.x_train)
        if raw.task == Task.REGRESSION:
            arrays[f"y_{part}"] = _standardised(y, raw.y_train)
        else:
            arrays["classes"] = tuple(map(str, bunch.target_names))
    return replace(raw, **arrays)


def _standardised(numbers: Array, train: Array) -> Array:
    mean, deviation = train.mean(axis=0, dtype=float), train.std(axis=0, dtype=float)
    return np.asarray((numbers - mean) / deviation, dtype=np.float32)


def _limited(data: Data, limit: int) -> Data:
    total = sum(len(data.part(part)[0]) for part in PARTS)
    arrays: dict[str, Any] = {}
    for part in PARTS:
        x, y = data.part(part)
        # A part's first rows hold the classes in their shares: see `split`.
        rows = len(x) * limit // total
        if rows < 1:
            raise DataError(
                f"Expected a limit that leaves rows in each part, 6 or more. Received: {limit}."
            )
        arrays |= {f"x_{part}": x[:rows], f"y_{part}": y[:rows]}
    return data if limit >= total else replace(data, **arrays)
