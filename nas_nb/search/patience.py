"""A journal whose writer waits for room on the disk, instead of losing what was measured."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from nas_nb.errors import JournalWriteError
from nas_nb.record.journal import Journal

if TYPE_CHECKING:
    from nas_nb.record.events import Event, EventKind


class PatientJournal(Journal):
    """A journal that asks what to do when it can't be written, and then tries again.

    Attributes:
        on_blocked: Called with the error when an event can't be written (a full disk, a deleted
            folder); it returns when another try makes sense, or raises. None raises the error.
    """

    def __init__(self) -> None:
        super().__init__()
        self.on_blocked: Callable[[JournalWriteError], None] | None = None

    def append(self, kind: EventKind | str, /, **fields: Any) -> Event:
        """Writes one event, however long that takes. Arguments and result as `Journal.append`."""
        while True:
            try:
                return self.append_now(kind, **fields)
            except JournalWriteError as error:
                if self.on_blocked is None:
                    raise
                self.on_blocked(error)
            with suppress(JournalWriteError):
                self.recreate()  # if it fails the next try says so

    def append_now(self, kind: EventKind | str, /, **fields: Any) -> Event:
        """Writes one event or raises at once, as `Journal.append`."""
        return super().append(kind, **fields)
