"""What a search space needs to know of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas_nb.data.standard import Standard
    from nas_nb.data.statistics import Statistics
    from nas_nb.data.table import Table
    from nas_nb.data.task import Task
    from nas_nb.data.text import Vocabulary


@dataclass(frozen=True)
class DataSpec:
    """What a search space needs to know of the data; hashable."""

    input_shape: tuple[int, ...]
    """Of one sample, e.g. (8, 8, 1)."""
    task: Task
    outputs: int
    """How many numbers the model returns for one sample."""
    statistics: Statistics | None = None
    """The scale of the training rows, which a preprocessing layer removes; None for texts."""
    raw: Table | Vocabulary | Standard | None = None
    """How a table's categories, or texts, became the numbers; None where they were numbers."""
    loss: str | None = None
    """Keras's name of a loss in place of the task's own."""
    metrics: tuple[str, ...] = ()
    """Keras's names of metrics that are measured beside the task's own."""
