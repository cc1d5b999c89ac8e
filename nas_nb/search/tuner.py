"""The search's own `kt.Tuner` and `kt.Oracle`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from traceback import format_exc
from typing import TYPE_CHECKING, Any, NoReturn

import keras_tuner as kt
from keras_tuner.engine import trial as kt_trial

from nas_nb.errors import NasError, StrategyError
from nas_nb.evaluate.backend import MemoryWatch
from nas_nb.oracles.strategy_oracle import StrategyOracle
from nas_nb.record.events import USER
from nas_nb.search.steering_state import ActiveSteering, active_steering
from nas_nb.strategy.base import Proposal
from nas_nb.strategy.function import FunctionStrategy
from nas_nb.workers.checkpoints import CheckpointStore, TrainingStateStore
from nas_nb.workers.control import TrialError, TrialStoppedError
from nas_nb.workers.trial_evaluation import TrialEvaluation

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.record.journal import Journal
    from nas_nb.search.settings import Settings
    from nas_nb.search.steering_state import SteeringState
    from nas_nb.space.domain import Domain
    from nas_nb.strategy.base import Strategy
    from nas_nb.workers.checkpoints import BestEpoch
    from nas_nb.workers.control import Control

FAILURES_BEFORE_PAUSE = 10


class SearchEnd(BaseException):
    """Leaves KerasTuner's search loop; a `BaseException`, since the loop catches `Exception`."""


class SearchTuner(kt.Tuner):  # type: ignore[misc]
    """A KerasTuner tuner whose only memory is the journal.

    It trains every candidate with the trainer, journals every epoch, keeps the weights of the best
    trials, and obeys the control between two batches.

    Args:
        oracle: Proposes; it writes into the same journal.
        settings: What defines the search.
        journal: Where everything is written down.
        control: Pause and stop.
        folder: The project's folder, for checkpoints and states.

    Attributes:
        spent: Which limit of the budget ended the search, or None.
        elapsed_before_s: Seconds that earlier runs of the same search have spent.
    """

    def __init__(
        self,
        oracle: StrategyOracle,
        settings: Settings,
        journal: Journal,
        control: Control,
        folder: Path,
    ) -> None:
        self.settings = settings
        self.journal = journal
        self.control = control
        self.checkpoints = CheckpointStore(folder / "checkpoints", journal.history)
        self.states = TrainingStateStore(
            folder / "states",
            journal.history,
            settings.fidelity,
            inherited=settings.strategy.inherits,
        )
        self.states.prune()  # so that what may be inherited is a function of the journal
        oracle.from_epoch = self.states.start_of
        self.memory = MemoryWatch(settings.budget.max_memory_bytes)
        self.spent: str | None = None
        self.elapsed_before_s = 0.0
        super().__init__(
            oracle, settings.space, directory=str(folder.parent), project_name=folder.name
        )

    @property
    def elapsed_s(self) -> float:
        """Seconds of search so far, earlier runs included and pauses left out."""
        return self.elapsed_before_s + self.control.elapsed_s

    def _populate_initial_space(self) -> None:
        """Does nothing: the oracle has the whole space already, without building models."""

    def save(self) -> None:
        """Does nothing: the journal is the record."""

    def reload(self) -> None:
        """Does nothing: the oracle reads the journal."""

    def pre_create_trial(self) -> None:
        """Ends the search when the budget is spent or the user asked for it."""
        count, reason = self.journal.history.failures_in_a_row
        if count and count % FAILURES_BEFORE_PAUSE == 0:
            self.control.pause(f"{count} trials in a row failed for one reason: {reason}")
        warning = self.memory.warning()
        if warning is not None:
            self.control.pause(warning)
        if self.control.checkpoint() or self._budget_spent():
            self._leave()

    def _budget_spent(self) -> str | None:
        return self.settings.budget.spent(self.journal.history, self.elapsed_s)

    def _leave(self) -> NoReturn:
        if not self.control.stop_requested:
            self.spent = self._budget_spent()
        raise SearchEnd

    def _try_run_and_update_trial(self, trial: Any, *fit_args: Any, **fit_kwargs: Any) -> None:
        try:
            best = self.run_trial(trial)
            self.oracle.update_trial(trial.trial_id, best.logs, step=best.epoch)
            trial.status = kt_trial.TrialStatus.COMPLETED
        except TrialStoppedError:
            self._cut_off(trial.trial_id)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - what it raises is its reason
            trial.status = kt_trial.TrialStatus.FAILED
            told = isinstance(error, TrialError | NasError)
            trial.message = str(error) if told else format_exc()

    def run_trial(self, trial: Any, *fit_args: Any, **fit_kwargs: Any) -> BestEpoch:
        """Builds and trains one candidate.

        Args:
            trial: KerasTuner's trial; its id is the trial's number.
            *fit_args: Ignored.
            **fit_kwargs: Ignored.

        Returns:
            The best epoch by the objective.
        """
        number = int(trial.trial_id)
        began_s = self.control.elapsed_s
        evaluation = TrialEvaluation(
            number, self.settings, self.journal, self.control, self.checkpoints, self.states
        )
        try:
            best = evaluation.run()
        finally:
            self.oracle.durations_s[trial.trial_id] = self.control.elapsed_s - began_s
        self.oracle.checkpoints[trial.trial_id] = best.checkpoint
        return best

    def _cut_off(self, trial_id: str) -> NoReturn:
        self.journal.append(
            "trial_ended",
            trial=int(trial_id),
            status="stopped",
            score=None,
            reason="cut off: the search was stopped or its time was up",
            duration_s=self.oracle.durations_s.pop(trial_id),
            checkpoint=None,
        )
        self._leave()

    def on_trial_end(self, trial: Any) -> None:
        """Ends the trial in the oracle, which journals it, and drops what fell out of the best."""
        self.oracle.end_trial(trial)
        self.checkpoints.prune()
        self.states.prune()


