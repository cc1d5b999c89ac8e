from __future__ import annotations

import time

import pytest

from nas_nb.notebook.pace import Pace


def busy(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def wait_s(pace, action):
    """For how long it is not due after the action."""
    pace.run(action)
    return pace._next - time.monotonic()


def test_what_cost_more_is_done_less_often():
    pace = Pace(share=0.1, longest_s=100)
    assert pace.due()
    assert 0.1 < wait_s(pace, lambda: busy(0.02)) < 0.4
    assert not pace.due()
    assert wait_s(pace, lambda: None) < 0.1


def test_nothing_is_put_off_for_longer_than_the_longest():
    assert wait_s(Pace(share=0.001, longest_s=2), lambda: busy(0.01)) < 2


def test_what_fails_is_paid_for_too():
    pace = Pace(share=0.01, longest_s=100)
    with pytest.raises(ZeroDivisionError):
        pace.run(lambda: busy(0.01) or 1 / 0)
    assert not pace.due()
