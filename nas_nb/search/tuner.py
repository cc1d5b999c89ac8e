"""The search's own `kt.Tuner` and `kt.Oracle`."""

from __future__ import annotations

import functools
import heapq
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import keras_tuner as kt

from nas_nb.errors import NasError, StrategyError
from nas_nb.evaluate.backend import MemoryWatch
from nas_nb.oracles.strategy_oracle import Exhausted, StrategyOracle
from nas_nb.record.events import USER, EventKind
from nas_nb.record.trial import Outcome, TrialStatus
from nas_nb.search.steering_state import ActiveSteering, active_steering
from nas_nb.strategy.base import Proposal
from nas_nb.strategy.function import FunctionStrategy
from nas_nb.workers.checkpoints import KEPT_CHECKPOINTS
from nas_nb.workers.control import TrialControl, TrialStoppedError
from nas_nb.workers.thread_worker import ThreadWorker
from nas_nb.workers.trial_evaluation import TrialFiles, TrialTask, evaluate_trial

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial
    from nas_nb.search.settings import Settings
    from nas_nb.search.steering_state import SteeringState
    from nas_nb.space.domain import Domain
    from nas_nb.strategy.base import Strategy
    from nas_nb.workers.control import Control
    from nas_nb.workers.trial_evaluation import Report

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
            self.files.checkpoints.prune()
            self.files.states.prune()
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
            latency="latency_s" in (its.strategy.options.get("cost"), *its.budget.trial_limits()),
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

    def _report(self, number: int, control: TrialControl) -> Report:
        def report(kind: str, /, **fields: Any) -> None:
            if control.abandoned:
                raise TrialStoppedError
            if kind == EventKind.TRIAL_STARTED:
                self.oracle.start_again(number)
            else:
                self.oracle.journal.append(kind, trial=number, **fields)

        return report


_REPEATS = 20


class SearchOracle(StrategyOracle):
    """Asks the strategy that steering has left in force, on what it has left of the space.

    Everything it goes by is in the journal, and so a search that was steered, killed and resumed
    proposes what it would have proposed.
    """

    def __init__(
        self,
        *args: Any,
        domain: Domain,
        steering_state: SteeringState,
        prepare: Callable[[Strategy], None] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._opened_with = self._strategy
        self._whole = domain
        self._steering = steering_state
        self._prepare = prepare
        self._plan = ActiveSteering()

    def adopt_steering(self) -> bool:
        """Lets the strategy in force propose next, from what is left of the space."""
        plan = active_steering(self.history)
        if plan == self._plan or self.history.queued or self._waiting() is not None:
            return False
        who = plan.strategy
        strategy = self._opened_with if who is None else self._steering.strategy(*who)
        self._strategy = confine(strategy, plan.rules.narrow(self._whole))
        self._plan = plan
        if who is not None and self._prepare is not None:
            self._prepare(self._strategy)
        return True

    def start_again(self, number: int) -> None:
        """Begins another attempt at a running trial, from its first epoch."""
        self._recorder.start(number)

    def _add(self, number: int) -> Proposal | Exhausted:
        while True:
            seen = len(self.history.steering)
            made = self.propose(number)
            with self._steering.guard:
                if len(self.history.steering) != seen:
                    continue  # somebody steered meanwhile: it counts from this proposal on
                if isinstance(made, Proposal):
                    origin = USER if self.history.queued else self._strategy.name
                    self._recorder.propose(number, made, origin)
                return made

    def propose(self, number: int) -> Proposal | Exhausted:
        """Returns the first candidate of the user's, else what the strategy proposes."""
        queued = self.history.queued
        if queued:
            first = queued[0]
            return Proposal(dict(first.values), dict(first.fidelity), first.parent)
        self.adopt_steering()
        try:
            made = super().propose(number)
        except NasError as error:
            if not self._plan.rules:
                raise
            raise StrategyError(f"{error} {self._hint}") from error
        if self._plan.rules and isinstance(made, Exhausted):
            return Exhausted(f"{made.reason} {self._hint}")
        return made

    @property
    def _hint(self) -> str:
        """Says that the space is restricted, where that may be why nothing was proposed."""
        rules = str(self._plan.rules)
        return f"The search is restricted ({rules}): `search.steer.unrestrict()` lifts that."


def confine(strategy: Strategy, domain: Domain) -> Strategy:
    """Returns the strategy over a part of its space.

    A function knows nothing of the part: what it proposes outside is asked for again, and then
    drawn at random.
    """
    if not isinstance(strategy, FunctionStrategy):
        return strategy.over(domain)
    ask, whole = strategy.function, strategy.domain

    @functools.wraps(ask, updated=())
    def inside(history: History, rng: np.random.Generator) -> Any:
        for _ in range(_REPEATS):
            proposed = ask(history, rng)
            values = (
                proposed if isinstance(proposed, Mapping) else getattr(proposed, "values", None)
            )
            # What is in no part of the space is a mistake, which the strategy's own check names.
            if not isinstance(values, Mapping) or domain.contains(values):
                return proposed
            if not whole.contains(values):
                return proposed
        return domain.sample(rng)

    inside.__name__ = strategy.name
    return FunctionStrategy(inside).over(domain)
