"""`journal.jsonl`: one writer, appended, locked; reading it back."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout

from nas_nb.errors import JournalError, JournalWriteError
from nas_nb.record.events import Event, EventKind, check_version, decode, encode, make_event
from nas_nb.record.history import History
from nas_nb.record.old_names import is_old, translated

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


def acquire(path: Path) -> FileLock:
    """Returns the lock of a journal, held; makes its folder.

    Raises:
        JournalError: Another kernel, or another handle of this one, writes it.
        JournalWriteError: It can't be made there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not thread-local: the search's thread may close what the main thread opened.
        lock = FileLock(f"{path}.lock", timeout=0, thread_local=False)
        lock.acquire()
    except Timeout as error:
        raise JournalError(
            f"Expected to be the only writer of {path}. Received: it is being written by another "
            "kernel, or by another search of this one. Stop that search or shut that kernel down; "
            "meanwhile nas_nb.record.journal.read_history(path) reads it."
        ) from error
    except (OSError, NotImplementedError) as error:
        # NotImplementedError is filelock's word for a file system that knows no locks.
        raise unwritable(path, error) from error
    return lock


def open_file(path: Path) -> int:
    """Returns the descriptor of a journal to append to; makes it if it is missing."""
    is_new = not path.exists()
    binary = getattr(os, "O_BINARY", 0)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | binary, 0o666)
    if is_new and os.name == "posix":
        # A power cut must not lose the name of the file: it is the folder's content.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return file


def check_there(path: Path, file: int) -> None:
    """Raises FileNotFoundError if the open file has lost its name: writing would succeed."""
    opened = os.fstat(file)
    if opened.st_nlink == 0 and not (path.exists() and os.path.samestat(path.stat(), opened)):
        raise FileNotFoundError("the file was deleted while the search ran")


def unwritable(path: Path, error: Exception) -> JournalWriteError:
    """Returns what is raised where a journal can't be written."""
    why = getattr(error, "strerror", None) or str(error)
    return JournalWriteError(
        f"Expected to write the journal {path}. Received: {why}. "
        "Give the search a directory that is writable and has room, or make room in this one."
    )


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
            return translated(event) if is_old(event) else event
    return None


def whole_lines(path: Path) -> Iterator[tuple[int, int, Event]]:
    """Yields the number (from 1), the end (in bytes) and the event of each line."""
    end, old = 0, False
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
                old = is_old(event)
            yield number, end, translated(event) if old else event


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


JOURNAL_FILE = "journal.jsonl"
