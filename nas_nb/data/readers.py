"""Arrays, frames, texts, series and `tf.data` read into the three parts; their odd columns told."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from nas_nb.data.preprocessing import (
    IMPUTE,
    Array,
    Table,
    Vocabulary,
    check_columns,
    check_texts,
    frame_columns,
    is_missing,
    label_values,
    rectangular,
    refuse_several,
    usual_length,
)
from nas_nb.data.task import Task, detect_task, encode_labels, stratified_split
from nas_nb.errors import DataError, can_iterate, check_whole, nearest, shown, tell

PARTS = ("train", "val", "test")

Parts = Mapping[str, tuple[Array, Array]]
"""For each part the numbers of its rows, and their labels."""


@dataclass(frozen=True)
class SplitShares:
    """How rows are shared out: `validation` and `test` are shares, `seed` is of the shuffle."""

    validation: float
    test: float
    seed: int

    def __post_init__(self) -> None:
        for name in ("validation", "test"):
            share = getattr(self, name)
            number = isinstance(share, Real) and not isinstance(share, bool)
            if not number or not 0 < share < 1:
                raise DataError(
                    f"Expected shares between 0 and 1, such as 0.2. Received: {name}={share!r}."
                )
        check_whole("", "seed", self.seed, 0, error=DataError)


def label_parts(y: Array, task: Task, shares: SplitShares) -> tuple[Parts, tuple[str, ...]]:
    """Returns which rows each part has, with their labels as the task writes them."""
    if y.size == 0:
        raise DataError(f"Expected rows in y. Received: an array of shape {y.shape}.")
    numbers, classes = encode_labels(y, task)
    strata = numbers if task.has_one_class else None
    rows = stratified_split(len(numbers), strata, shares.validation, shares.test, shares.seed)
    return {part: (at, numbers[at]) for part, at in zip(PARTS, rows, strict=True)}, classes


def frame_parts(frame: Any, parts: Parts, missing: str) -> dict[str, Any]:
    """Returns the x of each part of a data frame, and its table, learned from training rows."""
    _check_count("the data frame", len(frame), parts)
    columns = frame_columns(frame)
    if not columns:
        raise DataError("Expected columns beside the target in the data frame. Received: none.")
    check_columns(columns, None if missing == "impute" else IMPUTE)
    training = parts["train"][0]
    known = {name: values[training] for name, values in columns.items()}
    table = Table.learn(known, impute=missing == "impute")
    numbers = table.numbers(columns)
    tell_odd_columns(_usual_in_gaps(numbers, table), [f"'{name}'" for name in table.features])
    return {"raw": table} | {f"x_{part}": numbers[at] for part, (at, _) in parts.items()}


def _usual_in_gaps(numbers: Array, table: Table) -> Array:
    """Returns numbers with medians for what was missing: an outlier moves the mean far off."""
    ends = np.cumsum([column.width for column in table.columns])
    filled = [end - 2 for end, one in zip(ends, table.columns, strict=True) if one.fill is not None]
    numbers = numbers.copy() if filled else numbers
    for at in filled:
        gaps = numbers[:, at + 1] > 0
        numbers[gaps, at] = np.median(numbers[~gaps, at])
    return numbers


def weights_remedy(name: str) -> str:
    """Returns the ways to count rare classes or rows more, where an argument asks for weights."""
    if not name.startswith(("class_weight", "sample_weight")):
        return ""
    return (
        " The rows of a search count the same. Of two classes the second counts nine times as much "
        "with nas.Data's loss=keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True, "
        "alpha=0.9); weights as Keras's fit takes them go through nas.StrategyTuner(build, "
        "...).search(x, y, class_weight={0: 1, 1: 9}), or sample_weight=."
    )


_OPTIONS = ("name", "source", "loss", "metrics", "recipe")


def check_options(options: Mapping[str, Any]) -> None:
    """Raises DataError for an argument that no constructor of `Data` has."""
    for name in options:
        if name not in _OPTIONS:
            known = (*_OPTIONS[:-1], "validation", "test", "task", "seed", "missing", "window")
            hint = weights_remedy(name) or nearest(name, known)
            raise DataError(
                f"Expected source, loss or metrics among the options. Received: {name!r}.{hint}"
            )


def row_count(given: Any) -> int | None:
    """Returns how many rows an argument has; None where it doesn't say."""
    shape = getattr(given, "shape", None)
    if shape:
        return int(shape[0])
    return len(given) if isinstance(given, list | tuple) else None


