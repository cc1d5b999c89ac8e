"""The kinds of event, their fields, their line of JSON, and which may follow which."""

from __future__ import annotations

import codecs
import json
import math
import sys
from collections.abc import Sequence
from enum import StrEnum
from types import NoneType
from typing import Any, TypeGuard

from nas_nb.errors import JournalError, is_number, nearest
from nas_nb.record.trial import TrialDraft, TrialStatus, plain, plain_values

Event = dict[str, Any]

JOURNAL_VERSION = 2


class EventKind(StrEnum):
    """What can happen in a search; docs/journal.md tells what each of the `FIELDS` means."""

    SEARCH_OPENED = "search_opened"
    """A session began; `journal`, the version of the format, is added."""
    PREPARED = "prepared"
    """A strategy did something before its first proposal."""
    TRIAL_PROPOSED = "trial_proposed"
    """A candidate got its number, from 0."""
    TRIAL_STARTED = "trial_started"
    """An attempt at a trial began."""
    TRIAL_BUILT = "trial_built"
    """The model exists, and its costs are known."""
    EPOCH_ENDED = "epoch_ended"
    """One epoch was trained; they count from 1."""
    TRIAL_ENDED = "trial_ended"
    """An attempt ended: completed, failed or stopped."""
    STEERED = "steered"
    """Somebody steered: a `SteerAction`."""
    SEARCH_CLOSED = "search_closed"
    """The session ended."""


_MAYBE_NUMBER = (int, float, NoneType)
_MAYBE_TEXT = (str, NoneType)
_MAYBE_DICT = (dict, NoneType)

FIELDS: dict[str, dict[str, tuple[type, ...]]] = {
    EventKind.SEARCH_OPENED: {
        "objective": (str,),
        "direction": (str,),
        "seed": (int,),
        "steps_per_epoch": (int, NoneType),
        "minimised": (list, tuple, NoneType),
        "search": _MAYBE_TEXT,
        "workers": _MAYBE_TEXT,
        "fidelity": _MAYBE_DICT,
        "given": _MAYBE_DICT,
        "recipe": _MAYBE_DICT,
        "space": _MAYBE_DICT,
        "identity": _MAYBE_DICT,
        "versions": _MAYBE_DICT,
    },
    EventKind.PREPARED: {"strategy": (str,), "what": (str,), "detail": _MAYBE_DICT},
    EventKind.TRIAL_PROPOSED: {
        "trial": (int,),
        "values": (dict,),
        "origin": (str,),
        "fidelity": _MAYBE_DICT,
        "parent": (int, NoneType),
        "how": _MAYBE_TEXT,
        "ancestors": (list, tuple, NoneType),
    },
    EventKind.TRIAL_STARTED: {
        "trial": (int,),
        "attempt": (int, NoneType),
        "seed": (int, NoneType),
        "epochs": _MAYBE_NUMBER,
        "from_epoch": (int, NoneType),
        "worker": (int, NoneType),
    },
    EventKind.TRIAL_BUILT: {"trial": (int,), "costs": (dict,), "note": _MAYBE_TEXT},
    EventKind.EPOCH_ENDED: {
        "trial": (int,),
        "epoch": (int,),
        "logs": (dict,),
        "duration_s": _MAYBE_NUMBER,
    },
    EventKind.TRIAL_ENDED: {
        "trial": (int,),
        "status": (str,),
        "score": _MAYBE_NUMBER,
        "reason": _MAYBE_TEXT,
        "duration_s": _MAYBE_NUMBER,
        "checkpoint": _MAYBE_TEXT,
        "exit_code": (int, NoneType),
        "standard_error": _MAYBE_NUMBER,
    },
    EventKind.STEERED: {"action": (str,), "detail": _MAYBE_DICT},
    EventKind.SEARCH_CLOSED: {"state": (str,), "reason": _MAYBE_TEXT},
}
"""The fields that are interpreted, and their types; only where None is one may it be left out."""

_NUMBERS_IN = {EventKind.EPOCH_ENDED: "logs", EventKind.TRIAL_BUILT: "costs"}
_GRANTS_IN = (EventKind.TRIAL_PROPOSED, EventKind.SEARCH_OPENED)
_RANGES = {
    "duration_s": (-1e12, 1e12),
    "epochs": (0, 1e12),
    "epoch": (-1e12, 1e12),
    "attempt": (0, 1e12),
    "worker": (0, 1e12),
    "exit_code": (-1e12, 1e12),
    "standard_error": (0, sys.float_info.max),
    "steps_per_epoch": (0, 1e12),
}
_LAST_TIME = 1e11
"""Seconds: a clock that says more, or less than 0, is none."""


