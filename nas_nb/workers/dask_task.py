"""What runs in a thread of a Dask worker: a child process trains, and this passes on what is said.

It has no folder in common with the kernel: files of trials travel both ways.
"""

from __future__ import annotations

import multiprocessing
import pickle
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from distributed import Queue, Status, get_client, get_worker

from nas_nb.record.files import write_whole
from nas_nb.workers.control import Ended
from nas_nb.workers.local_process import LocalLink, gpus

_POLL_S = 0.25
_FOLDERS = ("checkpoints", "states")


@dataclass(frozen=True)
class FileKept:
    """From a worker: a file of its trial, whose content is the next in the queue of files."""

    name: str


@dataclass(frozen=True)
class FileRemoved:
    """From a worker: a file of its trial is no more."""

    name: str


@dataclass(frozen=True)
class Gone:
    """From a worker, last: how its process ended."""

    exit_code: int
    left: bool  # with its Dask worker, or since it was not wanted any more


def host_process(key: str, topic: str, parcel: bytes, number: int) -> None:
    """Lets a child process evaluate trials, until it ends or the kernel cancels this task."""
    worker = get_worker()
    folder = Path(tempfile.mkdtemp(prefix="nas_nb-", dir=worker.local_directory))
    try:
        write_whole(folder / "parcel", [parcel], sync=False)
        cards = gpus()
        card = cards[number % len(cards)] if cards else None
        with _may_have_children():
            child = LocalLink(number, (folder / "parcel", worker.state.nthreads, card))
        _Host(key, topic, folder, child).work()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _may_have_children() -> Iterator[None]:
    # A nanny starts its worker as a daemon, which `multiprocessing` lets have no process. A child
    # of ours ends by itself when its pipe is closed, however its parent ends.
    settings: dict[str, Any] = vars(multiprocessing.current_process())["_config"]
    daemon = settings.pop("daemon", None)
    try:
        yield
    finally:
        if daemon is not None:
            settings["daemon"] = daemon


class _Host:
    """Passes messages and files between the kernel and one child process."""

    def __init__(self, key: str, topic: str, folder: Path, child: LocalLink) -> None:
        self._key, self._topic, self._folder, self._child = key, topic, folder, child
        self._worker = get_worker()
        client = get_client()
        self._asked, self._files = Queue(key, client), Queue(f"{key}-files", client)
        self._known: dict[str, int] = {}  # files as the kernel has them: when they were changed

    def work(self) -> None:
        """Passes on all that is said, until the child ends or is not wanted any more."""
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            while self._child.exit_code is None and self._is_wanted():
                wait(self._child.waitables(), _POLL_S)
                for message in self._child.receive():
                    self._send_files()
                    self._send(message)
                    if isinstance(message, Ended):
                        self._forget_files()
            self._send_files()
        finally:
            left = self._child.exit_code is None
            self._child.kill()
            self._child.receive()
            self._send(Gone(self._child.exit_code or 0, left))
            self._asked.put(("", b""))  # the thread that listens ends
            self._asked.close()
            self._files.close()

    def _is_wanted(self) -> bool:
        """Whether the kernel still wants this task, and the Dask worker is not about to end."""
        if self._worker.status not in (Status.running, Status.paused):
            return False
        task = self._worker.state.tasks.get(self._key)
        return task is not None and task.state not in ("cancelled", "released")

    def _listen(self) -> None:
        """Takes what the kernel sends: files that the next trial needs, and messages."""
        while True:
            try:
                name, data = self._asked.get()
            except Exception:  # noqa: BLE001 - the scheduler is gone, and this worker with it
                return
            if name:
                self._write(name, data)
            elif data:
                self._child.pass_on(data)  # to read it would load Keras here, too
            else:
                return

    def _write(self, name: str, data: bytes) -> None:
        file = self._folder / name
        with suppress(OSError):  # without it the trial starts anew, and says so
            file.parent.mkdir(exist_ok=True)
            write_whole(file, [data], sync=False)
            self._known[name] = file.stat().st_mtime_ns

    def _send(self, message: Any) -> None:
        told = (self._child.process_id, self._child.memory_bytes, pickle.dumps(message))
        self._worker.log_event(self._topic, (self._key, *told))

    def _send_files(self) -> None:
        """Tells which files of its trial the child has written or removed since."""
        now = dict(self._present())
        for name in self._known.keys() - now.keys():
            self._send(FileRemoved(name))
        for name in [name for name, changed in now.items() if self._known.get(name) != changed]:
            self._files.put((self._folder / name).read_bytes())
            self._send(FileKept(name))
        self._known = now

    def _present(self) -> Iterator[tuple[str, int]]:
        for file in (f for name in _FOLDERS for f in (self._folder / name).glob("trial_*")):
            with suppress(FileNotFoundError):
                yield f"{file.parent.name}/{file.name}", file.stat().st_mtime_ns

    def _forget_files(self) -> None:
        """Removes the files of a trial that has ended: the kernel has them."""
        for name in _FOLDERS:
            shutil.rmtree(self._folder / name, ignore_errors=True)
        self._known = {}
