"""`Data`: the ways to make one, what a space needs to know of it, its fingerprint."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nas_nb.data.preprocessing import (
    Array,
    Statistics,
    Table,
    Vocabulary,
    measure_statistics,
    refuse_several,
)
from nas_nb.data.readers import (
    PARTS,
    SplitShares,
    as_frame,
    check_options,
    check_rows,
    collect,
    decoded,
    frame_parts,
    label_array,
    label_parts,
    named_classes,
    plain_array,
    row_count,
    series_parts,
    tell_odd_array,
    tell_other_order,
    text_parts,
)
from nas_nb.data.task import Task, check_labels, check_measures, class_values, read_task, to_task
from nas_nb.errors import DataError, nearest, shown

if TYPE_CHECKING:
    from nas_nb.data.preprocessing import Standardization


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
    raw: Table | Vocabulary | Standardization | None = None
    """How a table's categories, texts or other numbers became those in x; None where they are as
    they were."""
    loss: Any = None
    """Keras's name of a loss, e.g. "huber", or one as an object or a function. Default: the task's
    own."""
    metrics: tuple[Any, ...] = ()
    """Metrics to measure beside the task's own, likewise: ("f1_score",)."""
    class_values: Array | None = None
    """(classes,) the classes as the labels came, by number: what a prediction returns; None where
    these are their names."""
    recipe: dict[str, Any] | None = field(default=None)
    """How it was made, as JSON: {"load": {"name": "digits", "limit": 240, ...}}, or the name of the
    constructor with its arguments but for the rows; None where it was made by `Data` itself."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise DataError(f"Expected a name as text. Received: name={self.name!r}.")
        object.__setattr__(self, "task", to_task(self.task))
        object.__setattr__(self, "metrics", check_measures(self.task, self.loss, self.metrics))
        for part in PARTS:
            x, y = self.part(part)
            check_rows(x, y, f"_{part}")
            check_labels(f"y_{part}", y, self.task, self.classes)
            for which, array in (("x", x), ("y", y)):
                # Read-only: the device keeps a copy of the rows, and `fingerprint` is of these.
                if array.flags.writeable:
                    fixed = array.view()
                    fixed.flags.writeable = False
                    object.__setattr__(self, f"{which}_{part}", fixed)
                expected = getattr(self, f"{which}_train").shape[1:]
                if array.shape[1:] != expected:
                    raise DataError(
                        f"Expected samples of shape {expected} in {which}_{part}, as in "
                        f"{which}_train. Received: {array.shape[1:]}."
                    )

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
        missing: str = "refuse",
        **options: Any,
    ) -> Self:
        """Splits arrays (or lists, or a data frame) into the three parts.

        Args:
            x: (samples, ...) numbers.
            y: (samples,) classes or quantities, or (samples, k) of them.
            name: What the data are called on screen.
            validation: Share of the rows for the validation part, between 0 and 1.
            test: Share of the rows for the test part, between 0 and 1.
            task: What the labels ask for: "binary", "multiclass", "multilabel" or "regression";
                default: as they read.
            seed: Decides which rows each part has; 0 or more.
            missing: "refuse" or "impute": whether missing numbers of a table are filled in with
                the training mean, beside a column of marks.
            **options: `source`, text that says where the data are from; `loss` and `metrics`, as
                for `Data`.
        """
        check_options(options)
        shares = SplitShares(validation, test, seed)
        given = {"validation": validation, "test": test, "task": task, "seed": seed}
        if isinstance(missing, str) and missing != "refuse":
            given["missing"] = missing
        options.setdefault("recipe", _recipe("from_arrays", **given))
        labels = label_array(y, row_count(x))
        refuse_several("x", x, len(labels))
        tell_other_order(x, y)
        x = as_frame(x, missing)
        rows = None if hasattr(x, "columns") else plain_array("x", x)
        if rows is not None:
            check_rows(rows, labels)
        kind = read_task(labels, task)
        parts, classes = label_parts(labels, kind, shares)
        if rows is None:
            fields = frame_parts(x, parts, missing)
        else:
            with np.errstate(over="ignore"):  # what overflows is found by the check of the parts
                rows = rows.astype(np.float32)
            fields = {f"x_{part}": rows[at] for part, (at, _) in parts.items()}
        fields |= {f"y_{part}": numbers for part, (_, numbers) in parts.items()}
        options.setdefault("class_values", class_values(labels, kind))
        made = cls(name=name, task=kind, classes=classes, **fields, **options)
        if rows is not None:
            tell_odd_array("x", rows)
        if kind.has_quantities:
            tell_odd_array("y", labels)
        return made

    @classmethod
    def from_frame(cls, frame: Any, target: str | list[str], **options: Any) -> Self:
        """Splits a data frame into the three parts.

        Columns are judged by their values: numbers stay what they are; any other column holds
        categories, which become 0 and 1: one place for each of its 32 most frequent ones in the
        training rows, and one for whatever is missing, rare or new.

        Args:
            frame: A data frame of pandas.
            target: The column to predict, or a list of several.
            **options: As for `from_arrays`: `name`, `validation`, `test`, `task`, `seed`,
                `missing`, `source`, `loss` and `metrics`.
        """
        if not hasattr(frame, "columns"):
            raise DataError(
                f"Expected a pandas data frame. Received: {type(frame).__name__}. Read a file by "
                "pd.read_csv(path); arrays go through nas.Data.from_arrays(x, y)."
            )
        wanted = list(target) if isinstance(target, list | tuple) else [target]
        known = [str(column) for column in frame.columns]
        for column in wanted or [""]:
            named = isinstance(column, Hashable)
            if not named or known.count(str(column)) != 1 or column not in list(frame.columns):
                raise DataError(
                    f"Expected the target to be one column of {', '.join(known)}. Received: "
                    f"{_other_column(column, known)}"
                )
        labels = frame[wanted if isinstance(target, list | tuple) else target]
        options["recipe"] = _recipe("from_frame", target=target, **options)
        made = cls.from_arrays(frame.drop(columns=wanted), labels, **options)
        several = made.classes and len(made.classes) == len(wanted) > 1
        return replace(made, classes=tuple(map(str, wanted))) if several else made

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        y: Any,
        *,
        name: str = "texts",
        vocabulary: int = 5_000,
        length: int | None = None,
        validation: float = 0.2,
        test: float = 0.2,
        task: Task | str | None = None,
        seed: int = 0,
        **options: Any,
    ) -> Self:
        """Turns texts into token ids, and splits them into the three parts.

        Args:
            texts: A list of texts.
            y: (samples,) classes or quantities, or (samples, k) of them.
            name: What the data are called on screen.
            vocabulary: How many words are told apart, 3 or more.
            length: Words of a text that are read, 1 or more; default: all of 95 % of the texts, up
                to 200.
            validation: Share of the rows for the validation part, between 0 and 1.
            test: Share of the rows for the test part, between 0 and 1.
            task: What the labels ask for: "binary", "multiclass", "multilabel" or "regression";
                default: as they read.
            seed: Decides which rows each part has; 0 or more.
            **options: `source`, text that says where the data are from; `loss` and `metrics`, as
                for `Data`.
        """
        check_options(options)
        shares = SplitShares(validation, test, seed)
        given = {"vocabulary": vocabulary, "length": length, "validation": validation, "test": test}
        options.setdefault("recipe", _recipe("from_texts", **given, task=task, seed=seed))
        labels = label_array(y, row_count(texts))
        kind = read_task(labels, task)
        parts, classes = label_parts(labels, kind, shares)
        fields = text_parts(texts, parts, vocabulary, length)
        options["class_values"] = class_values(labels, kind)
        return cls(name=name, task=kind, classes=classes, **fields, **options)

    @classmethod
    def from_series(
        cls,
        series: Any,
        *,
        window: int = 24,
        horizon: int = 1,
        target: str | int | None = None,
        name: str = "series",
        validation: float = 0.2,
        test: float = 0.2,
        **options: Any,
    ) -> Self:
        """Turns one series into windows of the past and what followed them: forecasting.

        The training part is the past, the validation part what came after it, the test part the
        latest; no value is predicted in two parts. The rows are in the order of time: an index of
        pandas that says otherwise is refused.

        Args:
            series: (time,) or (time, channels) numbers, or a series or data frame of pandas.
            window: Steps that a candidate is shown, 1 or more.
            horizon: Steps to predict, 1 or more.
            target: The channel to predict, by name or number; default: all of them.
            name: What the data are called on screen.
            validation: Share of the windows for the validation part, between 0 and 1.
            test: Share of the windows for the test part, between 0 and 1.
            **options: `source`, text that says where the data are from; `loss` and `metrics`, as
                for `Data`.
        """
        check_options(options)
        given = {"window": window, "horizon": horizon, "target": target}
        options["recipe"] = _recipe("from_series", **given, validation=validation, test=test)
        fields = series_parts(series, window, horizon, target, SplitShares(validation, test, 0))
        return cls(name=name, task=Task.FORECASTING, **fields, **options)

    @classmethod
    def from_dataset(cls, dataset: Iterable[Any], **options: Any) -> Self:
        """Reads a ``tf.data.Dataset`` of (x, y) to its end and splits it into the three parts.

        Where it has `class_names`, as Keras gives those that it reads from folders, these are the
        names of the classes.

        Args:
            dataset: Samples or batches of (x, y); it has to end.
            **options: As for `from_arrays`, of texts for `from_texts`: `name`, `validation`,
                `test`, `task`, `seed`, `missing`, `source`, `loss` and `metrics`.
        """
        x, y = collect(dataset)
        y = decoded(y)
        options["recipe"] = _recipe("from_dataset", **options)
        named, task = named_classes(y, getattr(dataset, "class_names", None))
        if named is not None:
            y = named
            options.setdefault("task", task)
        if x.dtype.kind in "OSU":
            return cls.from_texts(decoded(x).reshape(len(x)).tolist(), y, **options)
        return cls.from_arrays(x, y, **options)

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
        return measure_statistics(
            self.x_train, self.y_train if self.task.has_quantities else None, kept
        )

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """What tells this data set from another, as JSON: task, and a hash of each part's rows."""
        encoding = None
        if isinstance(self.raw, Vocabulary):
            encoding = text_hash(repr(self.raw.words))
        elif isinstance(self.raw, Table):
            encoding = text_hash(repr([(one.name, one.categories) for one in self.raw.columns]))
        parts = {part: part_fingerprint(*self.part(part)) for part in PARTS}
        said = {"task": str(self.task), "outputs": self.spec.outputs, "encoding": encoding}
        return said | parts

    def part(self, name: str) -> tuple[Array, Array]:
        """Returns x and y of the part "train", "val" or "test"."""
        if not isinstance(name, str) or name not in PARTS:
            raise DataError(f"Expected a part: {', '.join(PARTS)}. Received: {shown(name)}.")
        return getattr(self, f"x_{name}"), getattr(self, f"y_{name}")

    @property
    def usual_objective(self) -> tuple[str, str]:
        """Name and direction of the objective where none is given."""
        return ("val_accuracy", "max") if self.classes else ("val_loss", "min")

    def describe(self) -> str:
        """Returns one line: the name, the counts, the shape of a sample, the task, the source."""
        train, val, test = (len(self.part(part)[0]) for part in PARTS)
        shape = "x".join(map(str, self.spec.input_shape))
        return (
            f"{self.name}: {train:,} train / {val:,} validation / {test:,} test, "
            f"{shape}, {self.task}, {self.targets} ({self.source})"
        )

    @property
    def targets(self) -> str:
        """What is predicted, e.g. "9 classes (10 ... 90)" or "1 quantity (0.5 to 7)"."""
        if not self.classes:
            low, high = float(self.y_train.min()), float(self.y_train.max())
            plural = "quantity" if self.spec.outputs == 1 else "quantities"
            return f"{self.spec.outputs} {plural} ({low:.4g} to {high:.4g})"
        names = [name if len(name) <= 20 else f"{name[:17]}..." for name in self.classes]
        told = ", ".join(names) if len(names) < 4 else f"{names[0]} ... {names[-1]}"
        what = "labels" if self.task == Task.MULTILABEL else "classes"
        return f"{len(names)} {what} ({told})"

    def __repr__(self) -> str:
        return f"<Data {self.describe()}>"


