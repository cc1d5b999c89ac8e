"""`Trial`, its status and values, read-only to everyone."""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NoReturn, TypeVar, overload

from nas_nb.errors import JournalError, SpaceError, shown


class TrialStatus(StrEnum):
    """Where a trial stands."""

    PROPOSED = "proposed"
    """It has a number and values; nothing was trained yet."""
    RUNNING = "running"
    """It is being trained."""
    COMPLETED = "completed"
    """It was trained as far as it was granted, and has a score. Final."""
    FAILED = "failed"
    """It could not be built or trained; `reason` says why. Another attempt may follow."""
    STOPPED = "stopped"
    """It was cut off, by the user or by the death of its kernel; it is taken up again first."""


FINAL = (TrialStatus.COMPLETED, TrialStatus.FAILED)


@dataclass(frozen=True, slots=True)
class Trial:
    """A snapshot of one trial: the search that goes on does not change it, and nobody else can."""

    number: int
    """0-based, in the order of proposal."""
    values: dict[str, Value] = field(hash=False)
    """The architecture's choices: the active names only."""
    origin: str
    """The strategy that proposed it, or "user"."""
    status: TrialStatus = TrialStatus.PROPOSED
    attempt: int = 0
    """1-based; 0 before the first."""
    seed: int | None = None
    """Of the last attempt."""
    epochs_granted: int | None = None
    curve: Sequence[dict[str, float]] = field(default=(), hash=False)
    """The logs of each epoch of the last attempt (with those that it took over)."""
    score: float | None = None
    """The objective's value after its best epoch, not its last."""
    reason: str | None = None
    """Why it failed or stopped, in one line."""
    duration_s: float = 0.0
    """Of the last attempt; while it runs, of its epochs so far."""
    costs: dict[str, float] = field(default_factory=lambda: EMPTY, hash=False)
    """What the model costs, e.g. {"params": 1234}."""
    note: str | None = None
    checkpoint: str | None = None
    """Where the weights are, relative to the journal's folder."""
    started: float | None = None
    """Unix seconds, of the last attempt."""
    ended: float | None = None
    fidelity: dict[str, float] = field(default_factory=lambda: EMPTY, hash=False)
    """What it was granted where that differs from the search's grant, e.g. {"epochs": 3}."""
    parent: int | None = None
    """The trial whose weights it starts from."""
    how: str = ""
    """How its values were found: "drawn", "mutated", "crossed" or "predicted"; "" if untold."""
    ancestors: tuple[int, ...] = ()
    """The trials that its values were changed from, which says nothing of weights."""
    deaths: int = 0
    """Kernels and worker processes that died in a row while they had it at the same epoch."""
    worker: int = 0
    """Which worker has its last attempt, from 0; the kernel's own is 0, too."""
    standard_error: float | None = None
    """Of the score, where it is a mean over validation rows and no share of them."""

    @property
    def epochs(self) -> int:
        """How many epochs the curve has."""
        return len(self.curve)

    @property
    def key(self) -> str:
        """The canonical text of the values."""
        return values_key(self.values)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt at a trial ended: what a worker gives back. `Trial` explains the fields."""

    status: TrialStatus
    score: float | None = None
    epoch: int = 0
    """The best epoch, from 1; 0 for none."""
    checkpoint: str | None = None
    duration_s: float | None = None
    """None for the seconds since it was started."""
    costs: Mapping[str, float] = field(default_factory=lambda: EMPTY, hash=False)
    note: str | None = None
    """None for what the journal says already."""
    reason: str | None = None
    """A sentence, or a stack trace that ends in the cause."""
    standard_error: float | None = None
    exit_code: int | None = None
    """How its worker process ended, negative for a signal; None where it did not."""


class Curve(Sequence[dict[str, float]]):
    """The logs of each epoch, to read as a tuple of dicts."""

    # The numbers are packed: a hundred thousand learning curves as dicts would take a gigabyte.
    # Epochs that report other names than the first, or numbers that are no floats, stay dicts.

    __slots__ = ("_names", "_numbers", "_rows")

    def __init__(
        self,
        names: tuple[str, ...] = (),
        numbers: array[float] | None = None,
        rows: list[dict[str, float]] | None = None,
    ) -> None:
        self._names = names
        self._numbers = array("d") if numbers is None else numbers
        self._rows = rows

    def __len__(self) -> int:
        if self._rows is not None:
            return len(self._rows)
        return len(self._numbers) // len(self._names) if self._names else 0

    @overload
    def __getitem__(self, at: int) -> dict[str, float]: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[dict[str, float], ...]: ...
    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            return tuple(self[epoch] for epoch in range(len(self))[at])
        epoch, width = range(len(self))[at], len(self._names)
        if self._rows is not None:
            return self._rows[epoch]
        numbers = self._numbers[epoch * width : (epoch + 1) * width]
        return FrozenDict(zip(self._names, numbers, strict=True))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Curve) and self._rows is None and other._rows is None:
            mine, its = self._numbers.tobytes(), other._numbers.tobytes()
            return (self._names, mine) == (other._names, its)
        if not isinstance(other, Curve | tuple | list):
            return NotImplemented
        return tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(tuple(self))


class PackedCurve(Curve):
    """A curve that grows."""

    __slots__ = ()

    def append(self, logs: dict[str, float]) -> None:
        """Adds an epoch."""
        names = tuple(logs)
        if not len(self) and self._rows is None:
            self._names = _shared(names)
        are_floats = all(type(number) is float for number in logs.values())
        if self._rows is None and are_floats and names and names == self._names:
            self._numbers.extend(logs.values())
        else:
            self._rows = [*self] if self._rows is None else self._rows
            self._rows.append(FrozenDict(logs))

    def cut(self, epochs: int) -> None:
        """Leaves the first epochs."""
        del self._numbers[max(0, epochs) * len(self._names) :]
        if self._rows is not None:
            del self._rows[max(0, epochs) :]

    def view(self) -> Curve:
        """Returns the curve to read, of the same memory: for a trial that is over."""
        return Curve(self._names, self._numbers, self._rows)

    def copy(self) -> PackedCurve:
        """Returns a curve of its own."""
        rows = None if self._rows is None else [*self._rows]
        return PackedCurve(self._names, self._numbers[:], rows)


@lru_cache(maxsize=1024)
def _shared(names: tuple[str, ...]) -> tuple[str, ...]:
    """Returns one and the same tuple for the same names: each line of a journal brings its own."""
    return names


@dataclass(slots=True)
class TrialDraft:
    """The same trial while events still change it; `freeze` takes the snapshot."""

    number: int
    values: dict[str, Value]
    origin: str
    status: TrialStatus = TrialStatus.PROPOSED
    attempt: int = 0
    seed: int | None = None
    epochs_granted: int | None = None
    curve: PackedCurve = field(default_factory=PackedCurve)
    last_epoch: int = 0
    score: float | None = None
    reason: str | None = None
    duration_s: float = 0.0
    costs: dict[str, float] = field(default_factory=lambda: EMPTY)
    note: str | None = None
    checkpoint: str | None = None
    started: float | None = None
    ended: float | None = None
    fidelity: dict[str, float] = field(default_factory=lambda: EMPTY)
    parent: int | None = None
    how: str = ""
    ancestors: tuple[int, ...] = ()
    deaths: int = 0
    worker: int = 0
    standard_error: float | None = None
    died_at: int | None = None
    inherited: int = 0
    """How many epochs of the curve its parent trained."""

    def freeze(self) -> Trial:
        """Returns the trial as it is now."""
        curve = (self.curve if self.status in FINAL else self.curve.copy()).view()
        return Trial(curve=curve, **{name: getattr(self, name) for name in _AS_THEY_ARE})


_AS_THEY_ARE = tuple(each.name for each in fields(Trial) if each.name != "curve")


Value = str | int | float | bool
Values = Mapping[str, Value]

V = TypeVar("V")

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def plain(value: Any) -> Any:
    """Returns a NumPy scalar or array as Python's own number or list, anything else as it is."""
    return value.tolist() if hasattr(value, "tolist") else value


