"""The ways to make a data set: from arrays, data frames, texts, series and ``tf.data``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nas_nb.data.arrays import check_rows, decoded, label_array, plain_array
from nas_nb.data.reading import Shares, frame_parts, label_parts, series_parts, text_parts
from nas_nb.data.streams import collect
from nas_nb.data.task import Task, detect_task, to_task
from nas_nb.errors import DataError, nearest


class Makers:
    """The class methods of `Data` that make one of what users have."""

    if TYPE_CHECKING:

        def __init__(self, **fields: Any) -> None:
            """Takes the fields of `Data`."""

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
        **options: Any,
    ) -> Self:
        """Splits arrays (or lists, or a data frame) into the three parts.

        Args:
            x: (samples, ...) numbers; they become float32, and are not scaled. Columns of a data
                frame may hold categories: see `from_frame`.
            y: (samples,) class names, class numbers or quantities; or (samples, k) one-hot rows,
                0/1 labels or quantities.
            name: What to call the data set.
            validation: Share of the rows to compare candidates on.
            test: Share of the rows kept for the end.
            task: How to read y. Default: names, and whole numbers of up to 20 kinds, are classes;
                rows of 0 and 1 are one-hot classes or labels; the rest are quantities.
            seed: Of the split. Every class has the same share in each part.
            **options: `source` (where the data is from), `loss` and `metrics` of `Data`.

        Raises:
            DataError: The arrays can't be used as given.
        """
        labels = label_array(y)
        rows = None if hasattr(x, "columns") else plain_array("x", x)
        if rows is not None:
            check_rows(rows, labels)
        kind = detect_task(labels) if task is None else to_task(task)
        parts, classes = label_parts(labels, kind, Shares(validation, test, seed))
        if rows is None:
            fields = frame_parts(x, parts)
        else:
            with np.errstate(over="ignore"):  # what overflows is found by the check of the parts
                rows = rows.astype(np.float32)
            fields = {f"x_{part}": rows[at] for part, (at, _) in parts.items()}
        fields |= {f"y_{part}": numbers for part, (_, numbers) in parts.items()}
        return cls(name=name, task=kind, classes=classes, **fields, **options)

    @classmethod
    def from_frame(cls, frame: Any, target: str | list[str], **options: Any) -> Self:
        """Splits a data frame into the three parts.

        Columns of numbers stay what they are; any other column holds categories, which become 0
        and 1: one place for each of its 32 most frequent ones in the training rows, and one for
        whatever is missing, rare or new.

        Args:
            frame: A pandas data frame, a row a sample.
            target: The column to predict, or several.
            **options: As for `from_arrays`.

        Raises:
            DataError: There is no such column, or the columns can't be used as given.
        """
        wanted = [target] if isinstance(target, str) else list(target)
        absent = [column for column in wanted if column not in frame.columns]
        if absent:
            known = [str(column) for column in frame.columns]
            raise DataError(
                f"Expected the target to be a column of {', '.join(known)}. Received: "
                f"{absent[0]!r}.{nearest(str(absent[0]), known)}"
            )
        labels = frame[target if isinstance(target, str) else wanted]
        return cls.from_arrays(frame.drop(columns=wanted), labels, **options)

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
            texts: (samples,) texts.
            y: As for `from_arrays`.
            name: What to call the data set.
            vocabulary: How many token ids at most; the vocabulary is learned from the training
                texts and is kept in `raw`.
            length: Tokens a text. Default: what leaves 95 % of the training texts whole, but 200
                at the most.
            validation: As for `from_arrays`.
            test: As for `from_arrays`.
            task: As for `from_arrays`.
            seed: As for `from_arrays`.
            **options: As for `from_arrays`.

        Raises:
            DataError: The texts or the labels can't be used as given.
        """
        labels = label_array(y)
        kind = detect_task(labels) if task is None else to_task(task)
        parts, classes = label_parts(labels, kind, Shares(validation, test, seed))
        fields = text_parts(texts, parts, vocabulary, length)
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
        latest; no value is predicted in two parts.

        Args:
            series: (time,) or (time, channels) numbers, or a data frame, in order of time.
            window: Time steps that a model sees.
            horizon: Time steps that it predicts.
            target: The channel to predict, by number, or by name in a data frame. Default: all.
            name: What to call the data set.
            validation: Share of the windows to compare candidates on.
            test: Share of the windows kept for the end.
            **options: As for `from_arrays`.

        Raises:
            DataError: The series is too short or isn't one series of numbers.
        """
        fields = series_parts(series, window, horizon, target, Shares(validation, test, 0))
        return cls(name=name, task=Task.FORECASTING, **fields, **options)

    @classmethod
    def from_dataset(cls, dataset: Iterable[Any], **options: Any) -> Self:
        """Reads a ``tf.data.Dataset`` of (x, y) to its end and splits it into the three parts.

        Args:
            dataset: Pairs of numbers or texts and labels, batched or not. They have to fit into
                memory: trials read the same rows over and over.
            **options: As for `from_arrays`, or `from_texts` where x holds texts.

        Raises:
            DataError: It has no end or no pairs, or can't be used as given.
        """
        x, y = collect(dataset)
        y = decoded(y)
        if x.dtype.kind in "OSU":
            return cls.from_texts(decoded(x).reshape(len(x)).tolist(), y, **options)
        return cls.from_arrays(x, y, **options)
