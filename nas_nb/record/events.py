"""The words of the journal: the kinds of event, what each carries, and its form on one line."""

from __future__ import annotations

import json
import math
from enum import StrEnum
from types import NoneType
from typing import Any

from nas_nb.errors import JournalError, nearest
from nas_nb.record.values import plain

Event = dict[str, Any]

JOURNAL_VERSION = 1


class EventKind(StrEnum):
    """What can happen in a search. Every event also carries `event` (its kind) and `time` (unix s).

    Fields in brackets may be left out; a field that no list names is kept and not interpreted.
    """

    SEARCH_OPENED = "search_opened"
    """A session began: objective, direction ("max" or "min"), seed [, strategy, options, space,
    budget, fidelity, data, steps_per_epoch (gradient steps), session, versions]. `journal`, the
    version of the format, is added."""
    PREPARED = "prepared"
    """A strategy did something before its first proposal: strategy (its name), what ("scores",
    "mixing", ...) [, detail]."""
    TRIAL_PROPOSED = "trial_proposed"
    """A candidate got its number: trial (0-based, the next one), values, origin (the strategy's
    name or "user") [, fidelity ({"epochs": 3, ...}: what differs from the search's grant), parent
    (the trial whose weights it starts from, or null)]."""
    TRIAL_STARTED = "trial_started"
    """An attempt at a trial began: trial [, attempt (1-based), seed, epochs (granted, or null),
    from_epoch (epochs of the attempt before, or of the parent, that count on; 0 when it starts
    afresh)]."""
    TRIAL_BUILT = "trial_built"
    """The model exists: trial, costs ({"params": 1234, ...}) [, note (e.g. why the slow path)]."""
    EPOCH_ENDED = "epoch_ended"
    """One epoch was trained: trial, epoch (1-based), logs ({name: number}) [, duration_s]."""
    TRIAL_ENDED = "trial_ended"
    """An attempt ended: trial, status (completed, failed or stopped) [, score, reason,
    duration_s (of this attempt), checkpoint]."""
    STEERED = "steered"
    """Somebody steered: action [, detail]; see `nas_nb.record.steering.SteerAction`."""
    SEARCH_CLOSED = "search_closed"
    """The session ended: state [, reason]."""


_NUMBER = (int, float)
_MAYBE_NUMBER = (int, float, NoneType)
_MAYBE_TEXT = (str, NoneType)

FIELDS: dict[str, dict[str, tuple[type, ...]]] = {
    EventKind.SEARCH_OPENED: {
        "objective": (str,),
        "direction": (str,),
        "seed": (int,),
        "journal": _MAYBE_NUMBER,
        "steps_per_epoch": (int, NoneType),
    },
    EventKind.PREPARED: {"strategy": (str,), "what": (str,)},
    EventKind.TRIAL_PROPOSED: {
        "trial": (int,),
        "values": (dict,),
        "origin": (str,),
        "fidelity": (dict, NoneType),
        "parent": (int, NoneType),
    },
    EventKind.TRIAL_STARTED: {
        "trial": (int,),
        "attempt": _MAYBE_NUMBER,
        "seed": _MAYBE_NUMBER,
        "epochs": _MAYBE_NUMBER,
        "from_epoch": (int, NoneType),
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
    },
    EventKind.STEERED: {"action": (str,)},
    EventKind.SEARCH_CLOSED: {"state": (str,)},
}
"""The fields that are interpreted, and their types; only where None is one may it be left out."""

_NUMBERS_IN = {EventKind.EPOCH_ENDED: "logs", EventKind.TRIAL_BUILT: "costs"}

# json.loads would guess the encoding of every line, which costs as much as reading it.
_parse = json.JSONDecoder().raw_decode

# JSON has no word for these floats, so they travel as strings. A *string* that reads the same
# travels with a backslash before it, and so everything comes back as it went.
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def check_fields(event: Event) -> None:
    """Raises JournalError unless the event has the fields of its kind, with their types."""
    kind = event["event"]
    for name, types in FIELDS.get(kind, {}).items():
        if not isinstance(event.get(name), types):
            expected = " or ".join(one.__name__ for one in types)
            raise JournalError(
                f"Expected {name} of type {expected} in {kind}. Received: {event.get(name)!r}."
            )
    if kind in _NUMBERS_IN:
        for name, number in event[_NUMBERS_IN[kind]].items():
            if not isinstance(number, _NUMBER):
                raise JournalError(
                    f"Expected numbers in the {_NUMBERS_IN[kind]} of {kind}. "
                    f"Received: {name}={number!r}."
                )


def make_event(kind: EventKind | str, time: float, fields: dict[str, Any]) -> Event:
    """Returns the event with its kind and time first.

    Raises:
        JournalError: There is no such kind of event.
    """
    if kind not in FIELDS:
        raise JournalError(
            f"Expected a kind of event: {', '.join(FIELDS)}. Received: {kind!r}."
            f"{nearest(str(kind), FIELDS)}"
        )
    event: Event = {"event": str(kind), "time": time, **fields}
    if kind == EventKind.SEARCH_OPENED:
        event.setdefault("journal", JOURNAL_VERSION)
    return event


def encode(event: Event) -> bytes:
    """Returns the event as one line of ASCII JSON, newline included.

    NumPy numbers and arrays become plain ones. Non-finite floats become "NaN", "Infinity" and
    "-Infinity".

    Raises:
        JournalError: A field holds something that JSON can't say.
    """
    try:
        text = json.dumps(_to_words(event), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise JournalError(
            f"Expected fields of text, numbers, lists and dicts in a {event['event']} event. "
            f"Received: {event!r} ({error})."
        ) from error
    return text.encode("ascii") + b"\n"


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


def _to_words(value: Any) -> Any:
    value = plain(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, str) and value.lstrip("\\") in _WORDS:
        return "\\" + value
    if isinstance(value, dict):
        return {key: _to_words(item) for key, item in value.items()}
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