def _other_column(column: Any, known: list[str]) -> str:
    if not isinstance(column, Hashable):
        return f"a {type(column).__name__}. Give its name."
    if str(column) in known:
        return (
            f"{column!r} (of type {type(column).__name__}). The column's name is of another type."
        )
    return f"{column!r}.{nearest(str(column), known)}"


def _recipe(constructor: str, **arguments: Any) -> dict[str, Any]:
    """Returns the constructor's name with those of its arguments that JSON can say."""
    plain = (str, int, float, list, tuple)
    return {constructor: {n: v for n, v in arguments.items() if isinstance(v, plain)}}


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
    raw: Table | Vocabulary | Standardization | None = None
    """How a table's categories, or texts, became the numbers; None where they were numbers."""
    loss: Any = None
    """Keras's name of a loss, or a loss, in place of the task's own."""
    metrics: tuple[Any, ...] = ()
    """Metrics, or Keras's names of them, that are measured beside the task's own."""


MOST_BYTES = 1 << 25
"""Arrays up to this size are hashed whole; of larger ones as many rows as fit, evenly spaced."""


def text_hash(text: str | bytes) -> str:
    """Returns 16 hexadecimal digits."""
    data = text if isinstance(text, bytes) else text.encode(errors="backslashreplace")
    return blake2b(data, digest_size=8).hexdigest()


