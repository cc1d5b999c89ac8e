"""How often something may be done so that it takes no more than a share of the kernel's work."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Pace:
    """Keeps what is done over and over to a share of the kernel's work, by its latest cost.

    Work is counted in CPU seconds: on a busy machine the training gets less of each second, and
    what goes by the clock takes a larger share of it.

    Args:
        share: Of the CPU seconds that the kernel uses, 0 to 1, that it may take.
        longest_s: After so many seconds it is due whatever it cost: the first time loads fonts
            and libraries, and a kernel whose GPU trains uses few CPU seconds.
    """

    def __init__(self, share: float, longest_s: float) -> None:
        self._share = share
        self._longest_s = longest_s
        self._enough_s = 0.0  # of CPU
        self._latest_s = 0.0  # of the clock

    def due(self) -> bool:
        """Whether it may be done now."""
        return time.process_time() >= self._enough_s or time.monotonic() >= self._latest_s

    def run(self, action: Callable[[], T]) -> T:
        """Does it, due or not, and remembers what it cost the calling thread."""
        before_s = time.thread_time()
        try:
            return action()
        finally:
            cost_s = time.thread_time() - before_s
            self._enough_s = time.process_time() + cost_s / self._share
            self._latest_s = time.monotonic() + self._longest_s
