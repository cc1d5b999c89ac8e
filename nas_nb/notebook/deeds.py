"""What somebody did to a search, in words."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nas_nb.notebook.tables import table
from nas_nb.notebook.wording import value_text, values_text
from nas_nb.record.steering import SteerAction
from nas_nb.space.restriction import rules_of

if TYPE_CHECKING:
    from nas_nb.record.history import History


def steering_text(event: Mapping[str, Any]) -> str:
    """Returns a steering event in words: 'restricted: units at least 64'."""
    action, detail = str(event["action"]), event.get("detail") or {}
    tell = _TELL.get(action)
    return tell(detail) if tell is not None else _plain(action, detail)


def steering_table(history: History, most: int) -> str:
    """Returns the latest steering actions, latest first, with their times; '' if there are none."""
    rows = [
        (time.strftime("%H:%M:%S", time.localtime(event["time"])), steering_text(event))
        for event in reversed(history.steering[-most:])
    ]
    return table("What was steered, latest first", ("time", "action"), rows) if rows else ""


def _plain(action: str, detail: Mapping[str, Any]) -> str:
    said = ", ".join(f"{name} {value}" for name, value in detail.items() if value is not None)
    name = action.replace("_", " ")
    return f"{name}: {said}" if said else name


def _strategy(detail: Mapping[str, Any]) -> str:
    options = (detail.get("options") or {}).items()
    told = ", ".join(f"{name}={value}" for name, value in options if value is not None)
    return f"strategy changed to {detail.get('strategy')}{f' ({told})' if told else ''}"


def _budget(detail: Mapping[str, Any]) -> str:
    limits = ((name, "lifted" if v is None else value_text(v)) for name, v in detail.items())
    return f"budget changed: {', '.join(f'{name} {limit}' for name, limit in limits)}"


def _released(detail: Mapping[str, Any]) -> str:
    names = ", ".join(detail.get("names") or ())
    return f"restrictions lifted{f' of {names}' if names else ''}"


def _paused(detail: Mapping[str, Any]) -> str:
    reason = detail.get("reason")
    return f"paused: {reason}" if reason else "paused"


_TELL: dict[str, Callable[[Mapping[str, Any]], str]] = {
    SteerAction.PAUSE: _paused,
    SteerAction.RESUME: lambda detail: "resumed",
    SteerAction.RESTRICT: lambda detail: f"restricted: {'; '.join(map(str, rules_of(detail)))}",
    SteerAction.RELEASE: _released,
    SteerAction.QUEUE: lambda detail: f"queued: {values_text(detail['values'])}",
    SteerAction.UNQUEUE: lambda detail: "queue emptied",
    SteerAction.STOP_TRIAL: lambda detail: f"trial {detail['trial']} stopped",
    SteerAction.MORE_EPOCHS: lambda detail: (
        f"{detail['epochs']} more epochs for trial {detail['trial']}"
    ),
    SteerAction.STRATEGY: _strategy,
    SteerAction.BUDGET: _budget,
}
