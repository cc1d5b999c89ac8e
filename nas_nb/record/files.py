"""Files of a project: written whole or not at all, and never outside its folder."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


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
        return not path.resolve().is_relative_to(project.resolve())
    except (OSError, RuntimeError):  # a ring of links
        return True
