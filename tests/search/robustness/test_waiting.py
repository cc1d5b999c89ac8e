from __future__ import annotations

import asyncio
import gc
import os
import signal

import pytest

from nas_nb.search.session import interrupt_stops, wait_until, wait_until_async


def test_waiting_ends_when_the_search_has_settled():
    answers = iter([False, False, True])
    wait_until(lambda: next(answers), lambda: True, lambda: None, None)
    assert next(answers, "all asked") == "all asked"


def test_waiting_gives_up_after_the_timeout():
    wait_until(lambda: False, lambda: False, lambda: None, 0.0)


def test_an_interrupt_while_waiting_stops_the_search_and_waits_for_its_end():
    stopped: list[bool] = []

    def settled() -> bool:
        raise KeyboardInterrupt

    wait_until(settled, lambda: bool(stopped), lambda: stopped.append(True), None)
    assert stopped == [True]


def test_a_cancelled_await_stops_the_search():
    stopped: list[bool] = []

    async def cancel_soon() -> None:
        waiting = asyncio.ensure_future(
            wait_until_async(lambda: False, lambda: bool(stopped), lambda: stopped.append(True))
        )
        await asyncio.sleep(0)
        waiting.cancel()
        await waiting

    asyncio.run(cancel_soon())
    assert stopped == [True]


@pytest.fixture
def usual():
    """Python's own handler: a shell starts what it puts in the background without it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.disable()  # an interrupt that is raised in a callback of the collector is lost
    yield signal.default_int_handler
    gc.enable()
    signal.signal(signal.SIGINT, before)


def test_the_first_interrupt_of_a_blocking_run_stops_and_the_second_goes_through(usual):
    stopped: list[bool] = []
    with interrupt_stops(lambda: stopped.append(True)):
        os.kill(os.getpid(), signal.SIGINT)
        assert stopped == [True]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is usual