# json.loads would guess the encoding of every line, which costs as much as reading it.
class _KeyTwiceError(ValueError):
    """An object has a key twice, and nobody knows which value counts."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise _KeyTwiceError(next(name for name in names if names.count(name) > 1))
    return made


_parse = json.JSONDecoder(object_pairs_hook=_object).raw_decode

# JSON has no word for these floats, so they travel as strings. A *string* that reads the same
# travels with a backslash before it, and so everything comes back as it went.
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def check_line(event: Event) -> None:
    """Raises JournalError unless a line of a file says when it was written, in a known format."""
    time = event.get("time")
    if not _is_number(time) or not 0 <= time <= _LAST_TIME:
        raise JournalError(f"Expected time in seconds in {event['event']}. Received: {time!r}.")
    if event["event"] == EventKind.SEARCH_OPENED:
        check_version(event)


def check_fields(event: Event) -> None:
    """Raises JournalError unless the event has the fields of its kind, with their types."""
    kind = event["event"]
    for name, types in FIELDS.get(kind, {}).items():
        value = event.get(name)
        if not isinstance(value, types) or not _is_usual(name, value):
            expected = " or ".join(one.__name__ for one in types)
            raise JournalError(
                f"Expected {name} of type {expected} in {kind}. Received: {short(value)}."
            )
    if kind in _NUMBERS_IN:
        for name, number in event[_NUMBERS_IN[kind]].items():
            if type(number) is not float and not _is_number(number):
                raise JournalError(
                    f"Expected numbers in the {_NUMBERS_IN[kind]} of {kind}. "
                    f"Received: {name}={short(number)}."
                )
    if kind in _GRANTS_IN and event.get("fidelity"):
        _check_grants(event["fidelity"], kind)
    if kind == EventKind.SEARCH_OPENED:
        _check_given(event)
        _check_given(event.get("given") or {})


def _is_usual(name: str, value: Any) -> bool:
    """Whether a value that has its type is also in its range; True and False are no numbers."""
    if isinstance(value, int) and not _is_number(value):
        return False
    if name == "checkpoint" and value is not None:
        parts = value.replace("\\", "/").split("/")
        return ".." not in parts and parts[0] != "" and ":" not in value and "\0" not in value
    if value is None or name not in _RANGES:
        return True
    low, high = _RANGES[name]
    return bool(low <= value <= high)


def _is_number(value: Any) -> TypeGuard[int | float]:
    """Whether a value is a number, of a size that a float has."""
    return is_number(value) and (isinstance(value, float) or value.bit_length() < 1024)


def _check_given(said: dict[str, Any]) -> None:
    """Checks what a session says of its strategy and budget, now or as code asked for them."""
    expected = {"strategy": _MAYBE_TEXT, "options": _MAYBE_DICT, "budget": _MAYBE_DICT}
    for name, types in expected.items():
        if not isinstance(said.get(name), types):
            raise JournalError(f"Expected {name} as it was written. Received: {short(said[name])}.")
    _check_limits(said.get("budget") or {})


def _check_limits(budget: dict[str, Any]) -> None:
    for name, limit in budget.items():
        if limit is not None and not _is_number(limit):
            raise JournalError(f"Expected numbers in a budget. Received: {name}={short(limit)}.")


def _check_grants(fidelity: dict[str, Any], kind: str) -> None:
    for name, amount in fidelity.items():
        usual = amount is None or isinstance(amount, bool) or _is_number(amount)
        if not usual or (name == "epochs" and not (_is_number(amount) and 0 <= amount <= 1e12)):
            raise JournalError(
                f"Expected numbers in the fidelity of {kind}. Received: {name}={short(amount)}."
            )


def short(value: Any) -> str:
    """Returns what came, in at most a line."""
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a number of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:199]}…"


def make_event(kind: EventKind | str, time: float, fields: dict[str, Any]) -> Event:
    """Returns the event with its kind and time first."""
    if kind not in FIELDS:
        raise JournalError(
            f"Expected a kind of event: {', '.join(FIELDS)}. Received: {kind!r}."
            f"{nearest(str(kind), FIELDS)}"
        )
    event: Event = {"event": str(kind), "time": time, **fields}
    if kind == EventKind.SEARCH_OPENED:
        event.setdefault("journal", JOURNAL_VERSION)
    return event


_JSON = json.JSONEncoder(allow_nan=False)


def encode(event: Event) -> bytes:
    """Returns the event as one line of ASCII JSON: NumPy's numbers as Python's, NaN as a string."""
    try:
        text = _JSON.encode(event)
    except (TypeError, ValueError, RecursionError):
        text = ""
    if not text or 'NaN"' in text or 'Infinity"' in text:  # seldom, and as long as all the rest
        text = _encoded_by_word(event)
    return text.encode("ascii") + b"\n"


def _encoded_by_word(event: Event) -> str:
    try:
        return _JSON.encode(_to_words(event))
    except (TypeError, ValueError, RecursionError) as error:
        raise JournalError(
            f"Expected fields of text, numbers, lists and dicts in a {event['event']} event. "
            f"Received: {event!r} ({error})."
        ) from error


def decode(line: bytes) -> Event | None:
    """Returns the event of one line, or None if the line doesn't hold a whole event."""
    if not line.endswith(b"\n"):
        return None
    try:
        text = line.decode("utf-8").strip()
        event, end = _parse(text)
    except (ValueError, RecursionError):
        return None
    if end != len(text) or not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return None
    if b'NaN"' in line or b'Infinity"' in line:
        event = {name: _from_words(value) for name, value in event.items()}
    return event


