"""Reading a journal: its events, their fold, and what its latest session was opened with."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nas_nb.errors import JournalError
from nas_nb.record.events import Event, EventKind, decode
from nas_nb.record.history import History
from nas_nb.record.rules import check_version

_OPENED = f'"{EventKind.SEARCH_OPENED}"'.encode()


def read_events(path: str | Path) -> Iterator[Event]:
    """Yields the events of a journal, also while another kernel writes it; takes no lock.

    A last line that was torn (the writer died or is still at it) is left out.

    Raises:
        JournalError: There is no such file, a newer nas_nb wrote it, or a line in the middle
            is corrupt (the message has its number).
    """
    for _, _, event in whole_lines(Path(path)):
        yield event


def read_history(path: str | Path) -> History:
    """Returns the history of a journal, also while another kernel writes it; takes no lock.

    Raises:
        JournalError: As `read_events`; or an event can't follow those before it.
    """
    history, _ = read_whole(Path(path))
    return history


def read_opening(path: str | Path) -> Event | None:
    """Returns the event that opened the latest session, or None if there is none.

    The other lines are passed over: what is damaged there, `read_history` finds.

    Raises:
        JournalError: There is no such file, or a newer nas_nb wrote it.
    """
    with _readable(Path(path)), Path(path).open("rb") as file:
        lines = [line for line in file if _OPENED in line]
    for event in map(decode, reversed(lines)):
        if event is not None and event["event"] == EventKind.SEARCH_OPENED:
            check_version(event)
            return event
    return None


def whole_lines(path: Path) -> Iterator[tuple[int, int, Event]]:
    """Yields the number (from 1), the end (in bytes) and the event of each line."""
    end = 0
    with _readable(path), path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            event = decode(line)
            if event is None:
                if next(file, None) is None:
                    return
                raise JournalError(
                    f"Expected an event on line {number} of {path}. Received: {line[:80]!r}. "
                    "Nothing was changed; mend or delete that line."
                )
            end += len(line)
            if event["event"] == EventKind.SEARCH_OPENED:
                check_version(event)
            yield number, end, event


def read_whole(path: Path) -> tuple[History, int]:
    """Returns the history of a journal, and where its last whole line ends, in bytes."""
    history, end = History(), 0
    with _uncollected():
        for number, end_of_line, event in whole_lines(path):
            try:
                history.apply(event)
            except JournalError as error:
                raise JournalError(f"{error} (Line {number} of {path}.)") from error
            end = end_of_line
    return history, end


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise JournalError(
            f"Expected a readable journal at {path}. Received: {error.strerror or error}."
        ) from error


@contextmanager
def _uncollected() -> Iterator[None]:
    """Events hold no cycles: to look for some, again and again, takes as long as to read them."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
