"""Who evaluates trials: the kernel, a thread of it that can be left behind, or processes."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import wait
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from nas_nb.errors import SearchError
from nas_nb.evaluate.global_state import KerasSettings, abandon_seeds
from nas_nb.record.trial import Outcome, TrialStatus
from nas_nb.workers.control import (
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
from nas_nb.workers.trial_evaluation import evaluate_trial

if TYPE_CHECKING:
    from nas_nb.evaluate.fidelity import FidelityCache
    from nas_nb.workers.control import Control, Job, Link, Starter, TrialControl
    from nas_nb.workers.trial_evaluation import TrialFiles

POLL_S = 0.05
THREAD_GRACE_S = 5.0
"""Seconds that a trial has for its end, once it has to end: a first trace needs some."""
_LEFT = "could not be ended: its thread is left behind"


class _Call:
    """What the thread is asked for, and its answer."""

    def __init__(self, evaluate: Callable[[], Outcome]) -> None:
        self.evaluate = evaluate
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None
        self.done = threading.Event()

    def run(self) -> None:
        try:
            self.outcome = self.evaluate()
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self.error = error
        self.done.set()


class KernelWorker:
    """The kernel as the one worker: it evaluates a trial while it is waited for."""

    place, about = "kernel", ""

    def __init__(self, space_and_data: Callable[[], FidelityCache], files: TrialFiles) -> None:
        self._space_and_data = space_and_data
        self._files = files
        self._thread = ThreadWorker()
        self._job: Job | None = None

    @property
    def free(self) -> int | None:
        """The number of the worker, unless it has a trial."""
        return 0 if self._job is None else None

    def submit(self, worker: int, job: Job) -> None:
        """Gives it a trial."""
        self._job = job

    def next_outcome(self) -> tuple[int, Outcome] | None:
        """Evaluates the trial, and returns its number and how it ended."""
        job, self._job = self._job, None
        if job is None:
            return None
        cache, control = self._space_and_data(), job.control

        def evaluate() -> Outcome:
            return evaluate_trial(job.task, cache, self._files, job.report, control)

        # Code of the user's may never come back: then somebody else has to watch the time.
        limited = control.limit_s is not None
        outcome = self._thread.evaluate(evaluate, control) if limited else evaluate()
        return job.task.number, outcome

    def status(self) -> list[WorkerStatus]:
        """Returns nothing: there is no process."""
        return []

    def close(self) -> None:
        """Lets its thread end."""
        self._thread.close()


class ThreadWorker:
    """Evaluates trials one after the other, in the same thread as long as that obeys."""

    # Python can't end a thread whose code does not come back: it goes on, and is heard no more.

    def __init__(self) -> None:
        self._settings = KerasSettings.current()
        self._calls: SimpleQueue[_Call | None] | None = None
        self._thread: threading.Thread | None = None

    def evaluate(self, evaluate: Callable[[], Outcome], control: TrialControl) -> Outcome:
        """Returns the outcome of a trial; of one that can't be ended, that it was left behind."""
        call = _Call(evaluate)
        self._queue().put(call)
        due_at: float | None = None
        try:
            while not call.done.wait(POLL_S):
                control.follow()
                if not control.has_to_end:
                    due_at = None
                elif due_at is None:
                    due_at = time.monotonic() + THREAD_GRACE_S
                elif time.monotonic() > due_at:
                    return self._leave(control)
        except BaseException:
            self._leave(control)
            raise
        if call.error is not None:
            raise call.error
        assert call.outcome is not None
        return call.outcome

    def close(self) -> None:
        """Lets the thread end."""
        if self._calls is not None:
            self._calls.put(None)
            self._calls = None

    def _queue(self) -> SimpleQueue[_Call | None]:
        if self._calls is None:
            self._calls = SimpleQueue()
            name, given = f"nas_nb-trials-{id(self._calls):x}", (self._calls,)
            self._thread = threading.Thread(target=self._work, args=given, name=name, daemon=True)
            self._thread.start()
        return self._calls

    def _work(self, calls: SimpleQueue[_Call | None]) -> None:
        with self._settings.kept():
            while (call := calls.get()) is not None:
                call.run()

    def _leave(self, control: TrialControl) -> Outcome:
        control.abandoned = True
        self.close()
        if self._thread is not None and self._thread.ident is not None:
            abandon_seeds(self._thread.ident)
        took_s = control.used_s
        if control.is_over:
            reason = f"It took longer than max_time_per_trial={control.limit_s:g} s and {_LEFT}."
            return Outcome(TrialStatus.FAILED, duration_s=took_s, reason=reason)
        if control.is_stopped:
            reason = f"It was stopped by the user and {_LEFT}."
            return Outcome(TrialStatus.FAILED, duration_s=took_s, reason=reason)
        return Outcome(TrialStatus.STOPPED, duration_s=took_s, reason=f"cut off: it {_LEFT}")


GRACE_S = 20.0
"""Seconds that a trial has for its end, once it has to end: a first trace needs some."""
STARTS = 3
"""Processes in a row that may end before they are ready."""
_MEASURED_EVERY_S = 2.0


