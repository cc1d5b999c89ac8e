"""The budget of a search: its limits, how much of them is spent, how long the rest will take."""

from __future__ import annotations

import datetime as dt
import inspect
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self, TypeVar

from nas_nb.data.readers import weights_remedy
from nas_nb.errors import BudgetError, SearchError, is_number, nearest, tell

if TYPE_CHECKING:
    from nas_nb.record.history import History

Duration = str | float | dt.timedelta
T = TypeVar("T")


class LimitKind(StrEnum):
    """What a limit counts: decides how it is read, kept and shown."""

    COUNT = ""
    """A whole number, 1 or more."""
    DURATION = "_s"
    """Seconds; given also as "2 min" or a timedelta."""
    BYTES = "_bytes"
    """Bytes; given also as "1.8 GB"."""


class LimitScope(StrEnum):
    """What reaching a limit ends."""

    SEARCH = "search"
    """The search is finished."""
    TRIAL = "trial"
    """The trial fails, before its training where that can be told by its model."""
    KERNEL = "kernel"
    """The search pauses."""


@dataclass(frozen=True)
class Limit:
    """One limit of a budget."""

    field: str  # of `Budget` and of the journal: the argument's name with its unit
    kind: LimitKind
    scope: LimitScope  # what reaching it ends
    of: str  # what follows its number: "5,000 params a model"
    about: str  # its help, a clause

    @property
    def name(self) -> str:
        """The argument that sets it: `max_time` for `max_time_s`."""
        return self.field.removesuffix(self.kind)

    def parse(self, given: Any) -> Any:
        """Returns what was given for the argument as `Budget` has it, which checks counts."""
        if self.kind is LimitKind.DURATION:
            return parse_duration(given, self.name)
        return parse_bytes(given, self.name) if self.kind is LimitKind.BYTES else given

    def text(self, value: float) -> str:
        """Returns its value as people write it, "2 min", where that loses nothing."""
        if self.kind is not LimitKind.DURATION:
            return f"{value:,}"
        return f"{value * 1e3:g} ms" if value < 1 else describe_duration(value)


def _limit(kind: LimitKind, scope: LimitScope, of: str, about: str) -> Any:
    return field(default=None, metadata={"kind": kind, "scope": scope, "of": of, "about": about})


_COUNT, _DURATION, _BYTES = LimitKind.COUNT, LimitKind.DURATION, LimitKind.BYTES
_SEARCH, _TRIAL = LimitScope.SEARCH, LimitScope.TRIAL


@dataclass(frozen=True)
class Progress:
    """How far a search is."""

    done: int  # trials that ended (completed or failed)
    total: int | None  # `max_trials`, or None when trials are not limited
    fraction: float  # the share of the budget that is spent, in [0, 1], by its scarcest part
    elapsed_s: float  # seconds of search, pauses left out
    eta_s: float | None  # estimated seconds to the end, or None before the first trial ended


