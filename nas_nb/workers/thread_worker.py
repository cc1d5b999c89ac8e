"""The kernel as the worker; a thread of it, which is left behind where it can't be ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING

from nas_nb.evaluate.global_state import KerasSettings, abandon_seeds
from nas_nb.record.trial import Outcome, TrialStatus
from nas_nb.workers.trial_evaluation import evaluate_trial

if TYPE_CHECKING:
    from nas_nb.evaluate.fidelity import FidelityCache
    from nas_nb.workers.control import TrialControl
    from nas_nb.workers.messages import Job, WorkerStatus
    from nas_nb.workers.trial_evaluation import TrialFiles

GRACE_S = 5.0
"""Seconds that a trial has for its end, once it has to end: a first trace needs some."""
_POLL_S = 0.05
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

    def wait(self) -> tuple[int, Outcome] | None:
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
            while not call.done.wait(_POLL_S):
                control.follow()
                if not control.has_to_end:
                    due_at = None
                elif due_at is None:
                    due_at = time.monotonic() + GRACE_S
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
