"""`SearchState`; pause, resume, stop, deadline: flags that the search's thread obeys."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import StrEnum


class Control:
    """Pause, resume and stop, which the search's thread heeds at its next checkpoint: a batch."""

    def __init__(
        self, on_paused: Callable[[bool], None], limit_s: float | None = None, before_s: float = 0.0
    ) -> None:
        self._on_paused = on_paused
        self._before_s = before_s
        self._made_by = threading.get_ident()
        self._stop = threading.Event()
        self._go = threading.Event()
        self._go.set()
        self._clock = Stopwatch()
        self.limit_s = limit_s
        self.pause_reason: str | None = None
        self.stop_reason = "stopped by its user"
        self.stopped_trials: set[int] = set()
        """The trials that were asked to end, while the search goes on."""
        self.patient = True
        """Whether somebody can resume: else a pause that has a reason is a stop."""
        self.on_checkpoint: Callable[[], None] = lambda: None
        """Called at each checkpoint: where the search has the kernel's main thread,
        what follows it has no other time."""

    def pause(self, reason: str | None = None) -> None:
        """Asks the search to wait at its next checkpoint; without a reason its user did."""
        self.pause_reason = reason
        if reason is not None and not self.patient:
            self.stop(reason)
            return
        self._go.clear()

    def resume(self) -> None:
        """Lets the search go on."""
        self._go.set()

    def stop(self, reason: str | None = None) -> None:
        """Asks the search to end at its next checkpoint, also when it waits."""
        if not self._stop.is_set():
            self.stop_reason = reason or self.stop_reason
        self._stop.set()
        self._go.set()

    def stop_trial(self, number: int) -> None:
        """Asks one trial to end at its next checkpoint, and no other."""
        self.stopped_trials.add(number)

    @property
    def pause_requested(self) -> bool:
        """Whether the search waits, or will at its next checkpoint."""
        return not self._go.is_set()

    @property
    def stop_requested(self) -> bool:
        """Whether the end was asked for."""
        return self._stop.is_set()

    @property
    def elapsed_s(self) -> float:
        """Seconds that were spent, those before included and waiting left out."""
        return self._before_s + self._clock.elapsed_s

    @property
    def out_of_time(self) -> bool:
        """Whether the time is spent."""
        return self.limit_s is not None and self.elapsed_s >= self.limit_s

    def checkpoint(self) -> bool:
        """Waits while paused; returns True when training has to end."""
        self.follow()
        if not self._go.is_set() and not self._stop.is_set():
            self.wait()
        return self._stop.is_set() or self.out_of_time

    def follow(self) -> None:
        """Calls `on_checkpoint`, in the thread where the control was made."""
        if threading.get_ident() == self._made_by:
            self.on_checkpoint()

    def wait(self) -> None:
        """Waits until `resume` or `stop`."""
        if self._stop.is_set():
            return
        self._clock.hold()
        self._on_paused(True)
        self._go.wait()
        self._clock.go()
        if not self._stop.is_set():
            self._on_paused(False)

    def end(self) -> None:
        """Stops the clock for good."""
        self._clock.hold()


class Stopwatch:
    """Measures seconds, those left out in which it was held. One thread holds, any may read."""

    def __init__(self) -> None:
        self._since: float | None = time.monotonic()
        self._before_s = 0.0

    @property
    def elapsed_s(self) -> float:
        """Seconds measured so far."""
        since = self._since
        return self._before_s + (time.monotonic() - since if since is not None else 0.0)

    def hold(self) -> None:
        """Stops measuring."""
        self._before_s, self._since = self.elapsed_s, None

    def go(self) -> None:
        """Goes on measuring."""
        self._since = time.monotonic()


class TrialControl:
    """The search's control, for one trial."""

    def __init__(
        self, control: Control, number: int, limit_s: float | None, last_epoch: Callable[[int], int]
    ) -> None:
        self.last_epoch = last_epoch
        self.limit_s = limit_s
        self.abandoned = False
        """Whether nobody waits any more for what the trial's thread does."""
        self._number = number
        self._control = control
        self._began_s = control.elapsed_s

    @property
    def elapsed_s(self) -> float:
        """Seconds of the search, pauses left out."""
        return self._control.elapsed_s

    @property
    def is_over(self) -> bool:
        """Whether the trial's time is up."""
        return self.limit_s is not None and self.used_s > self.limit_s

    @property
    def used_s(self) -> float:
        """Seconds that the trial has taken, pauses left out."""
        return self.elapsed_s - self._began_s

    @property
    def has_to_end(self) -> bool:
        """Whether the trial is to end, for whatever reason."""
        over = self._control.stop_requested or self._control.out_of_time
        return over or self.is_over or self.is_stopped

    def follow(self) -> None:
        """Lets what follows the search have its time, in the thread that waits for the trial."""
        self._control.follow()

    @property
    def is_stopped(self) -> bool:
        """Whether the user asked for the end of this trial, and of no other."""
        return self._number in self._control.stopped_trials

    def checkpoint(self) -> bool:
        """Waits while paused; returns True when the training has to end."""
        if self.abandoned:
            return True
        return self._control.checkpoint() or self.is_stopped or self.is_over


class TrialError(Exception):
    """A candidate that can't be evaluated; its text is the reason in the trial's row."""


class TrialStoppedError(Exception):
    """The control ended the training before its last epoch."""


class SearchState(StrEnum):
    """What a search is doing, and so what may be asked of it."""

    NEW = "new"
    """Made and not yet started."""
    RUNNING = "running"
    """A trial is being evaluated, or is about to be."""
    PAUSED = "paused"
    """Waits, the trial in its place, until `resume()` or `stop()`."""
    STOPPED = "stopped"
    """Ended early by its user; `resume()` goes on with the trial that was cut off."""
    FINISHED = "finished"
    """The budget is spent or the space exhausted; a larger budget lets it go on."""
    FAILED = "failed"
    """Ended by an error of the search itself, not of a trial; `reason` says which."""

    @property
    def live(self) -> bool:
        """Whether the search has a thread that works on it."""
        return self in (SearchState.RUNNING, SearchState.PAUSED)
