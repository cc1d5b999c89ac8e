"""A search played back: the history as it was after any of its events."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Self

from nas_nb.errors import JournalError, SearchError
from nas_nb.record.events import Event, EventKind
from nas_nb.record.history import History
from nas_nb.record.journal import (
    JOURNAL_FILE,
    CompressedCopy,
    at_line,
    interpreting,
    parse_lines,
    whole_lines,
)
from nas_nb.search.folder import named_folder
from nas_nb.space.domain import Domain

if TYPE_CHECKING:
    from nas_nb.record.trial import Trial

_ENDS = ("completed", "failed")


class Playback:
    """The events of a journal, and the history that any number of the first of them adds up to.

    A step forward costs what the events between cost; a step back folds the journal anew. The
    events are kept compressed, and read when a position needs them.

    Attributes:
        name: What the search is called.
        domain: The space.
        events: How many happened.
        stops: How many events had happened at the start, when each trial ended, and at the end.
        position: How many events `history` is the fold of.
        history: What had happened by then.
    """

    def __init__(self, lines: Iterable[tuple[int, bytes, Event]], path: Path) -> None:
        self._path = path
        self._lines = CompressedCopy()
        self._began = self._time = 0.0
        opening, opened_at, ends = None, 0, array("L")
        self.events = 0
        for number, line, event in lines:
            self._lines.add(line)
            self._began = event["time"] if number == 1 else self._began
            self.events = number
            if opening is None and event["event"] == EventKind.SEARCH_OPENED:
                opening, opened_at = event, number
            elif _ends(event):
                ends.append(number)
        if opening is None or not opening.get("space"):
            raise SearchError(
                f"Expected the journal of a search and its space. Received: {path} without one."
            )
        self.name = str(opening.get("search") or path.parent.name)
        with interpreting("a space", opened_at, path):
            self.domain = Domain.from_json(opening["space"])
        self.stops = (opened_at, *ends)
        self._rewind()
        self.to(len(self.stops) - 1)

    @classmethod
    def open(cls, directory: str | Path) -> Self:
        """Reads a search's folder, or its journal; also while the search runs."""
        path = named_folder(directory)
        path = path / JOURNAL_FILE if path.suffix != ".jsonl" else path
        if not path.exists():
            raise SearchError(
                f"There is no search to play back in {path.parent}: expected a {path.name} there."
            )
        return cls(whole_lines(path), path)

    def _rewind(self) -> None:
        self.history, self.position, self._time = History(), 0, self._began
        self._next = parse_lines(self._lines.lines(), self._path)
        self._steered: tuple[list[Event], list[Event]] = [], []

    def __len__(self) -> int:
        return len(self.stops) - 1

    def at(self, event: int) -> History:
        """Returns the history after so many events; it moves with this object."""
        if not 0 <= event <= self.events:
            raise SearchError(
                f"Expected a number of events from 0 to {self.events}. Received: {event}."
            )
        if event < self.position:
            self._rewind()
        for number, _, happened in islice(self._next, event - self.position):
            try:
                self.history.apply(happened)
            except JournalError as error:
                raise at_line(error, number, self._path) from error
            self._time = happened["time"]
            if _ends(happened):
                self._steered = self._steered[1], []
            elif happened["event"] == EventKind.STEERED:
                self._steered[1].append(happened)
        self.position = event
        return self.history

    def to(self, trials: int) -> History:
        """Returns the history at the moment when so many trials had ended; see `at`."""
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
        return self._time - self._began

    @property
    def steered(self) -> list[Event]:
        """What was steered since the trial before the latest ended."""
        return [*self._steered[0], *self._steered[1]]


def _ends(event: Event) -> bool:
    return event["event"] == EventKind.TRIAL_ENDED and event.get("status") in _ENDS
