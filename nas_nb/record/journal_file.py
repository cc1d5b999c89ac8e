"""The file of a journal: made, locked against other kernels, and found missing."""

from __future__ import annotations

import os
from pathlib import Path

from filelock import FileLock, Timeout

from nas_nb.errors import JournalError, JournalWriteError


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
            "meanwhile nas_nb.record.read_history(path) reads it."
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
