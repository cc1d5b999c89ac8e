"""`SearchOracle`: proposes as strategy and steering ask. `SearchTuner`: the loop of trials."""

from __future__ import annotations

import functools
import heapq
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import keras_tuner as kt

from nas_nb.errors import NasError, StrategyError
from nas_nb.evaluate.backend import MemoryWatch
from nas_nb.oracles.strategy_oracle import NoProposal, StrategyOracle
from nas_nb.record.events import USER, EventKind
from nas_nb.record.trial import Outcome, TrialStatus
from nas_nb.search.prior import first_of_prior, own_ancestors, with_prior
from nas_nb.search.settings import ActiveSteering, active_steering
from nas_nb.strategy.base import Proposal
from nas_nb.strategy.function import FunctionStrategy
from nas_nb.workers.control import Job, TrialControl, TrialStoppedError, TrialTask
from nas_nb.workers.trial_evaluation import PRUNING_RANK, SearchFiles

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial
    from nas_nb.search.settings import Settings, SteeringState
    from nas_nb.space.domain import Domain
    from nas_nb.strategy.base import Strategy
    from nas_nb.workers.control import Control, ReportEvent, Workers

_ASKS_BEFORE_RANDOM = 20


class SearchOracle(StrategyOracle):
    """Asks the strategy that steering has left in force, on what it has left of the space."""

    # All it goes by is in the journal: a search that was steered, killed and resumed proposes what
    # it would have proposed.

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
        if plan == self._plan or self.history.queued or self._unfinished() is not None:
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
        self._recorder.start(number, worker=self.history[number].worker)

    def _add(self, number: int) -> Proposal | NoProposal:
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

    def propose(self, number: int) -> Proposal | NoProposal:
        """Returns the first candidate of the user's, else what the strategy proposes."""
        queued = self.history.queued
        if queued:
            first = queued[0]
            return Proposal(dict(first.values), dict(first.fidelity), first.parent)
        self.adopt_steering()  # again: somebody may have steered since the loop asked
        prior = self.history.prior
        known = first_of_prior(self.history, self.strategy) if prior else None
        if known is not None:
            return Proposal(known)
        try:
            made = super().propose(number)
        except NasError as error:
            if not self._plan.rules:
                raise
            raise StrategyError(f"{error} {self._hint}") from error
        if isinstance(made, NoProposal) and self._plan.rules:
            return NoProposal(f"{made.reason} {self._hint}")
        return own_ancestors(made) if prior and isinstance(made, Proposal) else made

    def _shown(self, strategy: Strategy) -> History:
        return with_prior(self.history, strategy) if self.history.prior else self.history

    @property
    def _hint(self) -> str:
        """Says that the space is restricted, where that may be why nothing was proposed."""
        rules = str(self._plan.rules)
        return f"The search is restricted ({rules}): `search.steer.unrestrict()` lifts that."


def confine(strategy: Strategy, domain: Domain) -> Strategy:
    """Returns the strategy over a part of its space."""
    # A function knows nothing of the part: what it proposes outside is asked for again, and then
    # drawn at random.
    if not isinstance(strategy, FunctionStrategy):
        return strategy.over(domain)
    ask, whole = strategy.function, strategy.domain

    @functools.wraps(ask, updated=())
    def inside(history: History, rng: np.random.Generator) -> Any:
        for _ in range(_ASKS_BEFORE_RANDOM):
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


FAILURES_BEFORE_PAUSE = 10
DEATHS_BEFORE_FAILURE = {"kernel": 2, "worker": 3}


