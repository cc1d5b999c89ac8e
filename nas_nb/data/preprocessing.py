"""Columns judged by their values; what is learned from rows: categories, scale, vocabulary."""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas_nb.errors import DataError, can_iterate, check_whole, shown, tell

Array = NDArray[Any]


@dataclass(frozen=True)
class Column:
    """One column of a table: numbers, or categories."""

    name: str
    categories: tuple[str, ...] = ()  # the most frequent first; empty for numbers
    fill: float | None = None  # what a missing number becomes, beside a mark of 1

    @property
    def width(self) -> int:
        """How many numbers a sample has for it: 1, with its mark 2, or "other" and the others."""
        return 1 + len(self.categories) + (self.fill is not None)


@dataclass(frozen=True)
class Table:
    """How the columns of a table become numbers; `nas_nb.with_raw_input` makes layers of it."""

    # Numbers stay what they are. A category becomes a row of 0 and a single 1, as Keras's
    # `StringLookup(output_mode="one_hot")` writes it; the first place is for missing, rare and new.

    columns: tuple[Column, ...]

    @classmethod
    def learn(cls, columns: Mapping[str, Array], *, impute: bool = False) -> Table:
        """Returns the table of columns, (samples,) each: text and objects are categories."""
        return cls(
            tuple(_column(str(name), values, impute=impute) for name, values in columns.items())
        )

    @property
    def marks(self) -> Array:
        """(features,) whether each number of a sample is a mark of a category or of a gap."""
        return np.array(
            [
                bool(column.categories) or place > 0
                for column in self.columns
                for place in range(column.width)
            ]
        )

    @property
    def features(self) -> list[str]:
        """(features,) the column that each number of a sample is of."""
        return [column.name for column in self.columns for _ in range(column.width)]

    def gaps(self, numbers: Array) -> list[str]:
        """Returns the columns with a number that is not finite."""
        wrong = ~np.isfinite(numbers).all(axis=0)
        return list(dict.fromkeys(np.array(self.features, dtype=object)[wrong].tolist()))

    def numbers(self, columns: Mapping[str, Any]) -> Array:
        """Returns the samples of a data frame or of such columns: (samples, features), float32."""
        if hasattr(columns, "columns"):
            columns = frame_columns(columns, learn=False)
        named = {str(name): np.atleast_1d(values) for name, values in columns.items()}
        missing = [column.name for column in self.columns if column.name not in named]
        if missing:
            raise DataError(
                f"Expected the columns {', '.join(c.name for c in self.columns)}. "
                f"Received: none called '{missing[0]}'."
            )
        parts = [_numbers(column, named[column.name]) for column in self.columns]
        return np.concatenate(parts, axis=1)


def _column(name: str, values: Array, *, impute: bool) -> Column:
    if values.dtype.kind in "biuf":
        gaps = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)
        if gaps.all():
            raise DataError(f"Expected values in the column '{name}'. Received: none; drop it.")
        fill = float(values[~gaps].mean(dtype=float)) if impute and gaps.any() else None
        return Column(name, fill=fill)
    counts = Counter(str(value) for value in values.tolist() if not is_missing(value))
    ranked = sorted(counts, key=lambda category: (-counts[category], category))
    if not ranked:
        raise DataError(f"Expected values in the column '{name}'. Received: none; drop it.")
    return Column(name, tuple(ranked[:MOST_CATEGORIES]))


def _numbers(column: Column, values: Array) -> Array:
    if not column.categories:
        numbers = _as_numbers(column.name, values)[:, np.newaxis]
        if column.fill is None:
            return numbers
        gaps = np.isnan(numbers)
        return np.concatenate([np.where(gaps, np.float32(column.fill), numbers), gaps], axis=1)
    place = {category: number for number, category in enumerate(column.categories, start=1)}
    rows = np.zeros((len(values), column.width), np.float32)
    for row, value in zip(rows, values.tolist(), strict=True):
        row[0 if is_missing(value) else place.get(str(value), 0)] = 1
    return rows


def _as_numbers(name: str, values: Array) -> Array:
    try:
        return values.astype(np.float32)
    except (TypeError, ValueError):
        texts = [value for value in values.tolist() if not is_missing(value)]
        wrong = next((text for text in texts if not _is_float(str(text))), texts[0])
        raise DataError(
            f"Expected numbers in the column '{name}', as in the training rows. Received: "
            f"{shown(wrong)}. {_number_remedy(f'frame[{name!r}]', str(wrong), texts)}."
        ) from None


