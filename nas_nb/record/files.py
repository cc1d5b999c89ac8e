"""Files of a project: written whole or not at all, and never outside its folder."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nas_nb.errors import NasError, check_type, reason_of, shown

_REMEDIES = {
    errno.ENOENT: "Make the folder that it is to be in.",
    errno.ENOTDIR: "A part of it is a file: take the path of a folder.",
    errno.EISDIR: "It is a folder: add the name of a file.",
    errno.EEXIST: "It is a file: take the path of a folder.",
    errno.ENOSPC: "Make room on the disk, or take another one.",
    errno.EDQUOT: "Make room in your quota, or take another disk.",
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "Take a folder that you may change."),
}


def given_path(path: object, error: type[NasError]) -> Path:
    """Returns a path that a user gave; raises unless it is one that a file system can have."""
    check_type("path", path, (str, os.PathLike), "a path", error=error)
    with suppress(UnicodeEncodeError, RuntimeError):  # a lone surrogate; no home folder
        if b"\0" not in os.fsencode(path):  # type: ignore[arg-type]
            return Path(path).expanduser()  # type: ignore[arg-type]
    raise error(f"Expected a path that a file can have. Received: {shown(path)}.")


@contextmanager
def writing(path: Path, error: type[NasError], *, folder: bool = False) -> Iterator[None]:
    """Says in one sentence why a path that a user gave can't be written, and what to do."""
    try:
        path.parent.stat()
        if not path.parent.is_dir():
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if path.is_dir() and not folder:
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        if folder:
            path.mkdir(exist_ok=True)
        yield
    except OSError as cause:
        remedy = _REMEDIES.get(cause.errno or 0, "Take another path.")
        raise error(
            f"Expected a path that can be written. Received: {str(path)!r}, and the system said: "
            f"{reason_of(cause)}. {remedy}"
        ) from cause


def write_whole(path: Path, parts: Iterable[bytes | memoryview], *, sync: bool = True) -> None:
    """Writes a file beside its place and renames it: a reader finds all of it or none."""
    # A name that nobody else has, and O_EXCL: never through a link, never over another's file.
    partial = path.with_name(f"partial_{secrets.token_hex(4)}_{path.name}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    file = os.open(partial, flags, 0o666)
    try:
        try:
            for part in parts:
                write_all(file, part)
            if sync:
                force(file)
        finally:
            os.close(file)
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise


def write_all(file: int, data: bytes | memoryview) -> None:
    """Writes all bytes to a descriptor: `os.write` may take fewer."""
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


_NO_SYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EBADF)


def force(file: int) -> None:
    """Forces a file to the disk, where its file system can do that."""
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def sync_folder(folder: Path) -> None:
    """Forces the names in a folder to the disk, where folders can be opened."""
    if os.name == "posix":
        file = os.open(folder, os.O_RDONLY)
        try:
            force(file)
        finally:
            os.close(file)


def is_plain(file: Path) -> bool:
    """Tells whether this is a file of its folder, not a pipe, which would be waited for."""
    return file.is_file() and not leads_out(file, file.parent)


def leads_out(path: Path, project: Path) -> bool:
    """Tells whether a path, with its links resolved, is outside a project folder."""
    try:
        usual = path.parent == project and path.name != ".." and os.name == "posix"
        if usual and not path.is_symlink():
            return False  # after every trial: for a tenth of the time
        return not path.resolve().is_relative_to(project.resolve())
    except (OSError, RuntimeError):  # a ring of links
        return True
