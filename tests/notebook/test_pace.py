from __future__ import annotations

import pytest

from nas_nb.notebook import output
from nas_nb.notebook.output import Throttle


class Clock:
    """The clocks of a process that was told what it used."""

    def __init__(self):
        self.wall_s = self.cpu_s = self.own_s = 100.0

    def monotonic(self):
        return self.wall_s

    def process_time(self):
        return self.cpu_s

    def thread_time(self):
        return self.own_s

    def pay(self, seconds):
        self.own_s += seconds
        self.cpu_s += seconds
        self.wall_s += seconds

    def train(self, cpu_s, wall_s):
        self.cpu_s += cpu_s
        self.wall_s += wall_s


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(output, "time", clock)
    return clock


def test_it_is_due_again_when_the_training_has_used_its_share(clock):
    pace = Throttle(share=0.1, longest_s=100)
    assert pace.due()
    pace.run(lambda: clock.pay(0.5))
    clock.train(cpu_s=4.9, wall_s=5)
    assert not pace.due()
    clock.train(cpu_s=0.2, wall_s=1)
    assert pace.due()


def test_a_training_that_gets_little_of_the_machine_is_asked_for_less(clock):
    pace = Throttle(share=0.1, longest_s=100)
    pace.run(lambda: clock.pay(0.5))
    clock.train(cpu_s=1, wall_s=60)
    assert not pace.due()


def test_nothing_is_put_off_for_longer_than_the_longest(clock):
    pace = Throttle(share=0.001, longest_s=2)
    pace.run(lambda: clock.pay(0.5))
    clock.train(cpu_s=0, wall_s=2.1)
    assert pace.due()


def test_what_fails_is_paid_for_too(clock):
    pace = Throttle(share=0.01, longest_s=100)
    with pytest.raises(ZeroDivisionError):
        pace.run(lambda: clock.pay(0.5) or 1 / 0)
    assert not pace.due()
