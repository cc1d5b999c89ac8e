"""How many worker processes this machine has cores and memory for; which GPU each gets.

A Dask worker imports this, and loads no Keras for it.
"""

from __future__ import annotations

import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from nas_nb.errors import SearchError, check_whole, shown

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
    """Returns how many local processes `workers` are, where some run already.

    Raises:
        SearchError: There is no memory for so many.
    """
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
