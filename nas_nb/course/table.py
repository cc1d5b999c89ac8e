"""What was measured of every architecture of a space: in memory, packed, and as published."""

from __future__ import annotations

import csv
import gzip
import json
import lzma
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.errors import DataError, nearest
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter

if TYPE_CHECKING:
    from nas_nb.record.trial import Value, Values

FORMAT = 1
"""Of packed tables; a newer one is refused."""

LOSS_STEP = 1e-4
"""Losses are packed as multiples of it."""

RUN_COLUMNS = ("seed", "point", "right", "loss", "train_right", "test_right", "milliseconds")
POINT_COLUMNS = ("params", "macs")
NUMBER_BYTES = 4  # of a packed number

Array = np.ndarray[Any, np.dtype[np.float64]]

DIGITS = 12
"""Of means: what is behind them is rounding, and would tell equal counts apart."""

_ANSWERS = {"scores", "test", "seconds", "losses", "means", "mean_seconds"}
_reads: ContextVar[list[traceback.StackSummary] | None] = ContextVar("reads", default=None)


@contextmanager
def noticed_reads() -> Iterator[list[traceback.StackSummary]]:
    """Gives the first place where the block reads what any table knows of trainings."""
    found: list[traceback.StackSummary] = []
    token = _reads.set(found)
    try:
        yield found
    finally:
        _reads.reset(token)


@dataclass(frozen=True, eq=False)
class Table:
    """Trained architectures. NaN stands for what was not measured."""

    name: str  # of the benchmark
    domain: Domain  # the space; every point of it is in the table
    points: list[dict[str, Value]]  # its points, in the order of the arrays
    epochs: tuple[int, ...]  # the numbers of epochs behind `scores` and `losses`, rising
    scores: Array  # validation accuracies, 0 to 1, of shape (seeds, points, epochs)
    test: Array  # test accuracies after the last epoch, of shape (seeds, points)
    seconds: Array  # of a whole training, of shape (seeds, points)
    losses: Array | None = None  # validation losses, as `scores`; None where nobody published them
    costs: dict[str, Array] = field(default_factory=dict)  # of each point, as "params"
    about: dict[str, Any] = field(default_factory=dict)  # how it was made

    def __getattribute__(self, name: str) -> Any:
        if name in _ANSWERS and (found := _reads.get()) is not None and not found:
            found.append(traceback.extract_stack())
        return super().__getattribute__(name)

    @cached_property
    def means(self) -> Array:
        """The scores' means over the seeds, of shape (points, epochs)."""
        return np.asarray(np.nanmean(self.scores, axis=0).round(DIGITS), float)

    @cached_property
    def mean_seconds(self) -> Array:
        """The means of `seconds`, of shape (points,); 0 where none was measured."""
        return np.asarray(np.nan_to_num(np.nanmean(self.seconds, axis=0)))

    @cached_property
    def numbers(self) -> dict[tuple[Value, ...], int]:
        """The place of each point, by its values."""
        return {_key(point): number for number, point in enumerate(self.points)}

    def number(self, values: Values) -> int:
        """Returns the place of an architecture; raises a `SpaceError` where it is none."""
        known = self.numbers.get(_key(values))
        return self.numbers[_key(self.domain.canonical(values))] if known is None else known


def _key(values: Values) -> tuple[Any, ...]:
    return (*values, *values.values())