@dataclass
class _Worker:
    """One worker: its process, which may change, and its trial."""

    number: int
    place: Hashable
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

    def __init__(self, starter: Starter, control: Control, files: TrialFiles) -> None:
        self._starter = starter
        self._control = control
        self._files = files
        self._starts_failed = 0
        self._ended: deque[tuple[int, Outcome]] = deque()
        self._followed_at = self._measured_at = 0.0
        self._workers: dict[int, _Worker] = {}
        self._places: Collection[Hashable] = ()
        try:
            self._let_join_and_leave()
        except BaseException:
            self.close()
            raise

    @property
    def about(self) -> str:
        """How many processes there are, and why."""
        return self._starter.about

    @property
    def free(self) -> int | None:
        """The first worker that waits for a trial, once all that ended were taken."""
        if self._ended:
            return None
        waiting = (w for w in self._workers.values() if w.ready and w.job is None)
        return next((w.number for w in waiting if w.place in self._places), None)

    def status(self) -> list[WorkerStatus]:
        """Returns what each worker does."""
        return [
            WorkerStatus(
                worker.number,
                job.task.number if (job := worker.job) else None,
                worker.ready,
                worker.link.process_id,
                worker.memory_bytes,
                worker.place if isinstance(worker.place, str) else "",
            )
            for worker in [*self._workers.values()]
        ]

    def submit(self, worker: int, job: Job) -> None:
        """Gives a free worker a trial."""
        mine, task, files = self._workers[worker], job.task, self._files
        mine.job, mine.asked, mine.paused, mine.due_at = job, None, False, None
        mine.epochs = task.trial.epochs
        mine.last_epoch = job.control.last_epoch(mine.epochs)
        threshold = files.states.threshold(task.number)
        mine.link.send(Assignment(task, mine.last_epoch, files.checkpoints.best, threshold))

    def next_outcome(self) -> tuple[int, Outcome] | None:
        """Waits for news: a trial that ended, a worker that got ready, or nothing for a moment."""
        if not self._ended:
            self._follow()
            workers = self._workers.values()
            watched = {one: worker for worker in workers for one in worker.link.waitables()}
            for one in wait([*watched], POLL_S):
                self._take(watched[one])
        return self._ended.popleft() if self._ended else None

    def close(self) -> None:
        """Ends all processes, whatever they do."""
        for worker in self._workers.values():
            worker.link.kill()
        self._starter.close()

    def _let_join_and_leave(self) -> None:
        """Starts a worker at each new place; one whose place is gone leaves after its trial."""
        self._places = places = self._starter.places
        for worker in [*self._workers.values()]:
            if worker.place not in places:
                self._take(worker)
                if worker.job is None and worker.number in self._workers:
                    worker.link.kill()
                    self._remove(worker)
        known = {worker.place for worker in self._workers.values()}
        numbers = (number for number in count() if number not in self._workers)
        for place in places:
            if place not in known:
                number = next(numbers)
                link = self._starter.start(number, place)
                self._workers = {**self._workers, number: _Worker(number, place, link)}

    def _follow(self) -> None:
        """Passes on what is asked of the search and of its trials."""
        self._control.follow()
        now = time.monotonic()
        if now - self._followed_at < POLL_S:
            return
        self._followed_at = now
        self._let_join_and_leave()
        busy = [worker for worker in self._workers.values() if worker.job is not None]
        for worker in busy:
            self._relay(worker, now)
        if self._pauses and all(worker.paused for worker in busy):
            self._control.wait()
        if now - self._measured_at > _MEASURED_EVERY_S:
            self._measured_at = now
            for worker in self._workers.values():
                worker.memory_bytes = worker.link.memory_bytes

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
            self._replace(worker, None if link.left else link.exit_code, link.how_it_ended)

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
        most = self._starter.recycle_bytes
        if most is not None and (worker.link.memory_bytes or 0) > most:
            worker.link.kill()
            self._restart(worker)

    def _replace(self, worker: _Worker, exit_code: int | None, how: str) -> None:
        """Puts a new process in the place of a lost one; its trial is cut off, to run again."""
        if not worker.ready and exit_code is not None and worker.place in self._places:
            self._starts_failed += 1
            if self._starts_failed >= STARTS:
                raise SearchError(
                    f"Expected worker processes that start. Received: {self._starts_failed} in a "
                    f"row were not ready before their end; the last {how}. Take fewer "
                    "workers, which need less memory, or workers='kernel'."
                )
        if worker.job is not None:
            took_s = worker.job.control.used_s
            if worker.overdue is not None:
                limited = worker.job.control.is_over or worker.job.control.is_stopped
                status = TrialStatus.FAILED if limited else TrialStatus.STOPPED
                outcome = Outcome(status, duration_s=took_s, reason=worker.overdue)
            else:
                reason = f"its worker process {how}"
                status = TrialStatus.STOPPED
                outcome = Outcome(status, duration_s=took_s, reason=reason, exit_code=exit_code)
            self._end(worker, outcome)
        self._restart(worker)

    def _restart(self, worker: _Worker) -> None:
        worker.ready, worker.overdue, worker.memory_bytes = False, None, None
        if worker.place in self._places:
            worker.link = self._starter.start(worker.number, worker.place)
        else:
            self._remove(worker)

    def _remove(self, worker: _Worker) -> None:
        # A dict of its own: another thread may be reading the one before.
        self._workers = {n: w for n, w in self._workers.items() if w is not worker}


def _overdue(job: Job) -> str:
    ended = "did not end: its worker process was ended"
    if job.control.is_over:
        return f"It took longer than max_time_per_trial={job.control.limit_s:g} s and {ended}."
    if job.control.is_stopped:
        return f"It was stopped by the user and {ended}."
    return f"cut off: it {ended}"
