"""Worker processes on this machine: how many, and with which GPU; started, talked to, ended."""

from __future__ import annotations

import math
import multiprocessing
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import spawn
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from filelock import FileLock, Timeout

from nas_nb.errors import SearchError, check_whole, shown
from nas_nb.workers.control import ended_how
from nas_nb.workers.start import start

if TYPE_CHECKING:
    from nas_nb.workers.worker_process import Parcel

KERNEL = "kernel"
AUTO = "auto"

WORKER_BYTES = 400 * 10**6
"""What a worker takes for itself while it trains a small net: 190 MB were measured."""
SERVER_BYTES = 350 * 10**6
"""What the process takes that has the libraries loaded, and that workers are forked from."""

_DASK_PROTOCOLS = ("tcp", "tls", "ucx", "ws", "wss", "inproc")
_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_NVIDIA = Path("/proc/driver/nvidia/gpus")


@dataclass(frozen=True)
class Capacity:
    """How many workers a search has, and why."""

    count: int
    threads: int  # of each
    reason: str = ""

    def __str__(self) -> str:
        each = "one thread" if self.threads == 1 else f"{self.threads} threads"
        what = "one worker process" if self.count == 1 else f"{self.count} worker processes"
        why = f" ({self.reason})" if self.reason else ""
        return f"{what} with {each}{'' if self.count == 1 else ' each'}{why}"


def check_workers(workers: Any) -> None:
    """Raises a `SearchError` for what can't be meant by `workers`."""
    if is_dask(workers) or (isinstance(workers, str) and workers in (KERNEL, AUTO)):
        return
    if isinstance(workers, bool) or not isinstance(workers, int):
        raise SearchError(
            "Expected `workers` to be 'kernel', 'auto', a number of processes, a Dask client or "
            f"the address of its scheduler ('tcp://...'). Received: workers={shown(workers)}."
        )
    check_whole("", "workers", workers, 1, error=SearchError)


def is_dask(workers: Any) -> bool:
    """Whether workers of a Dask cluster are meant: a client, or a scheduler's address."""
    if isinstance(workers, str):
        return workers.partition("://")[0] in _DASK_PROTOCOLS
    client = getattr(sys.modules.get("distributed"), "Client", None)
    return client is not None and isinstance(workers, client)


