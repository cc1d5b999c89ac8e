"""The journal: one search's events on disk, one line each, written by one kernel at a time."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from nas_nb.errors import JournalError
from nas_nb.record.events import Event, EventKind, decode, encode, make_event
from nas_nb.record.history import History
from nas_nb.record.journal_file import acquire, check_there, open_file, unwritable
from nas_nb.record.reading import read_whole

if TYPE_CHECKING:
    from filelock import FileLock

_SYNCED = (EventKind.TRIAL_ENDED, EventKind.SEARCH_OPENED, EventKind.SEARCH_CLOSED)


class Journal:
    """An append-only record of one search, and the history that it adds up to.

    A line counts once it is whole. `append` hands each line to the operating system before it
    returns, so the death of the kernel loses nothing that was appended; ends of trials and
    sessions are also forced to the disk, so a power cut loses the trial in progress at most.
    Use `Journal.open` or `Journal.in_memory`.
    """

    def __init__(self) -> None:
        self.path: Path | None = None
        """The file, or None for a journal in memory."""
        self.history = History()
        """The live fold of the events."""
        self.synced = True
        """Whether ends of trials are forced to the disk: not where they can be had again."""
        self._writing = threading.RLock()
        self._lock: FileLock | None = None
        self._file: int | None = None
        self._end = 0
        self._torn = False
        self._closed = False

    @classmethod
    def in_memory(cls) -> Self:
        """Returns a journal that is kept nowhere: same events, same history, no file."""
        return cls()

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Opens a journal to write, and folds what it holds; a torn last line is cut off.

        Args:
            path: The file. It and its folder are made if missing; `<path>.lock` beside it keeps
                other kernels from writing until `close`, or the death of this kernel.

        Raises:
            JournalError: Another kernel (or another handle of this one) writes it, it can't be
                written, a newer nas_nb wrote it, or a line in the middle is corrupt. The file is
                as it was.
        """
        journal = cls()
        journal.path = Path(path).absolute()
        journal._lock = acquire(journal.path)
        try:
            journal._file = open_file(journal.path)
            journal.history, journal._end = read_whole(journal.path)
            if os.fstat(journal._file).st_size > journal._end:
                os.truncate(journal._file, journal._end)
        except BaseException as error:
            journal.close()
            if isinstance(error, OSError):
                raise unwritable(journal.path, error) from error
            raise
        return journal

    def append(self, kind: EventKind | str, /, **fields: Any) -> Event:
        """Writes one event, then adds it to the history; any thread may call it.

        Args:
            kind: What happened.
            fields: What that kind carries. NumPy numbers are written as plain ones.

        Returns:
            The event as a reader of the file will see it, with its time.

        Raises:
            JournalError: The event can't happen now.
            JournalWriteError: It can't be written (a full disk, a deleted folder).
                In both cases file and history are as before, and a later append may succeed.
        """
        line = encode(make_event(kind, time.time(), fields))
        event = decode(line)
        assert event is not None
        with self._writing:
            if self._closed:
                raise JournalError(f"Expected an open journal. Received: {kind} after close().")
            self.history.check(event)
            if self.path is not None:
                self._write(self.path, line, sync=self.synced and kind in _SYNCED)
            self.history.apply(event)
        return event

    def recreate(self) -> None:
        """Puts the file back if it, or its folder, was deleted; what it held is not lost.

        Raises:
            JournalWriteError: It can't be written there.
        """
        with self._writing:
            if self.path is None or self._file is None or os.fstat(self._file).st_nlink:
                return
            # The deleted file lives on while it is open here.
            held = os.pread(self._file, self._end, 0)
            lock = acquire(self.path)
            try:
                file = open_file(self.path)
                os.write(file, held)
                os.fsync(file)
            except OSError as error:
                lock.release()
                raise unwritable(self.path, error) from error
            os.close(self._file)
            self._file, self._lock, self._torn = file, lock, False

    def close(self) -> None:
        """Lets other kernels write; the history stays readable. May be called again."""
        with self._writing:
            self._closed = True
            if self._file is not None:
                os.close(self._file)
                self._file = None
            if self._lock is not None:
                self._lock.release()
                self._lock = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, path: Path, line: bytes, sync: bool) -> None:
        assert self._file is not None
        try:
            check_there(path, self._file)
            if self._torn:
                os.truncate(self._file, self._end)
            self._torn = True
            written = 0
            while written < len(line):
                written += os.write(self._file, line[written:])
            if sync:
                os.fsync(self._file)
        except OSError as error:
            # Half a line must not stay: the next one would be glued to it.
            with suppress(OSError):
                os.truncate(self._file, self._end)
                self._torn = False
            raise unwritable(path, error) from error
        self._torn = False
        self._end += len(line)
