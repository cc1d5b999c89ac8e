"""What a search and its workers say to each other: one small protocol for all kinds of workers.

A search gives a worker an `Assignment`, and may ask it to pause, to stop, or to train longer. The
worker reports what happens as events of the journal, and ends with an `Outcome`.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from nas_nb.record.trial import Outcome
    from nas_nb.workers.checkpoints import BestWeights
    from nas_nb.workers.control import TrialControl
    from nas_nb.workers.trial_evaluation import ReportEvent, TrialTask


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

    def wait(self) -> tuple[int, Outcome] | None:
        """Waits for news: the number of a trial that ended, and how; None if it was other news."""

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
        """Where a worker is wanted now: one joins at a new place, and leaves one that is gone.

        Raises:
            SearchError: No worker can be had any more.
        """

    def start(self, number: int, place: Any) -> Link:
        """Starts the process of a worker."""

    def close(self) -> None:
        """Removes what the processes needed to start."""


def ended_how(exit_code: int) -> str:
    """Returns how a process ended, as a clause."""
    return f"was ended by signal {-exit_code}" if exit_code < 0 else f"ended ({exit_code})"