def as_frame(x: Any, missing: str) -> Any:
    """Returns x, as a data frame where missing numbers are to be imputed."""
    if not isinstance(missing, str) or missing not in ("refuse", "impute"):
        raise DataError(
            f"Expected missing='refuse' or 'impute'. Received: missing={shown(missing)}."
        )
    if missing == "refuse" or hasattr(x, "columns"):
        return x
    array = np.asarray(x)
    if array.ndim != 2:
        raise DataError(
            "Expected a table, (samples, columns), to impute missing numbers in. Received: x of "
            f"shape {array.shape}. Fill them in yourself."
        )
    return import_module("pandas").DataFrame(array)


def text_parts(texts: Iterable[str], parts: Parts, size: int, length: int | None) -> dict[str, Any]:
    """Returns the token ids and labels of each part, and the vocabulary of the training texts."""
    rows = check_texts(texts)
    _check_count("texts", len(rows), parts)
    training = [rows[number] for number in parts["train"][0]]
    kept = usual_length(training) if length is None else length
    vocabulary = Vocabulary.learn(training, size=size, length=kept)
    tokens = vocabulary.tokens(rows)
    fields: dict[str, Any] = {"raw": vocabulary}
    for part, (at, labels) in parts.items():
        fields |= {f"x_{part}": tokens[at], f"y_{part}": labels}
    return fields


def series_parts(
    series: Any, window: int, horizon: int, target: str | int | None, shares: SplitShares
) -> dict[str, Any]:
    """Returns the windows of each part of a series and what followed them."""
    check_whole("", "window", window, 1, error=DataError)
    check_whole("", "horizon", horizon, 1, error=DataError)
    _check_order(series)
    array = series_array(series)
    channel = _channel(_channels(series, array), target)
    x, y = sliding_windows(array, window, horizon, channel)
    rows = split_in_time(len(x), shares.validation, shares.test, horizon)
    fields: dict[str, Any] = {}
    for part, at in zip(PARTS, rows, strict=True):
        fields |= {f"x_{part}": x[at], f"y_{part}": y[at]}
    names = [f"'{name}'" for name in _channels(series, array)]
    tell_odd_columns(array, names if len(names) > 1 else ["the series"], row="step")
    return fields


_SORTED_AS_TEXT = re.compile(r"\d{4}([-/.]?)\d\d(\1\d\d)?([ T].*)?", re.DOTALL)  # dates


def _check_order(series: Any) -> None:
    """Raises DataError where pandas's index says that rows are not in the order of time."""
    times = _times(series.index) if hasattr(series, "iloc") else None
    if times is None or (times.is_monotonic_increasing and times.is_unique):
        return
    labels = list(times)
    if any(isinstance(label, str) and not _SORTED_AS_TEXT.fullmatch(label) for label in labels):
        return  # the names of steps, as "May", have no order
    try:
        falls = [row for row in range(1, len(labels)) if not _follows(*labels[row - 1 : row + 1])]
    except TypeError:  # labels of several kinds have none either
        return
    several = "several series go into columns, e.g. frame.pivot(columns=...) or frame.unstack()"
    if falls:
        row = falls[0]
        raise DataError(
            "Expected a series whose index increases, since the splits follow time. Received: "
            f"{labels[row]} in row {row}, after {labels[row - 1]}. Sort it, series.sort_index(); "
            "if the rows are in the order of time, drop the index, series.reset_index(drop=True); "
            f"{several}."
        )
    again = [row for row in range(1, len(labels)) if labels[row] == labels[row - 1]]
    tell(
        f"The index of the series holds a time again in {len(again):,} rows, first in row "
        f"{again[0]}: {labels[again[0]]}. Each row is read as the next step; {several}."
    )


def _times(index: Any) -> Any:
    """Returns the index, of several levels the one of dates; None without such a level."""
    if index.nlevels == 1:
        return index
    levels = [index.get_level_values(number) for number in range(index.nlevels)]
    return next((level for level in levels if level.dtype.kind == "M"), None)


def _follows(label: Any, after: Any) -> bool:
    return not is_missing(label) and not is_missing(after) and bool(after >= label)


def _channels(series: Any, array: Array) -> list[str]:
    return [str(name) for name in getattr(series, "columns", range(array.shape[1]))]