def array_fingerprint(array: Array, *, whole: bool = False) -> dict[str, Any]:
    """Returns shape, dtype and a hash of the rows; `whole` hashes all of them, however many."""
    rows = array
    if not whole and array.nbytes > MOST_BYTES:
        count = max(1, MOST_BYTES * len(array) // array.nbytes)
        rows = array[np.linspace(0, len(array) - 1, count).astype(int)]
    content = repr(rows.tolist()) if array.dtype.hasobject else np.ascontiguousarray(rows).tobytes()
    return {"shape": list(array.shape), "dtype": str(array.dtype), "hash": text_hash(content)}


def part_fingerprint(x: Array, y: Array) -> dict[str, Any]:
    """Returns the fingerprints of a part's samples and of all its labels."""
    return {"x": array_fingerprint(x), "y": array_fingerprint(y, whole=True)}


def data_differences(was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Says in what two `Data.fingerprint` differ, e.g. "training rows: 143, now 1,077"."""
    found = [
        f"the {name} {was[name]}, now {now[name]}"
        for name in ("task", "outputs")
        if was.get(name) != now.get(name)
    ]
    if was.get("encoding") != now.get("encoding"):
        found.append("another encoding of categories or texts")
    rows = []
    for part, words in (("train", "training"), ("val", "validation"), ("test", "test")):
        differs = _part_difference(was.get(part) or {}, now[part])
        if differs == "rows":
            rows.append(words)
        elif differs:
            found.append(f"{words} {differs}")
    if rows:
        found.append(
            f"other {', '.join(rows)} rows (other numbers, another order or another split)"
        )
    return found


def _part_difference(was: dict[str, Any], now: dict[str, Any]) -> str | None:
    """Returns "rows" where only the numbers differ, None where nothing does."""
    differs = None
    for which, what in (("x", "samples"), ("y", "labels")):
        one, other = was.get(which) or {}, now[which]
        shape, size = one.get("shape") or [0], other["shape"]
        if shape[0] != size[0]:
            return f"rows: {shape[0]:,}, now {size[0]:,}"
        if shape != size:
            return f"{what} of shape {tuple(shape[1:])}, now {tuple(size[1:])}"
        if one.get("dtype") != other["dtype"]:
            return f"{what} of dtype {one.get('dtype')}, now {other['dtype']}"
        if one != other:
            differs = "rows"
    return differs