@dataclass(frozen=True)
class Budget:
    """What a search may spend; None is no limit. One that ends the search has to be set.

    A limit is declared here and nowhere else: arguments, help, forms and the journal follow
    `LIMITS`. A limit named by a cost of `evaluate.costs` is enforced without further code.
    """

    max_trials: int | None = _limit(_COUNT, _SEARCH, "trials", "trials that may end")
    max_time_s: float | None = _limit(
        _DURATION, _SEARCH, "", "time for the search, pauses left out: '2 min', 90s"
    )
    max_epochs: int | None = _limit(
        _COUNT, _SEARCH, "epochs", "epochs of training over all trials together"
    )
    max_params: int | None = _limit(
        _COUNT, _TRIAL, "params a model", "weights of one model; larger ones fail without training"
    )
    max_macs: int | None = _limit(
        _COUNT, _TRIAL, "macs a model", "multiply-adds of one model for one sample, likewise"
    )
    max_time_per_trial_s: float | None = _limit(
        _DURATION, _TRIAL, "a trial", "time for one trial; a longer one is cut off and fails"
    )
    max_memory_bytes: int | None = _limit(
        _BYTES,
        LimitScope.KERNEL,
        "bytes of memory",
        "memory of the kernel at which the search pauses, '1.8 GB'; default: 90 % of the "
        "container's",
    )
    max_latency_s: float | None = _limit(
        _DURATION,
        _TRIAL,
        "a prediction",
        "time of one model for one sample, '5 ms', measured on this machine; slower ones fail",
    )

    def __post_init__(self) -> None:
        for limit, value in self._set():
            if limit.kind is not _DURATION and not (isinstance(value, int) and value is not True):
                raise BudgetError(
                    f"Expected `{limit.name}` to be a whole number. "
                    f"Received: {limit.name}={value!r}. Write for example {limit.name}=20."
                )
            if not value > 0:
                raise BudgetError(
                    f"A search with {limit.name}={value} could not evaluate anything: "
                    f"set `{limit.name}` above 0, or leave it out for no limit."
                )
        if all(limit.scope is not _SEARCH for limit, _ in self._set()):
            raise BudgetError(
                "The search has no budget and would never end: set `max_trials=20`, "
                '`max_time="2 min"` or `max_epochs=100` (the first to be reached ends it).'
            )

    @classmethod
    def parse(cls, **arguments: Any) -> Self:
        """Returns the budget of arguments as `Search` takes them."""
        return cls(**_parsed(arguments))

    def replaced(self, **arguments: Any) -> Self:
        """Returns the budget with other limits, given as for `parse`; None lifts one."""
        return replace(self, **_parsed(arguments))

    def arguments(self) -> dict[str, Any]:
        """Returns the arguments that make this budget, durations as people write them."""
        return {limit.name: _written(limit, value) for limit, value in self._set()}

    def to_json(self) -> dict[str, Any]:
        """Returns the limits that are set, for the journal."""
        return {limit.field: value for limit, value in self._set()}

    def trial_limits(self) -> dict[str, float]:
        """Returns the limits of one trial by the name of what is limited: {"params": 5000}."""
        return {
            limit.field.removeprefix("max_"): value
            for limit, value in self._set()
            if limit.scope is _TRIAL
        }

    def described(self) -> str:
        """Returns the limits as a sentence without its end: "10 trials or 2 min"."""
        told = {scope: [] for scope in LimitScope}  # type: dict[LimitScope, list[str]]
        for limit, value in self._set():
            told[limit.scope].append(f"{limit.text(value)} {limit.of}".strip())
        rest = ", ".join(told[LimitScope.TRIAL] + told[LimitScope.KERNEL])
        return " or ".join(told[_SEARCH]) + (f"; at most {rest}" if rest else "")

    def spent(self, history: History, elapsed_s: float) -> str | None:
        """Returns which limit is reached, as a sentence, or None while something is left."""
        for limit, value in self._set():
            if limit.field == "max_epochs" and history.unfinished:
                continue  # a kernel died between a trial's last epoch and its end: it ends first
            if limit.scope is _SEARCH and _used(limit, history, elapsed_s) >= value:
                said = f" of {limit.text(value)}" if limit.kind is _DURATION else f"={value}"
                return f"{limit.name}{said} reached"
        return None

    def epochs_left(self, history: History) -> float:
        """Returns how many epochs may still be trained; `math.inf` without a limit."""
        if self.max_epochs is None:
            return math.inf
        return max(0, self.max_epochs - history.epochs_counted)

    def progress(self, history: History, elapsed_s: float) -> Progress:
        """Returns how far the search is, by the part of the budget that will end it."""
        done = len(history.finished)
        used = [
            _used(limit, history, elapsed_s) / value
            for limit, value in self._set()
            if limit.scope is _SEARCH
        ]
        fraction = min(1.0, max(used))
        eta_s = elapsed_s * (1 - fraction) / fraction if done and fraction > 0 else None
        if eta_s is None and self.max_time_s is not None:
            eta_s = max(0.0, self.max_time_s - elapsed_s)
        return Progress(done, self.max_trials, fraction, elapsed_s, eta_s)

    def _set(self) -> Iterable[tuple[Limit, Any]]:
        values = asdict(self)
        return [(limit, v) for limit in LIMITS if (v := values[limit.field]) is not None]


LIMITS: tuple[Limit, ...] = tuple(Limit(each.name, **each.metadata) for each in fields(Budget))
"""The limits of a budget, in the order of its fields."""


