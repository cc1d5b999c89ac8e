"""Waiting for a search from the kernel's main thread, so that an interrupt stops it gracefully."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

POLL_S = 0.1

Check = Callable[[], bool]
Action = Callable[[], None]


def wait_until(settled: Check, ended: Check, stop: Action, timeout_s: float | None) -> None:
    """Polls until `settled`; an interrupt calls `stop` and then waits until `ended`.

    Polling, since an interrupt during `Thread.join` marks a running thread as ended (Python up to
    3.12), and an Event without a timeout can't be interrupted on every platform.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    try:
        while not settled() and (deadline is None or time.monotonic() < deadline):
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        _stop_and_wait(ended, stop)


async def wait_until_async(settled: Check, ended: Check, stop: Action) -> None:
    """The same for `await`, where the kernel's interrupt arrives as a cancellation."""
    try:
        while not settled():
            await asyncio.sleep(POLL_S)
    except (asyncio.CancelledError, KeyboardInterrupt):
        _stop_and_wait(ended, stop)


def _stop_and_wait(ended: Check, stop: Action) -> None:
    stop()
    while not ended():
        time.sleep(POLL_S)


@contextmanager
def interrupt_stops(stop: Action) -> Iterator[None]:
    """Turns the first Ctrl-C inside the block into `stop()`, and lets a second one through.

    In other threads than the main one signals don't arrive, and nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    usual = signal.getsignal(signal.SIGINT)

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, usual)
        stop()

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
