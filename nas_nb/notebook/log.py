"""The log: what happened, and what was steered, in words."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nas_nb.notebook.wording import score_text, value_text, values_text
from nas_nb.record.events import SteerAction
from nas_nb.record.trial import TrialStatus
from nas_nb.space.restriction import Rules

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial

LINES = 200


def log_lines(history: History, most: int = LINES) -> list[str]:
    """Returns the latest lines, newest first."""
    happened = [(trial.ended or 0.0, _trial(trial, history)) for trial in history.finished[-most:]]
    happened += [(event["time"], steering_text(event)) for event in history.steering[-most:]]
    happened += [(event["time"], _opening(event)) for event in history.opened[-most:]]
    happened += [(event["time"], _choice(event)) for event in history.prepared if _chose(event)]
    happened.sort(key=lambda pair: pair[0])
    return [f"{_clock(at)}  {text}" for at, text in reversed(happened[-most:])]


def log_html(history: History) -> str:
    """Returns the log as a list that can be scrolled by keyboard, with a name."""
    items = "".join(f"<li>{html.escape(line)}</li>" for line in log_lines(history))
    if not items:
        return ""
    return (
        '<p class="nas-caption">Log, latest first</p>'
        f'<ol class="nas-log" tabindex="0" aria-label="Log, latest first">{items}</ol>'
    )


def _trial(trial: Trial, history: History) -> str:
    if trial.status is TrialStatus.FAILED:
        return f"trial {trial.number} failed: {trial.reason}"
    score = f"{history.objective} {score_text(history, trial)}"
    return f"trial {trial.number} completed: {score} ({values_text(trial.values)})"


def _opening(event: dict[str, object]) -> str:
    session = event.get("session")
    again = f", session {session}" if isinstance(session, int) and session > 1 else ""
    return f"search opened{again}, strategy {event.get('strategy', '')}"


def _chose(event: Mapping[str, Any]) -> bool:
    return event["what"] == "choice" and "reason" in (event.get("detail") or {})


def _choice(event: Mapping[str, Any]) -> str:
    return f"{event['strategy']}: {event['detail']['reason']}"


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def steering_text(event: Mapping[str, Any]) -> str:
    """Returns a steering event in words: 'restricted: units at least 64'."""
    action, detail = str(event["action"]), event.get("detail") or {}
    tell = _TELL.get(action)
    return tell(detail) if tell is not None else _plain(action, detail)


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
    SteerAction.RESTRICT: lambda detail: f"restricted: {Rules.from_json(detail)}",
    SteerAction.UNRESTRICT: _released,
    SteerAction.QUEUE: lambda detail: f"queued: {values_text(detail['values'])}",
    SteerAction.UNQUEUE: lambda detail: "queue emptied",
    SteerAction.STOP_TRIAL: lambda detail: f"trial {detail['trial']} stopped",
    SteerAction.MORE_EPOCHS: lambda detail: (
        f"{detail['epochs']} more epochs for trial {detail['trial']}"
    ),
    SteerAction.STRATEGY: _strategy,
    SteerAction.BUDGET: _budget,
}
