"""Short words for the events that tests append, and everything that a history says."""

from __future__ import annotations

from typing import Any

from nas_nb.record.history import History
from nas_nb.record.journal import Journal


def opened(direction: str = "max", objective: str = "val_accuracy", **more: Any) -> Journal:
    """Returns a journal in memory with one open session."""
    journal = Journal.in_memory()
    open_session(journal, direction, objective, **more)
    return journal


def open_session(
    journal: Journal, direction: str = "max", objective: str = "val_accuracy", **more: Any
) -> None:
    journal.append("search_opened", **{"seed": 0, **more}, objective=objective, direction=direction)


def propose(journal: Journal, **values: Any) -> int:
    number = len(journal.history)
    journal.append("trial_proposed", trial=number, values=values or {"n": number}, origin="test")
    return number


def start(journal: Journal, **values: Any) -> int:
    number = propose(journal, **values)
    journal.append("trial_started", trial=number, attempt=1, seed=7, epochs=3)
    return number


def end(journal: Journal, number: int, status: str = "completed", **more: Any) -> None:
    journal.append("trial_ended", trial=number, status=status, **more)


def complete(journal: Journal, score: float | None, costs: dict[str, Any] | None = None) -> int:
    number = start(journal)
    if costs is not None:
        journal.append("trial_built", trial=number, costs=costs)
    end(journal, number, score=score)
    return number


def fail(journal: Journal, reason: str) -> int:
    number = start(journal)
    end(journal, number, "failed", reason=reason)
    return number


def numbers(trials: Any) -> list[int]:
    return [trial.number for trial in trials]


def everything(history: History) -> str:
    """Returns all that a history says, as text, in which NaN equals itself."""
    names = [name for name, what in vars(History).items() if isinstance(what, property)]
    return repr({name: getattr(history, name) for name in sorted(names)})
