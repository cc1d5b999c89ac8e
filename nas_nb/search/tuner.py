"""`SearchTuner`: the loop of a search, one trial after the other; a `kt.Tuner`."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras_tuner as kt

from nas_nb.evaluate.backend import MemoryWatch
from nas_nb.record.events import EventKind
from nas_nb.record.trial import Outcome, TrialStatus
from nas_nb.workers.checkpoints import KEPT_CHECKPOINTS
from nas_nb.workers.control import TrialControl, TrialStoppedError
from nas_nb.workers.thread_worker import ThreadWorker
from nas_nb.workers.trial_evaluation import TrialFiles, TrialTask, evaluate_trial

if TYPE_CHECKING:
    from pathlib import Path

    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial
    from nas_nb.search.oracle import SearchOracle
    from nas_nb.search.settings import Settings
    from nas_nb.workers.control import Control
    from nas_nb.workers.trial_evaluation import ReportEvent

FAILURES_BEFORE_PAUSE = 10
DEATHS_BEFORE_FAILURE = 2


class SearchTuner(kt.Tuner):  # type: ignore[misc]
    """A KerasTuner tuner whose only memory is the journal, and whose worker is this thread."""

    oracle: SearchOracle

    def __init__(
        self,
        oracle: SearchOracle,
        settings: Callable[[], Settings],
        control: Control,
        files: TrialFiles,
        folder: Path,
    ) -> None:
        self._settings = settings
        self.control = control
        self.files = files
        self._memory_limit = self.settings.budget.max_memory_bytes
        self._memory = MemoryWatch(self._memory_limit)
        self._worker = ThreadWorker()
        super().__init__(
            oracle, self.settings.space, directory=str(folder.parent), project_name=folder.name
        )

    @property
    def settings(self) -> Settings:
        """What defines the search now."""
        return self._settings()

    @property
    def history(self) -> History:
        """What happened so far."""
        return self.oracle.history

    def _populate_initial_space(self) -> None:
        """Does nothing: the oracle has the whole space already, without building models."""

    def save(self) -> None:
        """Does nothing: the journal is the record."""

    def reload(self) -> None:
        """Does nothing: the oracle reads the journal."""

    def search(self) -> str | None:
        """Runs trials until the budget or the space is spent, or the control says so."""
        try:
            return self._search()
        finally:
            self._worker.close()

    def _search(self) -> str | None:
        while not self._is_over():
            if self.oracle.adopt_steering():
                continue  # preparing a strategy may have taken all the time that was left
            trial = self.oracle.create_trial(self.tuner_id)
            if trial.status != "RUNNING":
                return self.oracle.reason or "nothing is left to propose"
            outcome = self.run_trial(trial)
            self.oracle.end_trial(trial, outcome)
            if outcome.status is TrialStatus.STOPPED:
                break
            self.files.checkpoints.remove_unneeded()
            self.files.states.remove_unneeded()
        return None if self.control.stop_requested else self._spent()

    def _is_over(self) -> bool:
        count, reason = self.history.failures_in_a_row
        if count and count % FAILURES_BEFORE_PAUSE == 0:
            self.control.pause(f"{count} trials in a row failed for one reason: {reason}")
        if self._memory_limit != self.settings.budget.max_memory_bytes:
            self._memory_limit = self.settings.budget.max_memory_bytes
            self._memory = MemoryWatch(self._memory_limit)
        warning = self._memory.warning()
        if warning is not None:
            self.control.pause(warning)
        return self.control.checkpoint() or self._spent() is not None

    def _spent(self) -> str | None:
        return self.settings.budget.spent(self.history, self.control.elapsed_s)

    def run_trial(self, trial: Any, *fit_args: Any, **fit_kwargs: Any) -> Outcome:
        """Lets the worker evaluate one candidate."""
        number = int(trial.trial_id)
        deaths = self.history[number].deaths
        if deaths >= DEATHS_BEFORE_FAILURE:
            reason = f"It ended its kernel {deaths} times: out of memory, or a crash in a library."
            return Outcome(TrialStatus.FAILED, duration_s=0.0, reason=reason)
        limit_s = self.settings.budget.max_time_per_trial_s

        def last_epoch(done: int) -> int:
            return self._last_epoch(number, done)

        control = TrialControl(self.control, number, limit_s, last_epoch)
        cache = self.settings.fidelity_cache
        task, report = self._task(number), self._report(number, control)
        if limit_s is None:
            return evaluate_trial(task, cache, self.files, report, control)
        # Code of the user's may never come back: somebody else has to watch the time.
        return self._worker.evaluate(
            lambda: evaluate_trial(task, cache, self.files, report, control), control
        )

    def _task(self, number: int) -> TrialTask:
        its, trial = self.settings, self.history[number]
        parent = None if trial.parent is None else self.history[trial.parent]
        return TrialTask(
            trial,
            its.fidelity.granted(trial.fidelity),
            its.objective,
            parent,
            its.fidelity.granted(parent.fidelity) if parent else None,
            continues=self.files.states.continued(trial) is not None,
            limits=its.budget.trial_limits(),
            latency="latency_s"
            in (its.strategy.options.get("cost"), *its.minimised, *its.budget.trial_limits()),
            target=self._target(trial),
        )

    def _target(self, trial: Trial) -> float | None:
        if not self.settings.fidelity.granted(trial.fidelity).prune:
            return None
        scores = [t.score for t in self.history.completed if t.fidelity == trial.fidelity]
        known = [score for score in scores if score is not None]
        if len(known) < KEPT_CHECKPOINTS:
            return None
        best = heapq.nlargest if self.history.direction == "max" else heapq.nsmallest
        return best(KEPT_CHECKPOINTS, known)[-1]

    def _last_epoch(self, number: int, done: int) -> int:
        granted = self.settings.fidelity.granted(self.history[number].fidelity)
        left = self.settings.budget.epochs_left(self.history)
        most = min(left, granted.epochs * granted.executions_per_trial)
        most //= granted.executions_per_trial
        return int(min(granted.epochs, done + most))

    def _report(self, number: int, control: TrialControl) -> ReportEvent:
        def report(kind: str, /, **fields: Any) -> None:
            if control.abandoned:
                raise TrialStoppedError
            if kind == EventKind.TRIAL_STARTED:
                self.oracle.start_again(number)
            else:
                self.oracle.journal.append(kind, trial=number, **fields)

        return report
