"""A search played back: the history as it was after any of its events."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Self

from nas_nb.errors import SearchError
from nas_nb.record.events import Event, EventKind
from nas_nb.record.history import History
from nas_nb.record.journal import JOURNAL_FILE, read_events
from nas_nb.space.domain import Domain

if TYPE_CHECKING:
    from nas_nb.record.trial import Trial

_ENDS = ("completed", "failed")


class Playback:
    """The events of a journal, and the history that any number of the first of them adds up to.

    A step forward costs what the events between cost; a step back folds the journal anew.

    Args:
        events: All of them, in order.
        name: What the search is called.

    Attributes:
        domain: The space.
        stops: How many events had happened at the start, when each trial ended, and at the end.
        position: How many events `history` is the fold of.
        history: What had happened by then.

    Raises:
        SearchError: There is none.
    """

    def __init__(self, events: Iterable[Event], name: str = "search") -> None:
        self.events = list(events)
        opening = next((e for e in self.events if e["event"] == EventKind.SEARCH_OPENED), None)
        if opening is None or not opening.get("space"):
            raise SearchError("Expected the journal of a search and its space, got one without.")
        self.name = str(opening.get("search") or name)
        self.domain = Domain.from_json(opening["space"])
        ends = [number for number, event in enumerate(self.events, 1) if _ends(event)]
        self.stops = (self.events.index(opening) + 1, *ends)
        self.position = 0
        self.history = History()
        self.to(len(self.stops) - 1)

    @classmethod
    def open(cls, directory: str | Path) -> Self:
        """Reads a search's folder, or its journal; also while the search runs.

        Raises:
            SearchError: There is no search.
            JournalError: The journal can't be read.
        """
        path = Path(directory).expanduser().absolute()
        path = path / JOURNAL_FILE if path.suffix != ".jsonl" else path
        if not path.is_file():
            raise SearchError(
                f"There is no search to play back in {path.parent}: expected a {path.name} there."
            )
        return cls(read_events(path), path.parent.name)

    def __len__(self) -> int:
        return len(self.stops) - 1

    def at(self, event: int) -> History:
        """Returns the history after so many events; it is that of this object, and moves with it.

        Args:
            event: From 0, before anything happened, to the number of events.

        Raises:
            SearchError: There are not so many.
        """
        if not 0 <= event <= len(self.events):
            raise SearchError(
                f"Expected a number of events from 0 to {len(self.events)}. Received: {event}."
            )
        if event < self.position:
            self.history, self.position = History(), 0
        for happened in self.events[self.position : event]:
            self.history.apply(happened)
        self.position = event
        return self.history

    def to(self, trials: int) -> History:
        """Returns the history at the moment when so many trials had ended; see `at`.

        Raises:
            SearchError: There are not so many.
        """
        if not 0 <= trials <= len(self):
            raise SearchError(
                f"Expected a number of trials from 0 to {len(self)}. Received: {trials}."
            )
        return self.at(self.stops[trials])

    @property
    def latest(self) -> Trial | None:
        """The trial that ended last, at this position."""
        finished = self.history.finished
        return finished[-1] if finished else None

    @property
    def seconds(self) -> float:
        """Seconds from the first event to this position, as clocks on walls count them."""
        last = self.events[max(self.position - 1, 0)]
        return float(last["time"]) - float(self.events[0]["time"])


def _ends(event: Event) -> bool:
    return event["event"] == EventKind.TRIAL_ENDED and event["status"] in _ENDS