_MARKS = {codecs.BOM_UTF8: "a mark of UTF-8", codecs.BOM_UTF16_LE: "UTF-16"}
_MARKS |= {codecs.BOM_UTF16_BE: "UTF-16", b'{\0"': "UTF-16", b'\0{\0"': "UTF-16"}


def fault(line: bytes) -> str:
    """Returns why a line holds no event, as a clause that follows what it holds; else ''."""
    for mark, what in _MARKS.items():
        if line.startswith(mark):
            return f", which begins with {what}: save the file as UTF-8 without a mark"
    try:
        _parse(line.decode("utf-8").strip())
    except _KeyTwiceError as error:
        return f", with {str(error)!r} twice"
    except UnicodeDecodeError as error:
        return f", with a byte at {error.start} that is no UTF-8"
    except (ValueError, RecursionError):
        return ""
    return ""


def has_more(start: bytes) -> bool:
    """Tells whether bytes that begin an event go on after its end: they are of several lines."""
    try:
        text = start.decode("utf-8")
        return _parse(text)[1] < len(text.rstrip())
    except (ValueError, RecursionError):
        return False


def _to_words(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _to_words(item) for key, item in value.items()}
    value = plain(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, str) and value.lstrip("\\") in _WORDS:
        return "\\" + value
    if isinstance(value, (list, tuple)):
        return [_to_words(item) for item in value]
    return value


