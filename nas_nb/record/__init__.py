"""What happened: the journal (events on disk) and the history (their fold). Plain data."""

from __future__ import annotations

from nas_nb.record.events import Event, EventKind
from nas_nb.record.history import History, fold
from nas_nb.record.journal import Journal, read_events, read_history
from nas_nb.record.trial import Trial, TrialStatus, Value, Values, values_key

__all__ = [
    "Event",
    "EventKind",
    "History",
    "Journal",
    "Trial",
    "TrialStatus",
    "Value",
    "Values",
    "fold",
    "read_events",
    "read_history",
    "values_key",
]