def plain_values(values: Mapping[str, Any]) -> dict[str, Value]:
    """Returns the values as Python's own str, int, float and bool, in the order given."""
    result: dict[str, Value] = {}
    for name, given in values.items():
        value = plain(given)
        if not isinstance(name, str) or not isinstance(value, (str, int, float)):
            raise JournalError(
                "Expected values that map names to str, int, float or bool. "
                f"Received: {name!r} = {given!r} (of type {type(given).__name__}). "
                "Give a choice a name, and look the object up by it in build()."
            )
        result[name] = value
    return result


def sign_of(direction: str) -> float:
    """Returns what makes the greater of two scores the better one."""
    return 1.0 if direction == "max" else -1.0


def best_score(scores: Iterable[float], direction: str) -> float:
    """Returns the best of some scores."""
    return max(scores) if direction == "max" else min(scores)


def changed_values(
    before: Mapping[str, V], now: Mapping[str, V]
) -> dict[str, tuple[V | None, V | None]]:
    """Returns what differs by name, (before, now); None for what one of them lacks."""
    pairs = {name: (before.get(name), now.get(name)) for name in {**now, **before}}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def values_key(values: Mapping[str, Any]) -> str:
    """Returns the same JSON for equal points; `1`, `1.0`, `True` and `"1"` are four values."""
    return _ENCODER.encode(plain_values(values))


