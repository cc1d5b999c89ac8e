"""One data set: three parts that match, and what a search space needs to know of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nas_nb.data.arrays import check_rows
from nas_nb.data.makers import Makers
from nas_nb.data.reading import PARTS
from nas_nb.data.spec import DataSpec
from nas_nb.data.statistics import Statistics, measure
from nas_nb.data.table import Table
from nas_nb.data.task import Array, Task, check_labels, to_task
from nas_nb.data.text import Vocabulary
from nas_nb.errors import DataError

if TYPE_CHECKING:
    from nas_nb.data.standard import Standard


@dataclass(frozen=True, eq=False, repr=False)
class Data(Makers):
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
    raw: Table | Vocabulary | Standard | None = None
    """How a table's categories, texts or other numbers became those in x; None where they are as
    they were."""
    loss: str | None = None
    """Keras's name of a loss, e.g. "huber". Default: the task's own."""
    metrics: tuple[str, ...] = ()
    """Keras's names of metrics to measure beside the task's own, e.g. ("f1_score",)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "task", to_task(self.task))
        object.__setattr__(self, "metrics", _names(self.metrics))
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

    @cached_property
    def spec(self) -> DataSpec:
        """What a search space needs to know of this data."""
        outputs = len(self.classes)
        if self.task == Task.BINARY:
            outputs = 1
        elif self.task.has_quantities:
            outputs = math.prod(self.y_train.shape[1:])
        return DataSpec(
            self.x_train.shape[1:],
            self.task,
            outputs,
            statistics=self._statistics(),
            raw=self.raw,
            loss=self.loss,
            metrics=self.metrics,
        )

    def _statistics(self) -> Statistics | None:
        if isinstance(self.raw, Vocabulary):
            return None
        kept = self.raw.marks if isinstance(self.raw, Table) else None
        return measure(self.x_train, self.y_train if self.task.has_quantities else None, kept)

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


def _names(given: Any) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
