"""How often something may be done so that it takes no more than a share of the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Pace:
    """Keeps what is done over and over to a share of one core, by what it cost the last time.

    Args:
        share: Of one core, 0 to 1, that it may take.
        longest_s: After so many seconds it is due whatever it cost: the first time, which loads
            fonts and libraries, would else put the second off for minutes.
    """

    def __init__(self, share: float, longest_s: float) -> None:
        self._share = share
        self._longest_s = longest_s
        self._next = 0.0

    def due(self) -> bool:
        """Whether it may be done now."""
        return time.monotonic() >= self._next

    def run(self, action: Callable[[], T]) -> T:
        """Does it, due or not, and remembers what it cost the calling thread."""
        before_s = time.thread_time()
        try:
            return action()
        finally:
            cost_s = time.thread_time() - before_s
            self._next = time.monotonic() + min(cost_s / self._share, self._longest_s)
