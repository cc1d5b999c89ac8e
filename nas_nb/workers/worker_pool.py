"""`WorkerPool`: gives trials to processes, passes on what is asked of them, replaces the lost."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Protocol

import psutil

from nas_nb.errors import SearchError
from nas_nb.record.trial import Outcome, TrialStatus
from nas_nb.workers.messages import (
    Assignment,
    Ended,
    Grant,
    Paused,
    Ready,
    Refused,
    Report,
    Request,
    WorkerStatus,
)

if TYPE_CHECKING:
    from nas_nb.workers.control import Control
    from nas_nb.workers.messages import Job, Link
    from nas_nb.workers.trial_evaluation import TrialFiles

POLL_S = 0.05
GRACE_S = 20.0
"""Seconds that a trial has for its end, once it has to end: a first trace needs some."""
STARTS = 3
"""Processes in a row that may end before they are ready."""
_MEASURED_EVERY_S = 2.0


class Starter(Protocol):
    """Makes links to new processes."""

    def start(self, number: int) -> Link:
        """Starts the process of a worker."""

    def close(self) -> None:
        """Removes what the processes needed to start."""


@dataclass
class _Worker:
    """One worker: its process, which may change, and its trial."""

    number: int
    link: Link
    ready: bool = False
    paused: bool = False
    asked: Request | None = None
    epochs: int = 0  # of its trial so far
    last_epoch: int = 0
    job: Job | None = None
    due_at: float | None = None
    overdue: str | None = None  # why its process was ended
    memory_bytes: int | None = None


class WorkerPool:
    """The worker processes of a search. One thread uses it; `status` may be asked from any."""

    place = "worker"

    def __init__(
        self,
        count: int,
        starter: Starter,
        control: Control,
        files: TrialFiles,
        recycle_bytes: int | None = None,
        about: str = "",
    ) -> None:
        self.about = about
        self._starter = starter
        self._control = control
        self._files = files
        self._recycle_bytes = recycle_bytes
        self._starts_failed = 0
        self._ended: deque[tuple[int, Outcome]] = deque()
        self._followed_at = self._measured_at = 0.0
        self._workers: list[_Worker] = []
        try:
            for number in range(count):
                self._workers.append(_Worker(number, starter.start(number)))
        except BaseException:
            self.close()
            raise

    @property
    def free(self) -> int | None:
        """The first worker that waits for a trial, once all that ended were taken."""
        if self._ended:
            return None
        free = (w.number for w in self._workers if w.ready and w.job is None)
        return next(free, None)

    def status(self) -> list[WorkerStatus]:
        """Returns what each worker does."""
        return [
            WorkerStatus(
                worker.number,
                job.task.number if (job := worker.job) else None,
                worker.ready,
                worker.link.process_id,
                worker.memory_bytes,
            )
            for worker in self._workers
        ]

    def submit(self, worker: int, job: Job) -> None:
        """Gives a free worker a trial."""
        mine, task, files = self._workers[worker], job.task, self._files
        mine.job, mine.asked, mine.paused, mine.due_at = job, None, False, None
        mine.epochs = task.trial.epochs
        mine.last_epoch = job.control.last_epoch(mine.epochs)
        bar = files.states.bar_of(task.number)
        mine.link.send(Assignment(task, mine.last_epoch, files.checkpoints.best, bar))

    def wait(self) -> tuple[int, Outcome] | None:
        """Waits for news: a trial that ended, a worker that got ready, or nothing for a moment."""
        if not self._ended:
            self._follow()
            watched = {one: worker for worker in self._workers for one in worker.link.waitables()}
            for one in wait([*watched], POLL_S):
                self._take(watched[one])
        return self._ended.popleft() if self._ended else None

    def close(self) -> None:
        """Ends all processes, whatever they do."""
        for worker in self._workers:
            worker.link.kill()
        self._starter.close()

    def _follow(self) -> None:
        """Passes on what is asked of the search and of its trials."""
        self._control.follow()
        now = time.monotonic()
        if now - self._followed_at < POLL_S:
            return
        self._followed_at = now
        busy = [worker for worker in self._workers if worker.job is not None]
        for worker in busy:
            self._relay(worker, now)
        if self._pauses and all(worker.paused for worker in busy):
            self._control.wait()
        if now - self._measured_at > _MEASURED_EVERY_S:
            self._measured_at = now
            for worker in self._workers:
                worker.memory_bytes = _memory_of(worker.link.process_id)

    @property
    def _pauses(self) -> bool:
        return self._control.pause_requested and not self._control.stop_requested

    def _relay(self, worker: _Worker, now: float) -> None:
        job = worker.job
        assert job is not None
        last = job.control.last_epoch(worker.epochs)
        if last != worker.last_epoch:
            worker.last_epoch = last
            worker.link.send(Grant(last))
        asked = self._asked_of(job)
        if asked is not worker.asked:
            if asked is not None:
                worker.link.send(asked)
            if worker.asked is Request.PAUSE and asked is not Request.STOP:
                worker.paused = False
                worker.link.send(Request.RESUME)
            worker.asked = asked
        if not job.control.has_to_end:
            worker.due_at = None
        elif worker.due_at is None:
            worker.due_at = now + GRACE_S
        elif now > worker.due_at:
            worker.overdue = _overdue(job)
            worker.link.kill()
            self._take(worker)

    def _asked_of(self, job: Job) -> Request | None:
        if self._control.stop_requested or self._control.out_of_time:
            return Request.STOP
        if job.control.is_stopped:
            return Request.STOP_TRIAL
        return Request.PAUSE if self._control.pause_requested else None

    def _take(self, worker: _Worker) -> None:
        """Takes what a worker says, and its end."""
        link = worker.link
        for message in link.receive():
            self._hear(worker, message)
        if worker.link is link and link.exit_code is not None:
            self._replace(worker, link.exit_code)

    def _hear(self, worker: _Worker, message: Any) -> None:
        if isinstance(message, Report) and worker.job is not None:
            worker.job.report(message.kind, **message.fields)
            if message.kind != "trial_built":  # an epoch's end, or the start from the first
                worker.epochs = message.fields.get("epoch", 0)
        elif isinstance(message, Ended):
            self._files.checkpoints.enter(message.outcome)
            self._end(worker, message.outcome)
            self._recycle(worker)
        elif isinstance(message, Paused):
            worker.paused = True
        elif isinstance(message, Ready):
            worker.ready, self._starts_failed = True, 0
        elif isinstance(message, Refused):
            raise SearchError(
                "Expected a worker that can evaluate the search's trials. Received: worker "
                f"{worker.number}: {message.reason}. Mend that, or search with workers='kernel'."
            )

    def _end(self, worker: _Worker, outcome: Outcome) -> None:
        if worker.job is not None:
            self._ended.append((worker.job.task.number, outcome))
            worker.job = None

    def _recycle(self, worker: _Worker) -> None:
        """Replaces a worker that has grown too large, now that it has no trial."""
        if self._recycle_bytes is None:
            return
        worker.memory_bytes = _memory_of(worker.link.process_id)
        if (worker.memory_bytes or 0) > self._recycle_bytes:
            worker.link.kill()
            self._restart(worker)

    def _replace(self, worker: _Worker, exit_code: int) -> None:
        """Puts a new process in the place of a lost one; its trial is cut off."""
        if not worker.ready:
            self._starts_failed += 1
            if self._starts_failed >= STARTS:
                raise SearchError(
                    f"Expected worker processes that start. Received: {self._starts_failed} in a "
                    f"row were not ready before their end; the last {_how(exit_code)}. Take fewer "
                    "workers, which need less memory, or workers='kernel'."
                )
        if worker.job is not None:
            took_s = worker.job.control.used_s
            if worker.overdue is not None:
                limited = worker.job.control.is_over or worker.job.control.is_stopped
                status = TrialStatus.FAILED if limited else TrialStatus.STOPPED
                outcome = Outcome(status, duration_s=took_s, reason=worker.overdue)
            else:
                reason = f"its worker process {_how(exit_code)}"
                status = TrialStatus.STOPPED
                outcome = Outcome(status, duration_s=took_s, reason=reason, exit_code=exit_code)
            self._end(worker, outcome)
        self._restart(worker)

    def _restart(self, worker: _Worker) -> None:
        worker.ready, worker.overdue, worker.memory_bytes = False, None, None
        worker.link = self._starter.start(worker.number)


def _how(exit_code: int) -> str:
    return f"was ended by signal {-exit_code}" if exit_code < 0 else f"ended ({exit_code})"


def _overdue(job: Job) -> str:
    ended = "did not end: its worker process was ended"
    if job.control.is_over:
        return f"It took longer than max_time_per_trial={job.control.limit_s:g} s and {ended}."
    if job.control.is_stopped:
        return f"It was stopped by the user and {ended}."
    return f"cut off: it {ended}"


def _memory_of(process_id: int | None) -> int | None:
    if process_id is None:
        return None
    try:
        return int(psutil.Process(process_id).memory_info().rss)
    except psutil.Error:
        return None