class SearchTuner(kt.Tuner):  # type: ignore[misc]
    """A KerasTuner tuner whose only memory is the journal, and whose trials are its workers'."""

    oracle: SearchOracle

    def __init__(
        self,
        oracle: SearchOracle,
        settings: Callable[[], Settings],
        control: Control,
        files: SearchFiles,
        folder: Path,
        workers: Workers,
    ) -> None:
        self._settings = settings
        self.control = control
        self.files = files
        self._memory_limit = self.settings.budget.max_memory_bytes
        self._memory = MemoryWatch(self._memory_limit)
        self._workers = workers
        self._running: dict[int, Any] = {}
        self._planned: dict[int, int] = {}  # the last epoch of each that runs
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
        exhausted = None  # why nothing is left to propose, until another trial ends
        while True:
            has_room = exhausted is None and self._has_room()
            allowed = (has_room or not self._running) and self._wait_to_begin()
            if not (allowed or self._running):
                return None if self.control.stop_requested else self._spent()
            if has_room and allowed:
                # Preparing a strategy may take all the time that was left: then this is asked anew.
                if not self.oracle.adopt_steering():
                    exhausted = self._begin_trial()
                if exhausted is None:
                    continue
                if not self._running:
                    return exhausted
            ended = self._workers.next_outcome()
            if ended is not None:
                # What has ended may be worth promoting: then there is something to propose again.
                exhausted = None
                self._end_trial(*ended)

    def _has_room(self) -> bool:
        """Whether a worker is free, and the budget allows a trial more than those that run."""
        if self._workers.free is None or not self._running:
            return self._workers.free is not None
        most, ended = self.settings.budget.max_trials, len(self.history.finished)
        if most is not None and ended + len(self._running) >= most:
            return False
        return self._epochs_left() > 0

    def _begin_trial(self) -> str | None:
        """Gives a worker the next trial; returns why there is none."""
        worker = self._workers.free
        assert worker is not None
        who = f"{self.tuner_id}-{worker}" if worker else self.tuner_id
        trial = self.oracle.create_trial(who, worker)
        if trial.status != "RUNNING":
            return self.oracle.reason or "nothing is left to propose"
        number = int(trial.trial_id)
        self._running[number] = trial
        deaths, place = self.history[number].deaths, self._workers.place
        if deaths >= DEATHS_BEFORE_FAILURE[place]:
            reason = f"It ended its {place} {deaths} times: out of memory, or a crash in a library."
            self._end_trial(number, Outcome(TrialStatus.FAILED, duration_s=0.0, reason=reason))
            return None
        limit_s = self.settings.budget.max_time_per_trial_s

        def last_epoch(done: int) -> int:
            return self._last_epoch(number, done)

        control = TrialControl(self.control, number, limit_s, last_epoch)
        self._workers.submit(
            worker, Job(self._task(number), control, self._report(number, control))
        )
        return None

    def _end_trial(self, number: int, outcome: Outcome) -> None:
        """Writes down how a trial ended; one that was cut off is handed out again."""
        self.oracle.end_trial(self._running.pop(number), outcome)
        self._planned.pop(number, None)
        self.files.checkpoints.remove_unneeded()
        self.files.states.remove_unneeded()

    def _wait_to_begin(self) -> bool:
        """Waits while the search is paused; returns whether a trial may begin then."""
        if self.control.stop_requested or self.control.out_of_time:
            return False  # a warning of before must not pause what ends
        self._pause_on_trouble()
        if self._running and self.control.pause_requested:
            return False  # the workers pause first
        return not self.control.checkpoint() and self._spent() is None

    def _pause_on_trouble(self) -> None:
        """Asks for a pause where trials fail one after the other, or memory runs short."""
        count, reason = self.history.failures_in_a_row
        if count and count % FAILURES_BEFORE_PAUSE == 0:
            self.control.pause(f"{count} trials in a row failed for one reason: {reason}")
        if self._memory_limit != self.settings.budget.max_memory_bytes:
            self._memory_limit = self.settings.budget.max_memory_bytes
            self._memory = MemoryWatch(self._memory_limit)
        warning = self._memory.warning()
        if warning is not None:
            self.control.pause(warning)

    def _spent(self) -> str | None:
        return self.settings.budget.spent(self.history, self.control.elapsed_s)

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
        if len(known) < PRUNING_RANK:
            return None
        best = heapq.nlargest if self.history.direction == "max" else heapq.nsmallest
        return best(PRUNING_RANK, known)[-1]

    def _last_epoch(self, number: int, done: int) -> int:
        granted = self.settings.fidelity.granted(self.history.fidelity_of(number))
        left = self._epochs_left(number)
        most = min(left, granted.epochs * granted.executions_per_trial)
        most //= granted.executions_per_trial
        self._planned[number] = last = int(min(granted.epochs, done + most))
        return last

    def _epochs_left(self, number: int | None = None) -> float:
        """The epochs of the budget that no trial but `number` is going to train."""
        left = self.settings.budget.epochs_left(self.history)
        if math.isinf(left):
            return left
        for other in self._running.keys() - {number}:
            trial = self.history[other]
            executions = self.settings.fidelity.granted(trial.fidelity).executions_per_trial
            left -= max(0, self._planned.get(other, 0) - trial.epochs) * executions
        return max(0, left)

    def _report(self, number: int, control: TrialControl) -> ReportEvent:
        def report(kind: str, /, **fields: Any) -> None:
            if control.abandoned:
                raise TrialStoppedError
            if kind == EventKind.TRIAL_STARTED:
                self.oracle.start_again(number)
            else:
                self.oracle.journal.append(kind, trial=number, **fields)

        return report
