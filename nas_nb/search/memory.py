"""The kernel's memory: how much it uses, how much it may, and a warning before it is killed."""

from __future__ import annotations

import psutil

from nas_nb.evaluate.memory import container_bytes

WARN_AT = 0.9
"""The share of what the container gives at which the search pauses."""
GROWTH = 1.05
"""After a resume it warns again when the kernel has grown by this factor."""


class MemoryWatch:
    """Says when the kernel uses more memory than it should.

    Args:
        limit_bytes: Resident bytes of the kernel's process; None takes 90 % of what the container
            gives (Binder, JupyterHub and Docker set a limit), or none where nothing limits it.
    """

    def __init__(self, limit_bytes: int | None = None) -> None:
        given = container_bytes()
        self.limit_bytes = limit_bytes or (int(WARN_AT * given) if given else None)
        self._process = psutil.Process()

    def warning(self) -> str | None:
        """Returns why the search should pause, with advice, or None."""
        if self.limit_bytes is None:
            return None
        used_bytes = int(self._process.memory_info().rss)
        if used_bytes <= self.limit_bytes:
            return None
        allowed = self.limit_bytes
        self.limit_bytes = int(GROWTH * used_bytes)
        return (
            f"The kernel uses {used_bytes / 1e9:.2f} GB of memory, more than {allowed / 1e9:.2f} "
            "GB. Restart it and run the cells again with the same `directory`, and the search "
            "goes on where it was; or resume and risk that the kernel is killed."
        )
