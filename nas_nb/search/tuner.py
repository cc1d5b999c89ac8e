"""The tuner: runs one trial after the other and writes down what happens."""

from __future__ import annotations

from traceback import format_exc
from typing import TYPE_CHECKING, Any, NoReturn

import keras_tuner as kt
from keras_tuner.engine import trial as kt_trial

from nas_nb.errors import NasError
from nas_nb.search.checkpoints import Checkpoints
from nas_nb.search.evaluation import Evaluation
from nas_nb.search.memory import MemoryWatch
from nas_nb.search.states import States
from nas_nb.search.trial_error import TrialError, TrialStoppedError

if TYPE_CHECKING:
    from pathlib import Path

    from nas_nb.record.journal import Journal
    from nas_nb.search.best_epoch import BestEpoch
    from nas_nb.search.control import Control
    from nas_nb.search.settings import Settings
    from nas_nb.strategy.oracle import StrategyOracle

FAILURES_BEFORE_PAUSE = 10


class SearchEnd(BaseException):
    """Leaves KerasTuner's search loop; a `BaseException`, since the loop catches `Exception`."""


class JournalTuner(kt.Tuner):  # type: ignore[misc]
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
        self.checkpoints = Checkpoints(folder / "checkpoints", journal.history)
        self.states = States(
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
        evaluation = Evaluation(
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