def values_digest(values: Mapping[str, Any]) -> bytes:
    """Returns 16 bytes that stand for `values_key`, where many are kept."""
    try:
        return blake2b(values_key(values).encode(), digest_size=16).digest()
    except (AttributeError, TypeError) as error:
        raise no_values(values) from error


def no_values(given: object) -> SpaceError:
    """Returns the error for what is no dictionary of an architecture's values."""
    what = f"{shown(given)} (of type {type(given).__name__})."
    if hasattr(given, "values"):
        what = f"a {type(given).__name__}: take its `.values`."
    return SpaceError(
        "Expected the values of an architecture, a dictionary such as `trial.values`. Received: "
        f"{what}"
    )


class ReadOnlyError(TypeError):
    """Somebody tried to change what the history holds."""


def _refuse(self: object, *args: object, **kwargs: object) -> NoReturn:
    kind = "list" if isinstance(self, list) else "dict"
    raise ReadOnlyError(
        f"The history is only for reading, with all that it holds: change a copy, {kind}(...), "
        "as in `values = dict(trial.values)`."
    )


class FrozenDict(dict[str, V]):
    """A plain dict to everyone who reads, so that it goes into JSON and equals a dict."""

    __slots__ = ()

    __setitem__ = __delitem__ = __ior__ = _refuse
    update = setdefault = pop = popitem = clear = _refuse

    def __reduce__(self) -> tuple[type[FrozenDict[V]], tuple[dict[str, V]]]:
        return FrozenDict, (dict(self),)


class FrozenList(list[V]):
    """A plain list to everyone who reads."""

    __slots__ = ()

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = extend = insert = remove = pop = _refuse
    clear = sort = reverse = _refuse

    def __reduce__(self) -> tuple[type[FrozenList[V]], tuple[list[V]]]:
        return FrozenList, (list(self),)


EMPTY: FrozenDict[Any] = FrozenDict()
"""What a trial has before it has anything; it can't change, so that all may share it."""


def interned(values: Mapping[str, Any]) -> FrozenDict[Any]:
    """Returns values read-only; their texts are kept once for all trials."""
    texts = {name: sys.intern(v) if type(v) is str else v for name, v in values.items()}
    return FrozenDict({sys.intern(name): value for name, value in texts.items()})


def freeze(value: Any) -> Any:
    """Returns what JSON gave, read-only in all its depth."""
    if isinstance(value, dict):
        return FrozenDict({name: freeze(item) for name, item in value.items()})
    if isinstance(value, list):
        return FrozenList(map(freeze, value))
    return value
