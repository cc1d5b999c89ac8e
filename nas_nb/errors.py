"""What bad input gets: one exception class, with leaves where a caller would tell them apart."""

from __future__ import annotations

import difflib
import re
import sys
import warnings
from collections.abc import Iterable
from typing import Any, TypeGuard

_OF_KERAS_TUNER = (
    "FailedTrialError",
    "FatalError",
    "FatalRuntimeError",
    "FatalTypeError",
    "FatalValueError",
)


# What a terminal obeys, turns the direction of a text, or is half a character that can't be sent.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    """Returns a text as it can be shown: characters that would steer a terminal are spelled out."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


class NasError(ValueError):
    """An error that the reader can mend: it says what was expected, what came, and what to do."""

    def __str__(self) -> str:
        return printable(super().__str__())

    def _render_traceback_(self) -> list[str]:
        """Lets IPython show the sentence alone: the stack would only show our own frames."""
        return [f"{type(self).__name__}: {self}"]


class DataError(NasError):
    """The data can't be used as given."""


class SpaceError(NasError):
    """The search space, or a point of it, is not legal."""


class StrategyError(NasError):
    """The strategy is unknown, or its options or proposals are not legal."""


class BudgetError(NasError):
    """The budget allows nothing, or is missing."""


class MeasureError(NasError):
    """A cost or a proxy is not defined for this model."""


class JournalError(NasError):
    """The journal can't be read, or is being written by another kernel."""


class JournalWriteError(JournalError):
    """The journal can't be written now: a full disk, a deleted or read-only folder."""


class SearchError(NasError):
    """The search can't do that in the state it is in."""


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a value is an int; True and False are no numbers."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is an int or a float; True and False are no numbers."""
    return is_whole(value) or isinstance(value, float)


LARGEST = 2**63 - 1
"""The greatest whole number that is taken: more no machine counts, and floats end soon after."""


def shown(value: object) -> str:
    """Returns a value as an error shows it: short, and also where its `repr` fails."""
    try:
        return f"{value!r:.200}"
    except Exception:  # noqa: BLE001 - whatever the value's own code raises
        return f"a {type(value).__name__} that can't be shown"


def can_iterate(value: object) -> TypeGuard[Iterable[Any]]:
    """Returns whether a value has elements: an array without dimensions is iterable by its type."""
    try:
        iter(value)  # type: ignore[call-overload]
    except TypeError:
        return False
    return True


def check_whole(
    owner: str,
    name: str,
    value: object,
    low: int,
    high: int | None = None,
    *,
    error: type[NasError] = NasError,
) -> None:
    """Raises unless `value` is an int from `low` to `high`, or of 64 bits; `owner` asks, or ""."""
    if is_whole(value) and low <= value <= (LARGEST if high is None else high):
        return
    if high is None and is_whole(value) and value > LARGEST:
        high = LARGEST
    wanted = f"{low} or more" if high is None else f"from {low} to {high}"
    raise error(
        f"{owner + ' expected' if owner else 'Expected'} `{name}` to be a whole number, {wanted}. "
        f"Received: {name}={shown(value)}."
    )


def check_type(
    name: str,
    value: object,
    kinds: type | tuple[type, ...],
    wanted: str,
    *,
    error: type[NasError] = NasError,
) -> None:
    """Raises an error unless `value` is of one of these kinds, which `wanted` says in words."""
    if not isinstance(value, kinds):
        raise error(
            f"Expected `{name}` to be {wanted}. Received: {name}={shown(value)} "
            f"(of type {type(value).__name__})."
        )


def check_flags(error: type[NasError], **flags: object) -> None:
    """Raises an error unless each is True or False: an array, say, is neither."""
    for name, flag in flags.items():
        check_type(name, flag, bool, "True or False", error=error)


class NasWarning(UserWarning):
    """Something that is no error, and that the reader should know."""


def tell(text: str) -> None:
    """Warns of something, at the first line of the stack that is not this package's."""
    level, frame = 1, sys._getframe()  # noqa: SLF001 - as `warnings` itself does
    while frame.f_back is not None and frame.f_globals["__name__"].startswith("nas_nb"):
        level, frame = level + 1, frame.f_back
    warnings.warn(printable(text), NasWarning, stacklevel=level)


def reason_of(error: Exception) -> str:
    """Returns what an error says, in one line of 200 characters at most."""
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(told).split())[:200]


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns ``" Did you mean 'x'?"`` for the known name nearest to `name`, or an empty string."""
    spelled = {each.lower(): each for each in known}
    matches = difflib.get_close_matches(name.lower(), spelled, n=1)
    return f" Did you mean '{spelled[matches[0]]}'?" if matches else ""


def __getattr__(name: str) -> object:
    """Lets `nas_nb.errors` stand for `keras_tuner.errors` in a program that was written for it."""
    if name not in _OF_KERAS_TUNER:
        near = nearest(name, _OF_KERAS_TUNER)
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'.{near}")
    from keras_tuner import errors

    return getattr(errors, name)