def _channel(names: list[str], target: str | int | None) -> int | None:
    if target is None:
        return None
    if isinstance(target, int) and 0 <= target < len(names):
        return target
    if str(target) not in names:
        raise DataError(
            f"Expected the target to be one of the channels {', '.join(names)}. Received: "
            f"{target!r}.{nearest(str(target), names)}"
        )
    return names.index(str(target))


def _check_count(what: str, rows: int, parts: Parts) -> None:
    labels = sum(len(at) for at, _ in parts.values())
    if rows != labels:
        raise DataError(
            f"Expected one row of y for each row of {what}. Received: {rows:,} rows and "
            f"{labels:,} labels."
        )


def tell_other_order(x: Any, y: Any) -> None:
    """Warns where the indexes of x and y of pandas hold the same rows in another order."""
    if not (hasattr(x, "iloc") and hasattr(y, "iloc")) or x.index.equals(y.index):
        return
    unique = x.index.is_unique and y.index.is_unique and len(x) == len(y)
    if unique and x.index.isin(y.index).all():
        tell(
            "x and y have the same index in another order, and rows are matched by their place. "
            "If the index says what belongs together, give y.loc[x.index]."
        )


def label_array(y: Any, rows: int | None = None) -> Array:
    """Returns labels as an array: (samples,) where there is one a sample."""
    refuse_several("y", y, rows)
    labels = plain_array("y", label_values(y))
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels


_FILL_IN = (
    "Fill in or drop what is missing (missing='impute' does so in a table), and make dense what is "
    "sparse."
)
_REMEDIES = {
    **dict.fromkeys("mM", "Turn times into numbers, e.g. days since a date."),
    "c": "Take real and imaginary part.",
}


def plain_array(name: str, given: Any) -> Array:
    """Returns what NumPy reads in the argument; objects become numbers or text."""
    array = rectangular(name, given)
    if array.dtype == object:
        array = rectangular(name, array.tolist())
    if array.dtype.kind not in "biufU":
        raise DataError(
            f"Expected numbers or text in {name}, without gaps. "
            f"Received: {type(given).__name__} of dtype {array.dtype}. "
            f"{_REMEDIES.get(array.dtype.kind, _FILL_IN)}"
        )
    return array


def decoded(array: Array) -> Array:
    """Returns an array with TensorFlow's bytes as text."""
    if array.dtype.kind not in "OS":
        return array
    texts = [each.decode(errors="replace") if isinstance(each, bytes) else each for each in array]
    return np.array(texts)


def check_rows(x: Array, y: Array, part: str = "") -> None:
    """Raises DataError unless x holds finite numbers, and y a finite label for each row."""
    for name, array in ((f"x{part}", x), (f"y{part}", y)):
        if not isinstance(array, np.ndarray):
            raise DataError(
                f"Expected a NumPy array for {name}. Received: {type(array).__name__}. "
                "Data.from_arrays(x, y) converts what NumPy can read."
            )
        if array.size == 0:
            raise DataError(f"Expected rows in {name}. Received: an array of shape {array.shape}.")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DataError(
                f"Expected finite numbers in {name}. Received: {np.sum(~np.isfinite(array)):,} "
                "that are NaN or infinite. Fill them in or drop those rows; missing='impute' fills "
                "in what is missing in a table."
            )
    if x.dtype.kind not in "biuf":
        raise DataError(
            f"Expected numbers in x{part}. Received: dtype {x.dtype}. Turn text into numbers first."
        )
    if x.ndim < 2 or len(x) != len(y):
        raise DataError(
            f"Expected x{part} of shape (samples, ...) and one row of y{part} for each sample. "
            f"Received: x{part} of shape {x.shape}, y{part} of shape {y.shape}."
        )


MOST_ELEMENTS = 1_000_000
_FOLDER = " A folder of images is read by keras.utils.image_dataset_from_directory(path)."