def capacity(workers: int | str, running: int = 0) -> Capacity:
    """Returns how many local processes `workers` are, where some run already."""
    own, free = cores(), free_bytes()
    server = 0 if running else SERVER_BYTES
    fits = running + max(0, (free - server) // WORKER_BYTES)
    if workers == AUTO:
        count = max(1, min(own, fits))
        said = f"auto: {own} core{'' if own == 1 else 's'}, {free / 1e9:.1f} GB free"
        return Capacity(count, max(1, own // count), said)
    count = int(workers)
    if count > max(1, fits):
        need = server + (count - running) * WORKER_BYTES
        raise SearchError(
            f"Expected {need / 1e9:.1f} GB of free memory for workers={count}. Received: "
            f"{free / 1e9:.1f} GB. Take workers={max(1, fits)}, or 'auto'."
        )
    return Capacity(count, max(1, own // count))


def cores() -> int:
    """Returns the cores that this process may use, 1 or more."""
    affinity = getattr(os, "sched_getaffinity", None)
    known = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = _CPU_QUOTA.read_text().split()
        known = min(known, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):  # none: the file is missing, or says "max"
        pass
    return max(1, known)


def free_bytes() -> int:
    """Returns the memory that is free: of the machine, or of what its container gives."""
    from nas_nb.evaluate.backend import container_bytes

    free = int(psutil.virtual_memory().available)
    given = container_bytes()
    return free if given is None else min(free, given - int(psutil.Process().memory_info().rss))


def recycle_bytes(count: int) -> int:
    """Returns the memory at which a worker is replaced: its share, the kernel's left out."""
    from nas_nb.evaluate.backend import WARN_AT, container_bytes

    whole = container_bytes() or int(psutil.virtual_memory().total)
    return int(WARN_AT * whole / (count + 1))


def gpus() -> list[str]:
    """Returns the GPUs to share out, as `CUDA_VISIBLE_DEVICES` names them; loads no library."""
    stated = os.environ.get("CUDA_VISIBLE_DEVICES")
    if stated is not None:
        return [name for name in stated.split(",") if name and name != "-1"]
    return [str(number) for number, _ in enumerate(_NVIDIA.glob("*"))]


_STARTING = threading.Lock()
_PREFIX = "nas_nb-workers-"
_BEGINS_S = 60.0
"""Seconds in which a new folder's lock may not be held yet."""


class LocalProcesses:
    """Starts worker processes that share one file of space and data."""

    def __init__(self, parcel: Parcel, capacity: Capacity) -> None:
        _remove_left_folders()
        self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX))  # its owner's alone
        # Held as long as this kernel lives, whatever its thread that closes this.
        self._lock = FileLock(self._folder / "lock", thread_local=False)
        self._lock.acquire()
        self._parcel = self._folder / "parcel"
        self._cards = gpus()
        self._capacity = capacity
        try:
            parcel.write(self._parcel)
        except BaseException:
            self.close()
            raise

    @property
    def about(self) -> str:
        """How many there are, and why."""
        return str(self._capacity)

    @property
    def recycle_bytes(self) -> int:
        """The share of a process of the memory."""
        return recycle_bytes(self._capacity.count)

    @property
    def places(self) -> Collection[int]:
        """As many as there are to be, from 0."""
        return range(self._capacity.count)

    def resize(self, workers: int | str) -> None:
        """Lets so many work; those that there are keep their threads."""
        self._capacity = capacity(workers, running=self._capacity.count)

    def start(self, number: int, place: int) -> LocalLink:
        """Starts a process, which says that it is ready some time later."""
        card = self._cards[number % len(self._cards)] if self._cards else None
        # A single worker keeps TensorFlow's defaults, and so computes what the kernel would.
        threads = self._capacity.threads if self._capacity.count > 1 else None
        return LocalLink(number, (self._parcel, threads, card))

    def close(self) -> None:
        """Removes the file; the processes that have read it keep their pages."""
        self._lock.release()
        shutil.rmtree(self._folder, ignore_errors=True)


def _remove_left_folders() -> None:
    """Removes what kernels left that were killed: nobody holds the lock."""
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/lock"):
        with suppress(OSError, Timeout):
            if time.time() - lock.stat().st_mtime < _BEGINS_S:
                continue
            with FileLock(lock, timeout=0):
                shutil.rmtree(lock.parent, ignore_errors=True)


class LocalLink:
    """The way to one process on this machine."""

    left = False

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

    def pass_on(self, pickled: bytes) -> None:
        """Sends a message that was pickled elsewhere."""
        with suppress(OSError, ValueError):
            self._connection.send_bytes(pickled)

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
    def how_it_ended(self) -> str:
        """How the process ended, as a clause."""
        return ended_how(self.exit_code or 0)

    @property
    def process_id(self) -> int | None:
        """Its process."""
        return int(self._process.pid)

    @property
    def memory_bytes(self) -> int | None:
        """What the process takes now."""
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return None

    def kill(self) -> None:
        """Ends the process at once; what it has said can still be received."""
        self._process.kill()
        self._process.join()


def _context() -> Any:
    # A fork of a process that has run nothing is safe, and takes a tenth of the time of a new one.
    # What else Keras runs on has threads as soon as it is imported.
    if not sys.platform.startswith("linux") or not _on_tensorflow():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nas_nb.workers.start", "nas_nb.workers.worker_process"])
    return context


def _on_tensorflow() -> bool:
    if "keras" not in sys.modules:  # a Dask worker: its child loads it, and it does not
        return os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow"
    from nas_nb.evaluate.backend import on_tensorflow

    return on_tensorflow()


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
