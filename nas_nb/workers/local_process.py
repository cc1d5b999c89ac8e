"""Worker processes on this machine: how they are started, talked to and ended."""

from __future__ import annotations

import multiprocessing
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import spawn
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_nb.evaluate.backend import on_tensorflow
from nas_nb.workers.capacity import Capacity, gpus
from nas_nb.workers.start import start

if TYPE_CHECKING:
    from nas_nb.workers.parcel import Parcel

_STARTING = threading.Lock()


class LocalProcesses:
    """Starts worker processes that share one file of space and data."""

    def __init__(self, parcel: Parcel, capacity: Capacity) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="nas_nb-workers-"))  # its owner's alone
        self._parcel = self._folder / "parcel"
        self._cards = gpus()
        # A single worker keeps TensorFlow's defaults, and so computes what the kernel would.
        self._threads = capacity.threads if capacity.count > 1 else None
        try:
            parcel.write(self._parcel)
        except BaseException:
            self.close()
            raise

    def start(self, number: int) -> LocalLink:
        """Starts a process, which says that it is ready some time later."""
        card = self._cards[number % len(self._cards)] if self._cards else None
        return LocalLink(number, (self._parcel, self._threads, card))

    def close(self) -> None:
        """Removes the file; the processes that have read it keep their pages."""
        shutil.rmtree(self._folder, ignore_errors=True)


class LocalLink:
    """The way to one process on this machine."""

    def __init__(self, number: int, arguments: tuple[Any, ...]) -> None:
        context = _context()
        self._connection, theirs = context.Pipe()
        name = f"nas_nb-worker-{number}"
        process = context.Process(target=start, args=(theirs, *arguments), name=name, daemon=True)
        with _STARTING, _script_left_out():
            process.start()
        theirs.close()
        self._process = process

    def waitables(self) -> Sequence[Any]:
        """What `multiprocessing.connection.wait` can wait for."""
        return [self._connection] if not self._connection.closed else [self._process.sentinel]

    def send(self, message: Any) -> None:
        """Sends a message; one to a process that is gone is dropped."""
        with suppress(OSError, ValueError):
            self._connection.send(message)

    def receive(self) -> list[Any]:
        """Returns the messages that have come, also the last ones of a process that is gone."""
        messages = []
        try:
            while not self._connection.closed and self._connection.poll():
                messages.append(self._connection.recv())
        except (EOFError, OSError):
            self._connection.close()
        return messages

    @property
    def exit_code(self) -> int | None:
        """How the process ended, negative for a signal; None while it lives."""
        if not self._connection.closed or self._process.exitcode is None:
            return None
        return int(self._process.exitcode)

    @property
    def process_id(self) -> int | None:
        """Its process."""
        return int(self._process.pid)

    def kill(self) -> None:
        """Ends the process at once; what it has said can still be received."""
        self._process.kill()
        self._process.join()


def _context() -> Any:
    # A fork of a process that has run nothing is safe, and takes a tenth of the time of a new one.
    # What else Keras runs on has threads as soon as it is imported.
    if not sys.platform.startswith("linux") or not on_tensorflow():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nas_nb.workers.start", "nas_nb.workers.worker_process"])
    return context


@contextmanager
def _script_left_out() -> Iterator[None]:
    """Keeps a new process from running the user's script again: what it needs travels whole."""
    usual = spawn.get_preparation_data

    def without_script(name: str) -> dict[str, Any]:
        vars(sys.modules["__main__"]).setdefault("__spec__", None)  # a shell's own may lack it
        told = usual(name)
        return {key: value for key, value in told.items() if not key.startswith("init_main")}

    spawn.get_preparation_data = without_script
    try:
        yield
    finally:
        spawn.get_preparation_data = usual
