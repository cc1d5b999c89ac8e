"""What happened, line by line: the latest events in words."""

from __future__ import annotations

import html
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nas_nb.notebook.deeds import steering_text
from nas_nb.notebook.wording import number_text, values_text
from nas_nb.record.trial import TrialStatus

if TYPE_CHECKING:
    from nas_nb.record.history import History, Trial

LINES = 200


def log_lines(history: History, most: int = LINES) -> list[str]:
    """Returns the latest lines, newest first.

    Args:
        history: What happened.
        most: How many lines, at most.
    """
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
    score = f"{history.objective} {number_text(trial.score)}"
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