_TRUTHS = {"true": True, "yes": True, "y": True, "t": True, "on": True}
_TRUTHS |= {"false": False, "no": False, "n": False, "f": False, "off": False}


def _number_remedy(code: str, wrong: str, texts: list[Any]) -> str:
    truths = {str(text): _TRUTHS.get(str(text).strip().lower()) for text in texts}
    if None not in truths.values():
        return f"Make truth values of them, {code}.map({truths})"
    dates = [wrong] if _DATE.fullmatch(wrong.strip()) else []
    if dates or _is_number(wrong.strip()):
        return _remedy(code, dates, [wrong])
    return f"Correct it, or make a gap of it, pd.to_numeric({code}, errors='coerce')"


@dataclass(frozen=True)
class Statistics:
    """Scale of the training rows; hashable, because models are built from it."""

    mean: tuple[float, ...]  # of each feature, along the last axis of a sample
    variance: tuple[float, ...]  # 1 where a feature never varies, which leaves it at 0
    high: float  # the largest number: 255 tells pixels from shares of ink
    target_mean: tuple[float, ...] = ()  # of each quantity to predict; empty for classes
    target_deviation: tuple[float, ...] = ()  # 1 where it never varies


def measure_statistics(x: Array, y: Array | None, kept: Array | None = None) -> Statistics:
    """Returns the statistics of training rows."""
    mean, variance = _moments(x.reshape(-1, x.shape[-1]))
    if kept is not None:
        mean, variance = np.where(kept, 0, mean), np.where(kept, 1, variance)
    targets: tuple[tuple[float, ...], ...] = ()
    if y is not None:
        target_mean, target_variance = _moments(y.reshape(len(y), -1))
        targets = (_floats(target_mean), _floats(np.sqrt(target_variance)))
    return Statistics(_floats(mean), _floats(variance), float(x.max()), *targets)


def _moments(rows: Array) -> tuple[Array, Array]:
    variance = rows.var(axis=0, dtype=float)
    return rows.mean(axis=0, dtype=float), np.where(variance > 0, variance, 1.0)


def _floats(numbers: Array) -> tuple[float, ...]:
    # Seven digits are what a model of float32 can tell apart, and what source code should show.
    return tuple(float(f"{number:.7g}") for number in numbers)


@dataclass(frozen=True)
class Standardization:
    """How a table's columns and quantities were standardised; see `nas_nb.with_raw_input`."""

    statistics: Statistics  # of the training rows as they were; without targets for classes

    def numbers(self, rows: Array) -> Array:
        """Returns samples, (samples, features), as a model was trained on them."""
        own = self.statistics
        return np.asarray((rows - np.array(own.mean)) / np.sqrt(own.variance), np.float32)

    def quantities(self, standardised: Array) -> Array:
        """Returns what a model predicts, (samples, quantities), in the units of the data."""
        own = self.statistics
        if not own.target_mean:
            return standardised
        scaled = standardised * np.array(own.target_deviation)
        return np.asarray(scaled + np.array(own.target_mean))


PADDING, UNKNOWN, FIRST_WORD = 0, 1, 2
"""Token ids: of what is not there, of words outside the vocabulary, of its first word."""

LONGEST_TEXT = 1_000_000
"""The most token ids of a text."""

_LOWER = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())


@dataclass(frozen=True)
class Vocabulary:
    """How texts become token ids: exactly what Keras's ``TextVectorization`` would return."""

    # Candidates train on token ids, because no compiled training takes strings.

    words: tuple[str, ...]  # the most frequent first; the first has token id 2
    length: int  # tokens a text: longer ones are cut, shorter ones padded with 0

    @classmethod
    def learn(cls, texts: Iterable[str], *, size: int, length: int) -> Vocabulary:
        """Returns the vocabulary of the most frequent words."""
        check_whole("", "vocabulary", size, FIRST_WORD + 1, error=DataError)
        check_whole("", "length", length, 1, error=DataError)
        if length > LONGEST_TEXT:
            raise DataError(
                f"Expected `length` to be at most {LONGEST_TEXT:,} words. Received: {length:,}."
            )
        counts = Counter(word for text in texts for word in words_of(text))
        if not counts:
            raise DataError("Expected words in the texts. Received: texts without any.")
        # Equally frequent words in the order of their spelling: the same in every process.
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        return cls(tuple(ranked[: size - FIRST_WORD]), length)

    @property
    def size(self) -> int:
        """How many token ids there are, padding and unknown among them."""
        return len(self.words) + FIRST_WORD

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, start=FIRST_WORD)}

    def tokens(self, texts: Iterable[str]) -> Array:
        """Returns token ids of shape (texts, length), int32."""
        ids, rows = self._ids, list(texts)
        tokens = np.full((len(rows), self.length), PADDING, np.int32)
        for row, text in zip(tokens, rows, strict=True):
            found = [ids.get(word, UNKNOWN) for word in words_of(text)[: self.length]]
            row[: len(found)] = found
        return tokens


