"""`journal.jsonl`: one writer, appended, locked; reading it back."""

from __future__ import annotations

import errno
import gc
import itertools
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Self

from filelock import FileLock, Timeout

from nas_nb.errors import JournalError, JournalWriteError
from nas_nb.record.events import (
    Event,
    EventKind,
    check_fields,
    check_line,
    decode,
    encode,
    fault,
    has_more,
    make_event,
)
from nas_nb.record.files import force, leads_out, sync_folder, write_all, write_whole
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
        self._lock: JournalLock | None = None
        self._file: int | None = None
        self._end = 0
        self._torn = False
        self._closed = False
        self._copy: CompressedCopy | None = None

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
        journal._copy = copy = CompressedCopy()
        try:
            journal._lock = JournalLock(journal.path)
            journal._file = open_file(journal.path)
            journal.history, journal._end = read_whole(journal.path, copy.add)
            if os.fstat(journal._file).st_size > journal._end:
                os.truncate(journal._file, journal._end)
        except BaseException as error:
            journal.close()
            if isinstance(error, OSError):
                raise unwritable(journal.path, error) from error
            raise
        return journal

    def append(self, kind: EventKind | str, /, **fields: Any) -> Event:
        """Writes one event, adds it to the history, and returns it; any thread may call it."""
        line = encode(make_event(kind, time.time(), fields))
        event = decode(line)
        assert event is not None
        with self._writing:
            if self._closed:
                raise JournalError(f"Expected an open journal. Received: {kind} after close().")
            self.history.check(event)
            if self.path is not None:
                self._write(self.path, line, sync=self.synced and kind in _SYNCED)
            self.history.add(event)
        return event

    def recreate(self) -> None:
        """Puts the file back whole if it was removed or changed; another's is kept beside it."""
        with self._writing:
            if self.path is None or self._file is None:
                return
            try:
                self._check_unchanged(self.path, self._file)
            except (OSError, JournalWriteError):
                self._restore(self.path)

    def _restore(self, path: Path) -> None:
        assert self._file is not None
        assert self._copy is not None
        try:
            if self._lock is None or not self._lock.is_ours():
                self._lock = JournalLock(path)
            set_aside(path, self._copy)
            write_whole(path, self._copy.parts())
            file = open_file(path)
        except OSError as error:
            raise unwritable(path, error) from error
        except JournalError as error:
            raise JournalWriteError(str(error)) from error
        os.close(self._file)
        self._file, self._torn = file, False

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

    def __exit__(self, *error: object) -> None:
        self.close()

    def _write(self, path: Path, line: bytes, sync: bool) -> None:
        assert self._file is not None
        assert self._copy is not None
        try:
            self._check_unchanged(path, self._file)
            self._torn = True
            write_all(self._file, line)
            if sync:
                force(self._file)
        except OSError as error:
            # Half a line must not stay: the next one would be glued to it.
            with suppress(OSError):
                self._cut(self._file)
            raise unwritable(path, error) from error
        self._torn = False
        self._end += len(line)
        self._copy.add(line)

    def _cut(self, file: int) -> None:
        """Takes back what an append that failed has left of its line."""
        if self._torn:
            os.truncate(file, self._end)
            self._torn = False

    def _check_unchanged(self, path: Path, file: int) -> None:
        """Raises JournalWriteError if the file isn't where, or what, this journal left."""
        self._cut(file)
        opened, what = os.fstat(file), None
        try:
            if not os.path.samestat(path.stat(), opened):
                what = "replaced"
        except FileNotFoundError:
            what = "moved or deleted"
        if what or opened.st_size != self._end:
            raise JournalWriteError(
                f"Expected the journal {path} as the search left it. Received: it was "
                f"{what or 'changed by something else'} while the search ran. Going on writes it "
                "whole again, and keeps another's file beside it."
            )


