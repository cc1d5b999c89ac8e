"""How much memory the kernel uses, of how much it may."""

from __future__ import annotations

import psutil

from nas_nb.search.memory import MemoryWatch


class Meter:
    """Reads the kernel's memory.

    Args:
        limit_bytes: Resident bytes at which a search pauses; None for 90 % of the container's.
    """

    def __init__(self, limit_bytes: int | None) -> None:
        self._limit_bytes = MemoryWatch(limit_bytes).limit_bytes
        self._process = psutil.Process()

    def text(self) -> str:
        """Returns what is used and what may be: 'memory 0.9 of 1.8 GB'."""
        used = f"{self._process.memory_info().rss / 1e9:.1f}"
        limit = "" if self._limit_bytes is None else f" of {self._limit_bytes / 1e9:.1f}"
        return f"memory {used}{limit} GB"