_REPEATS = 20


class SearchOracle(StrategyOracle):
    """Asks the strategy that steering has left in force, on what it has left of the space.

    Everything it goes by is in the journal, and so a search that was steered, killed and resumed
    proposes what it would have proposed.

    Args:
        *args: As for `StrategyOracle`.
        domain: The whole space.
        steering_state: What it shares with the thread that steers.
        **kwargs: As for `StrategyOracle`.

    Attributes:
        prepare: Called with a strategy before its first proposal, when steering has put it there.
    """

    def __init__(
        self, *args: Any, domain: Domain, steering_state: SteeringState, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._opened_with = self._strategy
        self._whole = domain
        self._helm = steering_state
        self._plan = ActiveSteering()
        self.prepare: Callable[[Strategy], None] | None = None

    def _propose(self) -> int | None:
        number = len(self.history)
        while True:
            seen = len(self.history.steering)
            made = self._next(number)
            with self._helm.guard:
                if len(self.history.steering) != seen:
                    continue  # somebody steered meanwhile: it counts from this proposal on
                if made is None:
                    return None
                self._recorder.propose(number, *made)
                return number

    def _next(self, number: int) -> tuple[Proposal, str] | None:
        """Returns the next proposal and whose it is, or None: `reason` and `error` say why."""
        queued = self.history.queued
        if queued:
            first = queued[0]
            return Proposal(dict(first.values), dict(first.fidelity), first.parent), USER
        self._adopt(active_steering(self.history))
        self.error = None
        answer = self.populate_space(f"{number:06d}")
        if answer["values"] is None:
            self._explain()
            return None
        assert self._proposal is not None
        return self._proposal, self._strategy.name

    def _adopt(self, plan: ActiveSteering) -> None:
        """Lets the strategy of the plan propose from what the plan leaves of the space."""
        if plan == self._plan:
            return
        who = plan.strategy
        strategy = self._opened_with if who is None else self._helm.strategy(*who)
        self._strategy = confine(strategy, plan.rules.narrow(self._whole))
        self._plan = plan
        if who is not None and self.prepare is not None:
            self.prepare(self._strategy)

    def _explain(self) -> None:
        """Says that the space is restricted, where that may be why nothing was proposed."""
        if not self._plan.rules:
            return
        rules = str(self._plan.rules)
        hint = f"The search is restricted ({rules}): `search.steer.unrestrict()` lifts that."
        self.reason = f"{self.reason} {hint}"
        if isinstance(self.error, NasError):
            explained = StrategyError(f"{self.error} {hint}")
            explained.__cause__ = self.error
            self.error = explained


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
