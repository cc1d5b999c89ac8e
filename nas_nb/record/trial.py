"""`Trial`, its status and values, read-only to everyone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

from nas_nb.errors import JournalError


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
    curve: tuple[dict[str, float], ...] = field(default=(), hash=False)
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
    curve: list[dict[str, float]] = field(default_factory=list)
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

    def freeze(self) -> Trial:
        """Returns the trial as it is now."""
        return Trial(
            self.number,
            self.values,
            self.origin,
            self.status,
            self.attempt,
            self.seed,
            self.epochs_granted,
            tuple(self.curve),
            self.score,
            self.reason,
            self.duration_s,
            self.costs,
            self.note,
            self.checkpoint,
            self.started,
            self.ended,
            self.fidelity,
            self.parent,
            self.how,
            self.ancestors,
        )


Value = str | int | float | bool
Values = Mapping[str, Value]

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def plain(value: Any) -> Any:
    """Returns a NumPy scalar or array as Python's own number or list, anything else as it is."""
    return value.tolist() if hasattr(value, "tolist") else value


def plain_values(values: Mapping[str, Any]) -> dict[str, Value]:
    """Returns the values as Python's own str, int, float and bool, in the order given.

    Raises:
        JournalError: A name is not a string, or a value is none of the four kinds.
    """
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


def values_key(values: Mapping[str, Any]) -> str:
    """Returns the canonical text of the values: equal for equal points, whatever their order.

    It is JSON with sorted names. Types count: `1`, `1.0`, `True` and `"1"` are four values.
    """
    return _ENCODER.encode(plain_values(values))


V = TypeVar("V")


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


def freeze(value: Any) -> Any:
    """Returns what JSON gave, read-only in all its depth."""
    if isinstance(value, dict):
        return FrozenDict({name: freeze(item) for name, item in value.items()})
    if isinstance(value, list):
        return FrozenList(map(freeze, value))
    return value
