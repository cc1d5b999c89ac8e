"""One data set: three parts that match, and what a search space needs to know of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nas_nb.data.split import split
from nas_nb.data.task import Array, Task, check_labels, detect_task, encode, to_task
from nas_nb.errors import DataError

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class DataSpec:
    """What a search space needs to know of the data; hashable."""

    input_shape: tuple[int, ...]
    """Of one sample, e.g. (8, 8, 1)."""
    task: Task
    outputs: int
    """How many numbers the model returns for one sample."""


@dataclass(frozen=True, eq=False, repr=False)
class Data:
    """A data set in three parts.

    Candidates train on the first and are compared on the second; the third is kept for the one
    that is chosen in the end.

    Raises:
        DataError: A part is empty, rows or shapes don't match, a number is not finite, or the
            labels don't fit the task.
    """

    name: str
    x_train: Array
    """(samples, ...) numbers; one sample has the same shape in each part."""
    y_train: Array
    """As `task` says."""
    x_val: Array
    y_val: Array
    x_test: Array
    y_test: Array
    task: Task
    classes: tuple[str, ...] = ()
    """The names of the classes or labels, by number; empty for regression."""
    source: str = "own arrays"

    def __post_init__(self) -> None:
        object.__setattr__(self, "task", to_task(self.task))
        for part in PARTS:
            x, y = self.part(part)
            check_rows(x, y, f"_{part}")
            check_labels(f"y_{part}", y, self.task, self.classes)
            for which, array in (("x", x), ("y", y)):
                expected = getattr(self, f"{which}_train").shape[1:]
                if array.shape[1:] != expected:
                    raise DataError(
                        f"Expected samples of shape {expected} in {which}_{part}, as in "
                        f"{which}_train. Received: {array.shape[1:]}."
                    )

    @property
    def spec(self) -> DataSpec:
        """What a search space needs to know of this data."""
        outputs = len(self.classes)
        if self.task == Task.BINARY:
            outputs = 1
        elif self.task == Task.REGRESSION:
            outputs = math.prod(self.y_train.shape[1:])
        return DataSpec(self.x_train.shape[1:], self.task, outputs)

    def part(self, name: str) -> tuple[Array, Array]:
        """Returns x and y of the part "train", "val" or "test"."""
        return getattr(self, f"x_{name}"), getattr(self, f"y_{name}")

    def describe(self) -> str:
        """Returns one line: the name, the counts, the shape of a sample, the task, the source."""
        train, val, test = (len(self.part(part)[0]) for part in PARTS)
        shape = "x".join(map(str, self.spec.input_shape))
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return (
            f"{self.name}: {train:,} train / {val:,} validation / {test:,} test, "
            f"{shape}, {self.task}{classes} ({self.source})"
        )

    def __repr__(self) -> str:
        return f"<Data {self.describe()}>"

    @classmethod
    def from_arrays(
        cls,
        x: Any,
        y: Any,
        *,
        name: str = "data",
        validation: float = 0.2,
        test: float = 0.2,
        task: Task | str | None = None,
        seed: int = 0,
        source: str = "own arrays",
    ) -> Data:
        """Splits arrays (or lists, or data frames of numbers) into the three parts.

        Args:
            x: (samples, ...) numbers. They become float32, and are not scaled.
            y: (samples,) class names, class numbers or quantities; or (samples, k) one-hot rows,
                0/1 labels or quantities.
            name: What to call the data set.
            validation: Share of the rows to compare candidates on.
            test: Share of the rows kept for the end.
            task: How to read y. Default: names, and whole numbers of up to 20 kinds, are classes;
                rows of 0 and 1 are one-hot classes or labels; the rest are quantities.
            seed: Of the split. Every class has the same share in each part.
            source: Where the data is from, in a few words.

        Raises:
            DataError: The arrays can't be used as given.
        """
        rows, labels = _array("x", x), _array("y", y)
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        check_rows(rows, labels)
        kind = detect_task(labels) if task is None else to_task(task)
        numbers, classes = encode(labels, kind)
        with np.errstate(over="ignore"):  # what overflows is found by the check of the parts
            rows = rows.astype(np.float32)
        arrays: dict[str, Array] = {}
        strata = numbers if kind.has_one_class else None
        for part, at in zip(PARTS, split(len(rows), strata, validation, test, seed), strict=True):
            arrays |= {f"x_{part}": rows[at], f"y_{part}": numbers[at]}
        return cls(name=name, task=kind, classes=classes, source=source, **arrays)


def _array(name: str, given: Any) -> Array:
    """Returns what NumPy reads in the argument; objects become numbers or text."""
    try:
        array = np.asarray(given)
        if array.dtype == object:
            array = np.array(array.tolist())
    except ValueError as error:
        raise DataError(
            f"Expected rows of the same length in {name}. Received: {error}."
        ) from error
    if array.dtype.kind not in "biufU":
        raise DataError(
            f"Expected numbers or text in {name}, without gaps. "
            f"Received: {type(given).__name__} of dtype {array.dtype}. "
            "Fill in or drop what is missing, and make dense what is sparse."
        )
    return array


def check_rows(x: Array, y: Array, part: str = "") -> None:
    """Raises DataError unless x holds finite numbers, and y a finite label for each row of it.

    Args:
        x: (samples, ...)
        y: (samples, ...)
        part: What follows x and y in their names, e.g. "_val".
    """
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
                "that are NaN or infinite. Fill them in or drop those rows."
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