def shows_limits(search: type[T]) -> type[T]:
    """Lists each limit in the signature and the docstring of a class that takes `**limits`."""
    signature = inspect.signature(search)
    *named, _ = signature.parameters.values()
    keyword = inspect.Parameter.KEYWORD_ONLY
    limits = [inspect.Parameter(limit.name, keyword, default=None) for limit in LIMITS]
    search.__signature__ = signature.replace(parameters=[*named, *limits])  # type: ignore[attr-defined]
    told = "".join(f"\n        {limit.name}: {limit.about}." for limit in LIMITS)
    search.__doc__ = f"{search.__doc__}\n    Limits:{told}\n    "
    return search


def check_arguments(search: type, given: Mapping[str, Any]) -> None:
    """Refuses what is no argument of a class that `shows_limits` lists the limits of."""
    known = inspect.signature(search).parameters
    for name in given:
        if name not in known:
            hint = weights_remedy(name) or nearest(name, known)
            raise SearchError(f"A search takes no argument '{name}'.{hint}")


def limit_arguments(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of `Search` for the limits in a journal, as `Budget.to_json` wrote."""
    return {limit.name: recorded[limit.field] for limit in LIMITS if limit.field in recorded}


def _parsed(arguments: Mapping[str, Any]) -> dict[str, Any]:
    by_name = {limit.name: limit for limit in LIMITS}
    for name in arguments:
        if name not in by_name:
            hint = nearest(name, by_name) or f" They are: {', '.join(by_name)}."
            raise SearchError(f"A budget has no limit '{name}'.{hint}")
    return {by_name[name].field: by_name[name].parse(arguments[name]) for name in arguments}


def _written(limit: Limit, value: float) -> float | str:
    exact = limit.kind is _DURATION and value >= 1 and float(value).is_integer()
    return describe_duration(value) if exact else value


def _used(limit: Limit, history: History, elapsed_s: float) -> float:
    """Returns how much of a limit of the search is used up."""
    if limit.kind is _DURATION:
        return elapsed_s
    return len(history.finished) if limit.field == "max_trials" else history.epochs_counted


def parse_duration(duration: Duration | None, name: str = "max_time") -> float | None:
    """Returns seconds of a number, a `timedelta` or a text such as "2 min"; None for None."""
    if duration is None:
        return None
    if isinstance(duration, dt.timedelta):
        return duration.total_seconds()
    if isinstance(duration, str):
        return _seconds(duration, name)
    if not is_number(duration):
        raise BudgetError(
            f"Expected `{name}` in seconds, as a timedelta or as a text like '2 min'. "
            f"Received: {name}={duration!r}."
        )
    if not abs(duration) <= sys.float_info.max:
        raise BudgetError(
            f"Expected a finite `{name}`. Received: {name}={str(duration)[:20]}. Leave it out for "
            "no limit."
        )
    return float(duration)


def _seconds(text: str, name: str) -> float:
    import pandas as pd

    bare = True
    try:
        seconds = float(text)
    except ValueError:
        bare = False
        try:
            seconds = float(pd.Timedelta(text).total_seconds())
        except (ValueError, OverflowError):
            seconds = math.nan
    if not math.isfinite(seconds):
        raise BudgetError(
            f"'{text}' is no duration: write {name}='2 min', '90 s', '5 ms', '1h 30min' or a "
            "number of seconds, or leave it out for no limit."
        )
    if bare:
        units = f"'{text} s' or '{text} min'"
        tell(f"{name}='{text}' has no unit and is taken as seconds: write {units}.")
    return seconds


_UNITS = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def parse_bytes(memory: str | float | None, name: str = "max_memory") -> int | None:
    """Returns bytes of a number or a text such as "1.8 GB" (decimal units); None for None."""
    if memory is None:
        return None
    text = str(memory).strip().upper().removesuffix("B").strip()
    factor = _UNITS.get(text[-1:], 1)
    try:
        return int(float(text.rstrip("KMGT").strip()) * factor)
    except (ValueError, OverflowError) as error:
        raise BudgetError(
            f"'{memory}' is no amount of memory: write {name}='1.8 GB', '500 MB' or bytes."
        ) from error


def describe_duration(seconds: float) -> str:
    """Returns seconds as people write them: '45 s', '2 min 5 s', '1 h 3 min'."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{seconds:.2g} s" if 0 < seconds < 1 else f"{rest} s"