def read_columns(file: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the head of a packed file, and its whole numbers, of shape (rows, epochs or 1)."""
    try:
        text, _, body = lzma.decompress(file).partition(b"\n")
        head = json.loads(text)
        known = head["format"] <= FORMAT
    except (lzma.LZMAError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"Expected a packed table. Received: {error}.") from error
    if not known:
        raise DataError(
            f"Expected a table of format {FORMAT} or older. Received: format {head['format']}. "
            "Install a newer nas_nb."
        )
    epochs = head["about"]["epochs"]
    widths = {"right": epochs, "loss": epochs, "train_right": epochs}
    raw, columns, at = np.frombuffer(body, np.uint8), {}, 0
    for name in (*RUN_COLUMNS, *POINT_COLUMNS):
        count, width = head["points" if name in POINT_COLUMNS else "runs"], widths.get(name, 1)
        part = raw[at : (at := at + count * width * NUMBER_BYTES)]
        flat = np.ascontiguousarray(part.reshape(NUMBER_BYTES, -1).T).view("<i4").reshape(-1)
        columns[name] = flat.reshape(width, count).T.cumsum(axis=1)
    return head, columns


def unpack(file: bytes) -> Table:
    """Returns the table of a packed file; raises as `read_columns` does."""
    head, columns = read_columns(file)
    about = head["about"]
    rows = about["rows"]
    place = columns["seed"][:, 0], columns["point"][:, 0]
    shape = int(place[0].max()) + 1, head["points"]

    def spread(name: str, scale: float) -> Array:
        full = np.full((*shape, columns[name].shape[1]), np.nan)
        full[place] = np.where(columns[name] < 0, np.nan, columns[name] * scale)
        return full

    domain = Domain.from_json(head["domain"])
    return Table(
        head["name"],
        domain,
        list(domain.enumerate()),
        tuple(range(1, about["epochs"] + 1)),
        spread("right", 1 / rows["val"]),
        spread("test_right", 1 / rows["test"])[..., 0],
        spread("milliseconds", 1e-3)[..., 0],
        spread("loss", LOSS_STEP),
        {name: columns[name][:, 0].astype(float) for name in POINT_COLUMNS},
        about,
    )


def read_published(path: Path, task: str | None = None) -> Table:
    """Returns a table of cells as published: a CSV file, gzipped or not.

    Its columns are `ops` (a digit for each edge), `arch` (the same in words, as
    "|op~0|+|op~0|op~1|"; may be missing) and, for each task, `<task>_val` or one `<task>_val_s0`
    for each seed, and where known `<task>_val_e<epochs>` (after fewer epochs), `<task>_test` and
    `<task>_train_s`; `params_m` and `flops_m` in millions. Accuracies are in percent.

    Args:
        path: The file.
        task: Which of its tasks. Default: the first.
    """
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    names = list(rows[0]) if rows else []
    tasks = [name.removesuffix("_val") for name in names if name.endswith("_val")]
    if "ops" not in names or not tasks:
        raise DataError(
            f"Expected a table with the columns ops and <task>_val. Received: {path.name} with "
            f"{', '.join(names) or 'no rows'}."
        )
    task = tasks[0] if task is None else task
    if task not in tasks:
        raise DataError(
            f"Expected a task of {path.name}: {', '.join(tasks)}. Received: {task!r}."
            + nearest(task, tasks)
        )

    def column(name: str, scale: float = 1.0) -> Array:
        return np.array([float(row.get(name) or "nan") * scale for row in rows])

    seeds = [n for n in names if re.fullmatch(rf"{task}_val_s\d+", n)] or [f"{task}_val"]
    early = [n for n in names if re.fullmatch(rf"{task}_val_e\d+", n)]
    epochs = sorted(int(name.rpartition("_e")[2]) for name in early)
    scores = np.full((len(seeds), len(rows), len(epochs) + 1), np.nan)
    for number, name in enumerate(seeds):
        scores[number, :, -1] = column(name, 0.01)
    for number, count in enumerate(epochs):
        scores[0, :, number] = column(f"{task}_val_e{count}", 0.01)
    domain, points = _cells(rows)
    costs = {"params": column("params_m", 1e6), "macs": column("flops_m", 1e6)}
    return Table(
        f"{path.name} ({task})",
        domain,
        points,
        (*epochs, _LAST_EPOCH if epochs else 1),
        scores,
        np.broadcast_to(column(f"{task}_test", 0.01), scores.shape[:2]),
        np.broadcast_to(column(f"{task}_train_s"), scores.shape[:2]),
        None,
        {name: known for name, known in costs.items() if not np.isnan(known).all()},
    )


_LAST_EPOCH = 200
"""The epochs of the full training in NAS-Bench-201, of whose form these files are."""


def _cells(rows: list[dict[str, str]]) -> tuple[Domain, list[dict[str, Value]]]:
    """Returns the space of the edges, and the points of the rows."""
    words: dict[str, str] = {}
    for row in rows:
        told = re.findall(r"(\w+)~\d", row.get("arch") or "")
        words |= dict(zip(row["ops"], told, strict=True)) if told else {d: d for d in row["ops"]}
    edges = _edges(len(rows[0]["ops"]))
    digits = sorted(words)
    parameters = tuple(Parameter.among(edge, [words[digit] for digit in digits]) for edge in edges)
    return Domain(parameters), [
        {edge: words[digit] for edge, digit in zip(edges, row["ops"], strict=True)} for row in rows
    ]


def _edges(count: int) -> list[str]:
    pairs = [(a, b) for b in range(1, count + 1) for a in range(b)]
    return [f"edge_{a}_{b}" for a, b in pairs[:count]]