def words_of(text: str) -> list[str]:
    """Splits a text into words: ASCII letters in lower case, ASCII punctuation removed."""
    plain = text.encode(errors="replace").translate(_LOWER, string.punctuation.encode())
    return [word.decode() for word in plain.split()]


def usual_length(texts: Iterable[str], share: float = 0.95, most: int = 200) -> int:
    """Returns a length that leaves a share of the texts whole, and is `most` at the most."""
    lengths = [len(words_of(text)) for text in texts]
    return min(most, max(1, int(np.quantile(lengths, share))))


def check_texts(given: Iterable[object]) -> list[str]:
    """Returns a list of texts."""
    if isinstance(given, str):
        raise DataError("Expected a list of texts. Received: one str; put it in a list.")
    if not can_iterate(given):
        raise DataError(f"Expected a list of texts. Received: {type(given).__name__}.")
    texts = list(given)
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(
                f"Expected texts. Received: {text!r} (of type {type(text).__name__}) at row "
                f"{number}. Fill in or drop what is missing."
            )
    return [str(text) for text in texts]


MOST_CATEGORIES = 32
"""A column keeps so many of its most frequent categories; the rest are one: "other"."""

_TIMES = ("date", "datetime", "time", "timedelta", "Timestamp", "Timedelta", "Period")
_NESTED = (list, tuple, dict, set, frozenset, np.ndarray)
_NUMBERS = (Real, Decimal, Fraction)
_GREATEST = float(np.finfo(np.float32).max)
_MISSING_AS_TEXT = ("nan", "NaN", "<NA>", "NaT")