def collect(stream: Iterable[Any]) -> tuple[Array, Array]:
    """Reads (x, y) samples or batches to the end."""
    elements: list[tuple[Array, Array]] = []
    if isinstance(stream, str | Path) or not can_iterate(stream):
        raise DataError(
            "Expected a tf.data.Dataset, or another iterable, of pairs (x, y). Received: "
            f"{type(stream).__name__}.{_FOLDER if isinstance(stream, str | Path) else ''}"
        )
    for element in islice(stream, MOST_ELEMENTS + 1):
        if not isinstance(element, tuple | list) or len(element) != 2:
            three = isinstance(element, tuple | list) and len(element) == 3
            received = "triples" if three else f"a {type(element).__name__}"
            raise DataError(
                f"Expected pairs (x, y) in the dataset. Received: {received}. Map it to such pairs "
                f"first.{weights_remedy('sample_weight') if three else ''}"
            )
        elements.append((np.asarray(element[0]), np.asarray(element[1])))
    if not elements:
        raise DataError("Expected samples in the dataset. Received: an empty one.")
    if len(elements) > MOST_ELEMENTS:
        raise DataError(
            f"Expected a dataset that ends. Received: more than {MOST_ELEMENTS:,} elements; "
            "take(n) of a repeated one."
        )
    join = np.concatenate if _is_batched(stream, elements) else np.stack
    try:
        return join([x for x, _ in elements]), join([y for _, y in elements])
    except ValueError as error:
        raise DataError(f"Expected samples of one shape in the dataset: {error}.") from error


def named_classes(y: Array, names: Any) -> tuple[Array | None, Task | None]:
    """Returns class numbers, or one-hot rows, as names, and the task; None without such names."""
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        return None, None
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    whole = y.dtype.kind in "biuf" and bool((np.mod(y, 1) == 0).all())
    if y.ndim == 2 and detect_task(y) == Task.MULTICLASS and y.shape[1] == len(names):
        return np.array(names)[y.argmax(axis=1)], Task.MULTICLASS
    if y.ndim != 1 or not whole or y.min() < 0 or y.max() >= len(names):
        return None, None
    return np.array(names)[y.astype(int)], None


def _is_batched(stream: Iterable[Any], elements: list[tuple[Array, Array]]) -> bool:
    x, y = elements[0]
    if x.ndim == 0 or y.ndim == 0:
        return False
    spec = getattr(stream, "element_spec", None)
    # A dataset that was batched without dropping the rest has no fixed first dimension.
    if spec is not None and spec[0].shape.rank and spec[0].shape[0] is None:
        return True
    return all(x.shape[:1] == y.shape[:1] for x, y in elements)


def sliding_windows(
    series: Array, window: int, horizon: int, target: int | None
) -> tuple[Array, Array]:
    """Returns (windows, window, channels) of a series, and what followed: (windows, values)."""
    count = len(series) - window - horizon + 1
    if count < 1:
        raise DataError(
            f"Expected a series of more than {window + horizon} steps for window={window} and "
            f"horizon={horizon}. Received: {len(series)} steps. Take a smaller window."
        )
    steps = np.arange(count)[:, np.newaxis]
    followed = series if target is None else series[:, [target]]
    x = series[steps + np.arange(window)]
    y = followed[steps + window + np.arange(horizon)]
    return x, y.reshape(count, -1)


def split_in_time(
    rows: int, validation: float, test: float, horizon: int
) -> tuple[Array, Array, Array]:
    """Returns the row numbers of training, validation and test: the past, then the later parts."""
    # Between two parts `horizon - 1` rows are left out: no value is predicted in both.
    held_out, compared = math.ceil(rows * test), math.ceil(rows * validation)
    gap = horizon - 1
    trained = rows - held_out - compared - 2 * gap
    if not (0 < validation < 1 and 0 < test < 1) or trained < 1:
        raise DataError(
            "Expected shares between 0 and 1, and a series long enough for three parts. "
            f"Received: validation={validation}, test={test} of {rows} windows."
        )
    numbers = np.arange(rows)
    second = trained + gap
    return numbers[:trained], numbers[second : second + compared], numbers[rows - held_out :]


def series_array(given: Any) -> Array:
    """Returns a series as (time, channels) float32."""
    if hasattr(given, "columns"):
        columns = frame_columns(given)
        check_columns(columns, "Fill them in, e.g. series.interpolate().")
        given = np.stack(list(columns.values()), axis=1) if columns else []
    array = np.asarray(given)
    if array.ndim not in (1, 2) or array.dtype.kind not in "biuf" or not array.size:
        raise DataError(
            "Expected a series of numbers of shape (time,) or (time, channels). Received: shape "
            f"{array.shape} of dtype {array.dtype}. Many labelled series go through "
            "nas.Data.from_arrays(x, y) with x of shape (samples, time, channels)."
        )
    array = array.reshape(len(array), -1).astype(np.float32)
    wrong = ~np.isfinite(array).all(axis=1)
    if wrong.any():
        raise DataError(
            f"Expected finite numbers in the series. Received: {int(wrong.sum()):,} of "
            f"{len(array):,} steps with one that is missing or infinite, the first at "
            f"{int(wrong.argmax())}. Fill them in, e.g. pd.Series(series).interpolate()."
        )
    return array


