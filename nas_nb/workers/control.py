"""What a search asks of its trials and workers: pause, stop, jobs; and what they tell it.

A worker is given a `Job`; one in another process gets an `Assignment` for it, and may be asked to
pause, to stop, or to train longer. It reports what happens as events of the journal, and ends with
an `Outcome`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from nas_nb.record.trial import EMPTY

if TYPE_CHECKING:
    import keras_tuner as kt

    from nas_nb.evaluate.fidelity import Fidelity
    from nas_nb.record.trial import Outcome, Trial
    from nas_nb.workers.checkpoints import BestWeights


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
        """Lets the panel paint, in the thread that waits for the trial."""
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


@dataclass(frozen=True)
class TrialTask:
    """What a worker is given to evaluate a trial: plain data, made anew for each attempt."""

    trial: Trial  # as it begins; its curve need not be trained again
    fidelity: Fidelity  # how much training it is granted
    objective: kt.Objective
    parent: Trial | None = None  # the trial that it starts from
    parent_fidelity: Fidelity | None = None
    continues: bool = False  # its parent's training; else it inherits weights
    # by the cost's name, and "time_per_trial_s"
    limits: Mapping[str, float] = field(default_factory=lambda: EMPTY)
    latency: bool = False  # whether to measure it
    target: float | None = None  # a trial that can't reach it is pruned

    @property
    def number(self) -> int:
        """The trial's number."""
        return self.trial.number

    @property
    def seed(self) -> int:
        """Decides initial weights and the order of samples."""
        return self.trial.seed or 0


class ReportEvent(Protocol):
    """Takes what happens while a trial is evaluated, as events of the journal."""

    def __call__(self, kind: str, /, **fields: Any) -> None:
        """Takes "trial_built", "epoch_ended", or "trial_started" where it has to start again."""


@dataclass(frozen=True)
class Job:
    """A trial that a worker is given, and what the search wants of it meanwhile."""

    task: TrialTask
    control: TrialControl
    report: ReportEvent


@dataclass(frozen=True)
class WorkerStatus:
    """A worker as it is shown."""

    number: int
    trial: int | None  # None while it waits, or starts
    ready: bool
    process_id: int | None  # on its machine
    memory_bytes: int | None
    place: str = ""  # of a Dask worker, its address


class Workers(Protocol):
    """Who evaluates the trials of a search: the kernel itself, or processes."""

    place: str
    """What a trial ends that crashes: "kernel" or "worker"."""

    @property
    def about(self) -> str:
        """How many processes there are, and why; "" for the kernel."""

    @property
    def free(self) -> int | None:
        """The number of a worker that waits for a trial, from 0; None while there is none."""

    def submit(self, worker: int, job: Job) -> None:
        """Gives a free worker a trial."""

    def next_outcome(self) -> tuple[int, Outcome] | None:
        """Returns the number of the next trial that ended, and how; None after other news.

        The kernel evaluates its own trial here.
        """

    def status(self) -> list[WorkerStatus]:
        """Returns what each process does; from any thread."""

    def close(self) -> None:
        """Ends all workers, whatever they do."""


@dataclass(frozen=True)
class Assignment:
    """To a worker: the trial to evaluate."""

    task: TrialTask
    last_epoch: int  # to train to
    best_weights: BestWeights  # as of now
    state_threshold: float | None  # the worst score with which it keeps its state; None: any


@dataclass(frozen=True)
class Grant:
    """To a worker: the epoch to train to, where that has changed."""

    last_epoch: int


class Request(StrEnum):
    """To a worker: what is asked of it."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    """End the trial, which goes on later."""
    STOP_TRIAL = "stop_trial"
    """End the trial with what it has."""


@dataclass(frozen=True)
class Ready:
    """From a worker: it waits for a trial."""


@dataclass(frozen=True)
class Refused:
    """From a worker: it can't evaluate trials of this search, and why."""

    reason: str


@dataclass(frozen=True)
class Report:
    """From a worker: an event of its trial, for the journal."""

    kind: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Paused:
    """From a worker: its trial waits now."""


@dataclass(frozen=True)
class Ended:
    """From a worker: its trial has ended."""

    outcome: Outcome


class Link(Protocol):
    """The way to one worker."""

    def waitables(self) -> Sequence[Any]:
        """What `multiprocessing.connection.wait` can wait for."""

    def send(self, message: Any) -> None:
        """Sends a message; one to a worker that is lost is dropped."""

    def receive(self) -> list[Any]:
        """Returns the messages that have come."""

    @property
    def exit_code(self) -> int | None:
        """How the process ended, negative for a signal; None while it lives."""

    @property
    def how_it_ended(self) -> str:
        """The same as a clause: "was ended by signal 9"."""

    @property
    def left(self) -> bool:
        """Whether it was ended for a reason that no trial can have caused: its cluster shrank."""

    @property
    def process_id(self) -> int | None:
        """Its process on its machine, or None."""

    @property
    def memory_bytes(self) -> int | None:
        """What its process takes, as last measured, or None."""

    def kill(self) -> None:
        """Ends the process at once."""


class Starter(Protocol):
    """Says where workers are wanted, and starts their processes."""

    @property
    def about(self) -> str:
        """How many there are, and why."""

    @property
    def recycle_bytes(self) -> int | None:
        """The memory at which a process is replaced after its trial; None: never."""

    @property
    def places(self) -> Collection[Hashable]:
        """Where a worker is wanted now; raises SearchError if none can be had any more."""

    def start(self, number: int, place: Any) -> Link:
        """Starts the process of a worker."""

    def close(self) -> None:
        """Removes what the processes needed to start."""


def ended_how(exit_code: int) -> str:
    """Returns how a process ended, as a clause."""
    return f"was ended by signal {-exit_code}" if exit_code < 0 else f"ended ({exit_code})"
