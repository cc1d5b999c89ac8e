"""The three parts of a data set, read from labels, data frames, texts and series."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nas_nb.data.series import series_array, split_in_time, windows
from nas_nb.data.split import split
from nas_nb.data.table import Table, frame_columns
from nas_nb.data.task import Array, Task, encode
from nas_nb.data.text import Vocabulary, check_texts, usual_length
from nas_nb.errors import DataError, nearest

PARTS = ("train", "val", "test")

Parts = Mapping[str, tuple[Array, Array]]
"""For each part the numbers of its rows, and their labels."""


@dataclass(frozen=True)
class Shares:
    """How rows are shared out: `validation` and `test` are shares, `seed` is of the shuffle."""

    validation: float
    test: float
    seed: int


def label_parts(y: Array, task: Task, shares: Shares) -> tuple[Parts, tuple[str, ...]]:
    """Returns which rows each part has, with their labels as the task writes them.

    Args:
        y: (samples,) or (samples, k), as the user gave them.
        task: How to read them.
        shares: The shares of the parts.

    Returns:
        The parts, and the names of the classes.
    """
    if y.size == 0:
        raise DataError(f"Expected rows in y. Received: an array of shape {y.shape}.")
    numbers, classes = encode(y, task)
    strata = numbers if task.has_one_class else None
    rows = split(len(numbers), strata, shares.validation, shares.test, shares.seed)
    return {part: (at, numbers[at]) for part, at in zip(PARTS, rows, strict=True)}, classes


def frame_parts(frame: Any, parts: Parts) -> dict[str, Any]:
    """Returns the x of each part of a data frame, and its table, learned from training rows."""
    _check_count("the data frame", len(frame), parts)
    columns = frame_columns(frame)
    if not columns:
        raise DataError("Expected columns beside the target in the data frame. Received: none.")
    training = parts["train"][0]
    table = Table.learn({name: values[training] for name, values in columns.items()})
    numbers = table.numbers(columns)
    return {"raw": table} | {f"x_{part}": numbers[at] for part, (at, _) in parts.items()}


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
    series: Any, window: int, horizon: int, target: str | int | None, shares: Shares
) -> dict[str, Any]:
    """Returns the windows of each part of a series and what followed them."""
    array = series_array(series)
    channel = _channel(series, array.shape[1], target)
    x, y = windows(array, window, horizon, channel)
    rows = split_in_time(len(x), shares.validation, shares.test, horizon)
    fields: dict[str, Any] = {}
    for part, at in zip(PARTS, rows, strict=True):
        fields |= {f"x_{part}": x[at], f"y_{part}": y[at]}
    return fields


def _channel(series: Any, channels: int, target: str | int | None) -> int | None:
    if target is None:
        return None
    names = [str(name) for name in getattr(series, "columns", range(channels))]
    if isinstance(target, int) and 0 <= target < channels:
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