class CompressedCopy:
    """What a journal holds, compressed in memory: a twentieth of the file, to write it again."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(1)
        self._parts: list[bytes] = []

    def add(self, data: bytes) -> None:
        """Adds the next bytes."""
        if part := self._packer.compress(data):
            self._parts.append(part)

    def parts(self) -> Iterator[bytes]:
        """Yields all bytes in order."""
        unpacker = zlib.decompressobj()
        for part in (*self._parts, self._packer.copy().flush()):
            yield unpacker.decompress(part)

    def lines(self) -> Iterator[bytes]:
        """Yields all lines in order."""
        rest = b""
        for part in self.parts():
            *whole, rest = (rest + part).split(b"\n")
            yield from (line + b"\n" for line in whole)

    def starts_with(self, file: BinaryIO) -> bool:
        """Tells whether a file holds the first of these bytes and nothing else."""
        for part in self.parts():
            found = file.read(len(part))
            if found != part[: len(found)] or len(found) < len(part):
                return found == part[: len(found)] and not file.read(1)
        return not file.read(1)


def set_aside(path: Path, copy: CompressedCopy) -> None:
    """Renames what stands in a journal's place, unless it is an earlier state of the journal."""
    if not os.path.lexists(path):
        return
    if path.is_file() and not path.is_symlink():
        with path.open("rb") as file:
            if copy.starts_with(file):
                return
    numbers = (path.with_name(f"{path.name}.{number}") for number in itertools.count(1))
    path.rename(next(free for free in numbers if not os.path.lexists(free)))


class JournalLock:
    """The lock of a journal, held; its folder is made."""

    def __init__(self, path: Path) -> None:
        self._path = Path(f"{path}.lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            check_lock_file(self._path)
            # Not thread-local: the search's thread may close what the main thread opened.
            self._lock = FileLock(self._path, timeout=0, thread_local=False)
            self._lock.acquire()
            self._identity = self._path.stat()
        except Timeout as error:
            raise JournalError(
                f"Expected to be the only writer of {path}. Received: it is being written by "
                "another kernel, or by another search of this one. Stop that search or shut that "
                "kernel down; meanwhile nas_nb.record.journal.read_history(path) reads it."
            ) from error
        except (OSError, NotImplementedError) as error:
            # NotImplementedError is filelock's word for a file system that knows no locks.
            if getattr(error, "errno", errno.ENOLCK) in (errno.ENOLCK, errno.EOPNOTSUPP):
                raise JournalWriteError(
                    f"Expected a file system with locks at {path}. Received: one without "
                    f"({error}). Give the search a directory on a disk of this machine."
                ) from error
            raise unwritable(path, error) from error

    def is_ours(self) -> bool:
        """Tells whether the lock that is held is the one that others would meet."""
        try:
            return os.path.samestat(self._path.stat(), self._identity)
        except OSError:
            return False

    def release(self) -> None:
        """Lets others write."""
        self._lock.release()


def check_lock_file(lock: Path) -> None:
    """Raises OSError where a lock would empty another's file: locking opens it to write."""
    if os.path.lexists(lock) and (lock.is_symlink() or not lock.is_file() or lock.stat().st_size):
        raise OSError(f"{lock} is no lock of a journal: move it away")


def open_file(path: Path) -> int:
    """Returns the descriptor of a journal to append to; makes it if it is missing."""
    check_plain(path)
    is_new = not path.exists()
    binary = getattr(os, "O_BINARY", 0)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | binary, 0o666)
    if is_new:
        sync_folder(path.parent)  # a power cut must not lose the name of the file
    return file


def check_plain(path: Path) -> None:
    """Raises OSError if a journal is no plain file of its folder: a pipe would be waited for."""
    if leads_out(path, path.parent):
        raise OSError("it is a link that leads out of its folder")
    if path.exists() and not path.is_file():
        raise OSError("it is a folder" if path.is_dir() else "it is no plain file")


def unwritable(path: Path, error: Exception) -> JournalWriteError:
    """Returns what is raised where a journal can't be written."""
    why = getattr(error, "strerror", None) or str(error)
    return JournalWriteError(
        f"Expected to write the journal {path}. Received: {why}. "
        "Give the search a directory that is writable and has room, or make room in this one."
    )


