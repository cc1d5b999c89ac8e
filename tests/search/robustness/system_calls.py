"""Counts the system calls that change a folder, and dies or fails at one of them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

CALLS = ("open", "write", "fsync", "mkdir", "replace", "rename", "unlink", "truncate", "rmdir")


class KilledError(BaseException):
    """The process is dead, as far as the folder can tell."""


class SystemCalls:
    """Stands between Python and the operating system, for one folder.

    Args:
        folder: What is changed there counts: files made, written, forced to the disk, renamed,
            cut, removed.
        at: The number of the call, from 1, before which something happens; None for never. Of a
            call that writes, half is done.
        then: What happens. By default KilledError is raised, then and at every later call, so
            that nothing more reaches the folder.

    Attributes:
        made: The names of the calls so far.
    """

    def __init__(
        self, folder: Path, at: int | None = None, then: Callable[[], None] | None = None
    ) -> None:
        self.made: list[str] = []
        self._folder = str(folder)
        self._at = at
        self._then = then or self._die
        self._dead = False
        self._files: set[int] = set()
        self._real = {name: getattr(os, name) for name in (*CALLS, "close")}

    def __enter__(self) -> Self:
        for name in CALLS:
            setattr(os, name, self._wrapped(name))
        os.close = self._close  # type: ignore[assignment]
        return self

    def __exit__(self, *error: object) -> None:
        for name, call in self._real.items():
            setattr(os, name, call)

    def _wrapped(self, name: str) -> Callable[..., Any]:
        real = self._real[name]

        def call(*args: Any, **kwargs: Any) -> Any:
            if not self._counts(name, *args):
                return real(*args, **kwargs)
            if self._dead:
                raise KilledError
            self.made.append(name)
            if len(self.made) == self._at:
                if name == "write":
                    real(args[0], args[1][: len(args[1]) // 2])
                self._then()
            result = real(*args, **kwargs)
            if name == "open":
                self._files.add(result)
            return result

        return call

    def _close(self, file: int) -> None:
        self._files.discard(file)
        self._real["close"](file)

    def _counts(self, name: str, first: Any = None, *more: Any) -> bool:
        if isinstance(first, int):
            return first in self._files
        changes = name != "open" or bool(more and more[0] & os.O_CREAT)
        return changes and os.fspath(first).startswith(self._folder)

    def _die(self) -> None:
        self._dead = True
        raise KilledError


def full_disk() -> None:
    """Fails as a disk without room does."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