APART = 20
"""Outliers are so many times as far from the median as the farthest of the other values."""
SHARE = 0.9
"""Of a column's squared distances from its median, which outliers make."""
FEWEST_ROWS = 20
"""Of fewer values it is not told which are usual."""

_SAMPLED_NUMBERS, _SAMPLED_ROWS = 1_000_000, 500
_NAMED = 3


def tell_odd_array(where: str, array: Array) -> None:
    """Warns, by their places, of odd columns or channels of an array, (rows, ...): no images."""
    if array.ndim > 3:
        return
    columns = array.reshape(-1, array.shape[-1] if array.ndim > 1 else 1)
    count = columns.shape[1]
    names = [f"{where}[..., {place}]" for place in range(count)] if count > 1 else [where]
    # In x, zeros alone are the margin of an image, or a rare word.
    tell_odd_columns(columns, names, per_row=len(columns) // len(array), zeros=where == "y")


def tell_odd_columns(
    array: Array, names: Sequence[str], *, per_row: int = 1, row: str = "row", zeros: bool = True
) -> None:
    """Warns of outliers and of columns of one value in finite numbers, (rows, features)."""
    if len(array) < FEWEST_ROWS:
        return
    low, high = array.min(axis=0), array.max(axis=0)
    ends = zip(names, low.tolist(), high.tolist(), strict=True)
    varied = {name for name, one, other in ends if one != other or not (one or zeros)}
    constant = [name for name in dict.fromkeys(names) if name not in varied]
    if constant:
        holds = "holds" if len(constant) == 1 else "hold"
        tell(
            f"{_listed(constant)} {holds} one value alone, from which nothing can be learned. "
            "Check where the values came from, or drop the column."
        )
    told = [
        f"{names[at]} holds {found}"
        for at in _suspected(array, low, high).tolist()
        if (found := _outliers(array[:, at], per_row, row))
    ]
    if told:
        tell(
            f"Outliers make over 90 % of a column's variance: {_listed(told, '; ')}. Scaled with "
            f"them, the other values can hardly be told apart. Correct them or drop those {row}s; "
            "if they are right, take the logarithm."
        )


def _suspected(array: Array, low: Array, high: Array) -> Array:
    """Returns the features with a value far outside of nine in ten, by a sample of the rows."""
    count = max(_SAMPLED_ROWS, _SAMPLED_NUMBERS // array.shape[1])
    sample = array[:: -(-len(array) // count)].astype(float)
    median = np.median(sample, axis=0)
    usual = np.quantile(np.abs(sample - median), 0.9, axis=0, method="lower")
    # Where nine in ten are equal, a feature is sparse: its few other values are what it tells.
    return np.flatnonzero((usual > 0) & (np.maximum(high - median, median - low) > APART * usual))


def _outliers(column: Array, per_row: int, row: str) -> str | None:
    """Returns in words which values stand apart; None where none or many do."""
    column = column.astype(float)
    distance = np.abs(column - np.median(column))
    most = min(max(3, len(column) // 1_000), len(column) // 10)
    far = np.argpartition(distance, -most - 1)[-most - 1 :]
    far = far[np.argsort(-distance[far], kind="stable")]
    gaps = np.flatnonzero(distance[far[:-1]] > APART * distance[far[1:]])
    if not gaps.size:
        return None
    found = far[: gaps[-1] + 1]
    squares = distance**2
    if squares[found].sum() < SHARE * squares.sum():
        return None
    others = np.delete(column, found)
    more = f" (and {len(found) - 1} more like it)" if len(found) > 1 else ""
    return (
        f"{column[found[0]]:,.7g} in {row} {found[0] // per_row}{more}, all others "
        f"{others.min():,.4g} to {others.max():,.4g}"
    )


def _listed(told: Sequence[str], separator: str = ", ") -> str:
    more = f" and {len(told) - _NAMED:,} more" if len(told) > _NAMED else ""
    return separator.join(told[:_NAMED]) + more