_OPENED = f'"{EventKind.SEARCH_OPENED}"'.encode()


def read_events(path: str | Path) -> Iterator[Event]:
    """Yields the events of a journal without a lock; a last line that was torn is left out."""
    for _, _, event in whole_lines(Path(path)):
        yield event


def read_history(path: str | Path) -> History:
    """Returns the history of a journal, also while another kernel writes it; takes no lock."""
    history, _ = read_whole(Path(path))
    return history


def find_opening(path: str | Path) -> tuple[int, Event] | None:
    """Returns line and event that opened the latest session, or None; passes over other lines."""
    path, found = Path(path), None
    with _readable(path), path.open("rb") as file:
        for number, line in enumerate(iter(partial(file.readline, _LONGEST), b""), start=1):
            if _OPENED in line and (event := decode(line)) is not None:
                found = (number, event) if event["event"] == EventKind.SEARCH_OPENED else found
    if found is None:
        return None
    number, event = found
    try:
        check_line(event)
        event = translated(event) if is_old(event) else event
        check_fields(event)
    except JournalError as error:
        raise at_line(error, number, path) from error
    return number, event


_LONGEST = 256 * 2**20
"""Bytes that a line may have: more is no journal, and is not read into memory."""
_FIRST = b'{"event": "search_opened"'


def whole_lines(path: Path) -> Iterator[tuple[int, bytes, Event]]:
    """Yields the number (from 1), the bytes and the event of each line."""
    with _readable(path), path.open("rb") as file:
        yield from parse_lines(iter(partial(file.readline, _LONGEST), b""), path)


def parse_lines(lines: Iterator[bytes], path: Path) -> Iterator[tuple[int, bytes, Event]]:
    """Yields the same of the lines of a file that is open, or was read."""
    old = False
    for number, line in enumerate(lines, start=1):
        event = decode(line)
        if event is None:
            if is_torn(line, first=number == 1) and next(lines, None) is None:
                return
            raise JournalError(
                f"Expected an event on line {number} of {path}. Received: {line[:80]!r}"
                f"{fault(line)}. Nothing was changed; {_CURES[number == 1]}."
            )
        try:
            check_line(event)
            if event["event"] == EventKind.SEARCH_OPENED:
                old = is_old(event)
            event = translated(event) if old else event
        except JournalError as error:
            raise at_line(error, number, path) from error
        yield number, line, event


_CURES = (
    "mend or delete that line",
    "mend that line, or move the file away if it is not the journal of a search",
)


def is_torn(line: bytes, first: bool) -> bool:
    """Tells whether a last line is what a writer leaves that died: the start of one, or zeros."""
    # Whatever else stands there somebody has written, and it is not cut off.
    start = line.rstrip(b"\0\r\n")
    if not first and not start:
        return True
    known = _FIRST if first else b"{"
    is_start = start[: len(known)] == known[: len(start)] and bool(start)
    return is_start and b"\n" not in line and b"\r" not in line and not has_more(start)


def read_whole(path: Path, keep: Callable[[bytes], object] | None = None) -> tuple[History, int]:
    """Returns the history of a journal, and where its last whole line ends, in bytes."""
    history, end = History(), 0
    with _uncollected():
        for number, line, event in whole_lines(path):
            try:
                history.apply(event)
            except JournalError as error:
                raise at_line(error, number, path) from error
            end += len(line)
            if keep is not None:
                keep(line)
    return history, end


def at_line(error: JournalError, number: int, path: Path) -> JournalError:
    """Returns what is wrong with an event, and where it stands."""
    return JournalError(f"{error} (Line {number} of {path}.)")


@contextmanager
def interpreting(what: str, number: int, path: Path) -> Iterator[None]:
    """Turns whatever a field of a journal does to its reader into a sentence with its line."""
    try:
        yield
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise JournalError(
            f"Expected {what} that this nas_nb can read on line {number} of {path}. Received: "
            f"{reason[:200]}. It was edited by hand, or written by a later nas_nb; nothing was "
            "changed."
        ) from error


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        check_plain(path)
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