def is_missing(value: object) -> bool:
    """Whether a value is None, NaN, NaT or pandas's NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and math.isnan(value)


def frame_columns(frame: Any, *, learn: bool = True) -> dict[str, Array]:
    """Returns columns by name: numbers with NaN for gaps, or categories with None for gaps."""
    # Text is judged, too, where a table is to be learned from the frame.
    pairs = [(str(name), values) for name, values in frame.items()]
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise DataError(
                f"Expected columns of different names. Received: {names.count(name)} called "
                f"'{name}'. Rename them: frame.columns = [...]."
            )
    return {name: column_values(name, values, learn=learn) for name, values in pairs}


def column_values(name: str, given: Any, *, learn: bool = True) -> Array:
    """Returns one column as numbers, or as objects where it holds categories."""
    if str(getattr(given, "dtype", "")) == "category":
        return _categories(given.astype(object))
    values = np.asarray(given)
    if values.dtype.kind in "biuf":
        return values
    if values.dtype.kind not in "OUST":
        remedy = "Turn it into numbers, e.g. days since a date."
        if values.dtype.kind == "c":
            remedy = "Take real and imaginary part."
        raise _no_column(name, f"dtype {values.dtype}", remedy)
    present = [value for value in values.tolist() if not is_missing(value)]
    _check_kinds(name, present)
    if present and all(isinstance(value, bool | np.bool_) for value in present):
        whole = len(present) == len(values)
        return values.astype(bool) if whole else _categories(values.tolist())
    if present and all(isinstance(value, _NUMBERS) for value in present):
        return np.array([math.nan if is_missing(v) else float(v) for v in values.tolist()])
    if learn:
        code = f"frame['{name}']"
        judge_text(
            f"the column '{name}'",
            code,
            [str(value) for value in present],
            most=MOST_CATEGORIES,
            instead=f"categories, {code}.astype('category')",
            read=f"its {MOST_CATEGORIES} most frequent ones are categories, any other is 'other'",
        )
    return _categories(values.tolist())


def _categories(values: Iterable[Any]) -> Array:
    listed = [None if is_missing(value) else value for value in values]
    made = np.empty(len(listed), dtype=object)
    made[:] = listed
    return made


def _check_kinds(name: str, present: list[Any]) -> None:
    for value in present:
        kind = type(value).__name__
        if kind in _TIMES:
            raise _no_column(name, f"times (of type {kind})", "Turn them into numbers, e.g. days "
                             "since a date.")  # fmt: skip
        if isinstance(value, _NESTED) or kind in ("Series", "DataFrame"):
            raise _no_column(
                name,
                f"several values in a cell (of type {kind})",
                f"Spread them over columns, e.g. pd.DataFrame(frame['{name}'].tolist()).",
            )
        if isinstance(value, complex | np.complexfloating):
            raise _no_column(name, "complex numbers", "Take real and imaginary part.")


_NUMBER = re.compile(
    r"\(?[-+]?\s*[€$£¥]?\s*[-+]?"
    r"(\d+(['’., \u00a0\u202f]\d{3})*([.,]\d*)?|[.,]\d+)(e[-+]?\d+)?"
    r"\s*[%€$£¥]?\)?",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(\d{4}([-/.])\d\d?\2\d\d?|\d\d?([-/.])\d\d?\3(\d{4}|\d\d))([ T]\d\d?:.*)?", re.DOTALL
)
_LONGEST = 40  # longer text is no number that somebody wrote


def judge_text(
    where: str, code: str, texts: list[str], *, most: int, instead: str, read: str
) -> None:
    """Refuses text that stands for many numbers or dates, and tells where it may mislead."""
    kinds = list(dict.fromkeys(texts))
    short = [text.strip() for text in kinds if len(text) <= _LONGEST]
    dates = [text for text in short if _DATE.fullmatch(text)]
    found = dates or [text for text in short if _is_number(text)]
    others = [text for text in kinds if text.strip() not in set(found)]
    if len(found) > 2 and len(others) <= max(1, 0.1 * len(kinds)):
        odd = [text for text in found if not _is_float(text)]
        but = f", but for {shown(others[0])}" if others else ""
        what = f"{len(kinds):,} {'dates' if dates else 'numbers'} written as text{but}"
        what += f" (e.g. {(odd or found)[0]!r})"
        remedy = _remedy(code, dates, odd)
        if len(kinds) > most:
            raise DataError(
                f"Expected numbers or names in {where}. Received: {what}. {remedy}, or {instead}."
            )
        if odd or others:
            tell(
                f"{where.replace('the ', 'The ', 1)} holds {what}: {read}. {remedy}, or {instead}."
            )
    elif len(kinds) > max(most, len(texts) / 2):
        kept = f"{len(kinds):,} different texts in {len(texts):,} rows"
        tell(f"{where.replace('the ', 'The ', 1)} holds {kept}: {read}.")


def _remedy(code: str, dates: list[str], odd: list[str]) -> str:
    if dates:
        return f"Make numbers of them, e.g. pd.to_datetime({code}).map(pd.Timestamp.toordinal)"
    if not odd:
        return f"Make numbers of them, pd.to_numeric({code}, errors='coerce')"
    if any(sign in odd[0] for sign in "%€$£¥("):
        return f"Make numbers of them, e.g. {code}.str.strip('%€$£¥ ').astype(float)"
    return "Read them as numbers, e.g. with pd.read_csv(..., decimal=',') or thousands=','"


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_number(text: str) -> bool:
    return _is_float(text) or _NUMBER.fullmatch(text) is not None


def _no_column(name: str, received: str, remedy: str) -> DataError:
    return DataError(
        f"Expected numbers or names of categories in the column '{name}'. Received: {received}. "
        f"{remedy}"
    )


def _is_huge(values: Array) -> bool:
    return bool(len(values) and float(np.nanmax(np.abs(values), initial=0)) > _GREATEST)


IMPUTE = (
    "Drop those rows or columns, or give missing='impute', which fills in the training rows' mean "
    "and adds a column of marks."
)


def check_columns(columns: Mapping[str, Array], remedy: str | None = IMPUTE) -> None:
    """Raises DataError for infinite or huge numbers; for NaN, too, where a remedy is given."""
    numbers = {n: v for n, v in columns.items() if v.dtype.kind == "f"}
    infinite = [f"'{name}'" for name, values in numbers.items() if np.isinf(values).any()]
    if infinite:
        raise DataError(
            f"Expected finite numbers in x. Received: infinite ones in {', '.join(infinite)}. "
            "Replace them, e.g. frame.replace([np.inf, -np.inf], np.nan)."
        )
    huge = [f"'{n}'" for n, v in columns.items() if v.dtype.kind in "iuf" and _is_huge(v)]
    if huge:
        raise DataError(
            f"Expected numbers up to {_GREATEST:.2g}, as float32 holds. Received: greater ones in "
            f"{', '.join(huge)}. Scale them, e.g. by their logarithm."
        )
    missing = {name: int(np.isnan(values).sum()) for name, values in numbers.items()}
    missing = {name: count for name, count in missing.items() if count}
    if missing and remedy is not None:
        named = ", ".join(f"'{name}' ({count:,})" for name, count in missing.items())
        raise DataError(
            f"Expected finite numbers in x. Received: missing ones in {named} of "
            f"{len(next(iter(numbers.values()))):,} rows. {remedy}"
        )


def label_values(given: Any) -> Array:
    """Returns labels as an array of numbers, truth values or text."""
    if len(getattr(given, "shape", ())) == 2 and hasattr(given, "columns"):
        columns = frame_columns(given)
        for name, values in columns.items():
            _check_labels_there(values, f" in '{name}'")
        return np.stack(list(columns.values()), axis=1)
    if isinstance(given, list | tuple) and not any(isinstance(v, _NESTED) for v in given[:1]):
        given = _categories(given)
    array = rectangular("y", given)
    if array.dtype.kind == "S":
        array = np.char.decode(array, errors="replace")
    if array.ndim == 0:
        raise DataError(f"Expected y of shape (samples,) or (samples, k). Received: y={given!r}.")
    if array.dtype == object and array.ndim == 1:
        array = _plain_labels(array)
    _check_labels_there(array, "")
    return array


def rectangular(name: str, given: Any) -> Array:
    """Returns an argument as an array, if its rows are of one length."""
    try:
        return np.asarray(given)
    except ValueError:
        raise DataError(
            f"Expected rows of the same length in {name}. Received: rows of other lengths than the "
            "first. Pad them, e.g. keras.utils.pad_sequences(...)."
        ) from None


def _plain_labels(array: Array) -> Array:
    """Returns objects as numbers or text where all are; missing ones stay None."""
    present = [value for value in array.tolist() if not is_missing(value)]
    if any(isinstance(value, _NESTED) for value in present):
        return array
    _check_kinds("y", present)
    if len(present) < len(array):
        return _categories(array.tolist())
    if all(isinstance(value, _NUMBERS) for value in present):
        return np.array([v if isinstance(v, int | float) else float(v) for v in present])
    if all(isinstance(value, bytes) for value in present):
        return np.array([value.decode(errors="replace") for value in present])
    return np.array([str(value) for value in present])


def _check_labels_there(labels: Array, where: str) -> None:
    if labels.dtype.kind == "f":
        missing = np.isnan(labels)
    elif labels.dtype.kind == "U":
        missing = np.isin(labels, _MISSING_AS_TEXT)
    elif labels.dtype == object:
        missing = np.array([is_missing(value) for value in labels.reshape(-1).tolist()])
    else:
        return
    if missing.any():
        rows = missing.reshape(len(labels), -1).any(axis=1)
        raise DataError(
            f"Expected a label in each row of y{where}. Received: {int(rows.sum()):,} of "
            f"{len(labels):,} missing, the first in row {int(rows.argmax())}. Drop those rows, "
            "e.g. frame.dropna(subset=[target]), or name their class."
        )


def refuse_several(name: str, given: Any, rows: int | None) -> None:
    """Raises DataError if `given` is several arrays where one is expected."""
    parts = list(given.values()) if isinstance(given, Mapping) else given
    if not isinstance(given, Mapping):
        if not isinstance(given, list | tuple) or rows is None or len(given) == rows:
            return
        shapes = [getattr(part, "shape", ()) for part in parts]
        if not shapes or not all(shape and shape[0] == rows for shape in shapes):
            return
    what = "input" if name == "x" else "output"
    called = f" ({', '.join(map(str, given))})" if isinstance(given, Mapping) else ""
    raise DataError(
        f"Expected one {what} of a model in {name}: an array or a data frame. Received: "
        f"{len(parts)} {what}{'s' if len(parts) > 1 else ''}{called}. Make one of them, e.g. "
        f"pd.DataFrame({name}) or np.concatenate(..., axis=-1); models of several {what}s are "
        "trained by nas.RandomSearch(build).search(x, y) and the other tuners."
    )