def _from_words(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip("\\") in _WORDS:
        return value[1:] if value.startswith("\\") else _WORDS[value]
    if isinstance(value, dict):
        return {key: _from_words(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_from_words(item) for item in value]
    return value


ENDS = (TrialStatus.COMPLETED, TrialStatus.FAILED, TrialStatus.STOPPED)
DIRECTIONS = ("max", "min")


def check_version(event: Event) -> None:
    """Raises JournalError if the session was written in a newer format than this one."""
    version = event.get("journal") or 1
    if not _is_number(version) or version > JOURNAL_VERSION:
        raise JournalError(
            f"Expected a journal of format {JOURNAL_VERSION} or older. Received: format "
            f"{short(version)}, written by a newer nas_nb. Nothing was changed; update nas_nb to "
            "open it."
        )


def check_opening(event: Event, direction: str, objective: str, scored: bool) -> None:
    """Raises JournalError if a session would compare scores that can't be compared."""
    check_version(event)
    if event["direction"] not in DIRECTIONS:
        raise JournalError(f"Expected direction 'max' or 'min'. Received: {event['direction']!r}.")
    if scored and (event["direction"], event["objective"]) != (direction, objective):
        raise JournalError(
            f"Expected the objective that this journal holds scores of, {objective} ({direction}). "
            f"Received: {event['objective']} ({event['direction']}). "
            "Use another directory for another objective."
        )


def check_trial(event: Event, drafts: Sequence[TrialDraft]) -> None:
    """Raises JournalError unless the event may happen to its trial now."""
    kind, number = event["event"], event["trial"]
    if kind == EventKind.TRIAL_PROPOSED:
        if number != len(drafts):
            raise JournalError(f"Expected trial {len(drafts)} to be proposed. Received: {number}.")
        return
    if not 0 <= number < len(drafts):
        raise JournalError(
            f"Expected a trial that was proposed, 0 to {len(drafts) - 1}. Received: {number}."
        )
    draft = drafts[number]
    allowed = _allowed(kind)
    if draft.status not in allowed:
        raise JournalError(
            f"Expected {kind} for a trial that is {' or '.join(allowed)}. "
            f"Received: trial {number}, which is {draft.status}."
        )
    if kind == EventKind.EPOCH_ENDED and event["epoch"] <= draft.last_epoch:
        raise JournalError(
            f"Expected an epoch after {draft.last_epoch} of trial {number}. "
            f"Received: epoch {event['epoch']}. A new attempt begins with trial_started."
        )
    if kind == EventKind.TRIAL_ENDED and event["status"] not in ENDS:
        raise JournalError(f"Expected status {' or '.join(ENDS)}. Received: {event['status']!r}.")


def check_parent(event: Event, drafts: Sequence[TrialDraft]) -> None:
    """Raises JournalError if a proposal names a parent that was not proposed before it."""
    # Only what is written is held to it: a journal that names one already has to stay readable.
    parent = event.get("parent")
    if event["event"] == EventKind.TRIAL_PROPOSED and not is_known_parent(parent, len(drafts)):
        known = f"0 to {len(drafts) - 1}, or" if drafts else "here"
        raise JournalError(
            f"Expected as parent of trial {len(drafts)} one that was proposed before it, {known} "
            f"None. Received: parent={parent!r}."
        )


def is_known_parent(parent: int | None, trials: int) -> bool:
    """Tells whether a parent is none, or one of the trials."""
    return parent is None or 0 <= parent < trials


_OPEN = (TrialStatus.PROPOSED, TrialStatus.RUNNING, TrialStatus.STOPPED)
_RUNNING = (TrialStatus.RUNNING,)
_NOT_COMPLETED = (*_OPEN, TrialStatus.FAILED)


def _allowed(kind: str) -> tuple[TrialStatus, ...]:
    if kind == EventKind.TRIAL_STARTED:
        return _NOT_COMPLETED
    return _RUNNING if kind == EventKind.EPOCH_ENDED else _OPEN


USER = "user"
"""The origin of a trial that nobody but the user asked for."""


class SteerAction(StrEnum):
    """What a `steered` event does; docs/journal.md tells what its `detail` says."""

    PAUSE = "pause"
    """The search waits."""
    RESUME = "resume"
    """It goes on."""
    STOP_TRIAL = "stop_trial"
    """A running trial ends with what it has."""
    MORE_EPOCHS = "more_epochs"
    """A trial gets more; one that has completed is continued by a new trial, its child."""
    RESTRICT = "restrict"
    """Only a part of the space is proposed from, in this and in later sessions."""
    UNRESTRICT = "unrestrict"
    """Restrictions are lifted."""
    QUEUE = "queue"
    """A hand-made candidate becomes the next trial."""
    UNQUEUE = "unqueue"
    """All candidates that wait are dropped."""
    STRATEGY = "strategy"
    """Another one proposes, until a session opens with its own."""
    BUDGET = "budget"
    """Other limits, until a session opens with its own."""


def check_steering(event: Event, drafts: Sequence[TrialDraft]) -> None:
    """Raises JournalError unless the event says what its action needs."""
    action, detail = event["action"], event.get("detail") or {}
    for name, types in _DETAILS.get(action, {}).items():
        if not isinstance(detail.get(name), types):
            expected = " or ".join(one.__name__ for one in types)
            came = short(detail.get(name))
            raise JournalError(f"Expected {name} of type {expected} to {action}. Received: {came}.")
    if action == SteerAction.QUEUE:
        plain_values(detail["values"])
    elif action in (SteerAction.STOP_TRIAL, SteerAction.MORE_EPOCHS):
        _check_target(action, detail["trial"], detail.get("epochs", 1), len(drafts))
    elif action == SteerAction.BUDGET:
        _check_limits(detail)
    elif action == SteerAction.RESTRICT:
        _check_rules(detail)


def _check_target(action: str, number: int, epochs: Any, trials: int) -> None:
    if isinstance(number, bool) or not 0 <= number < trials:
        raise JournalError(
            f"Expected {action} for a trial that was proposed, 0 to {trials - 1}. "
            f"Received: {short(number)}."
        )
    if not _is_number(epochs) or not 1 <= epochs <= 1e12:
        raise JournalError(f"Expected 1 or more epochs more. Received: {short(epochs)}.")


def _check_rules(rules: dict[str, Any]) -> None:
    for kind, choices in rules.items():
        if kind not in RULE_KINDS or not isinstance(choices, dict):
            raise JournalError(
                f"Expected rules of the kinds {', '.join(RULE_KINDS)}, each with names and "
                f"values. Received: {kind}={short(choices)}."
            )


RULE_KINDS = ("pin", "without", "at_least", "at_most")
"""As `nas_nb.space.restriction.RuleKind` has them."""


_DETAILS: dict[str, dict[str, tuple[type, ...]]] = {
    SteerAction.PAUSE: {"reason": _MAYBE_TEXT},
    SteerAction.QUEUE: {"values": (dict,)},
    SteerAction.STOP_TRIAL: {"trial": (int,)},
    SteerAction.MORE_EPOCHS: {"trial": (int,), "epochs": (int,)},
    SteerAction.UNRESTRICT: {"names": (list, tuple, NoneType)},
    SteerAction.STRATEGY: {"strategy": (str,), "options": _MAYBE_DICT},
}
