"""The tuner: runs one trial after the other and writes down what happens."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from traceback import format_exc
from typing import TYPE_CHECKING, Any, NoReturn

import keras_tuner as kt
import numpy as np
import numpy.typing as npt
from keras_tuner.engine import trial as kt_trial

from nas_nb.evaluate.seeds import seeded, trial_seed
from nas_nb.evaluate.trainer import train
from nas_nb.search.checkpoints import Checkpoints

if TYPE_CHECKING:
    import keras

    from nas_nb.record.journal import Journal
    from nas_nb.search.control import Control
    from nas_nb.search.settings import Settings
    from nas_nb.strategy.oracle import StrategyOracle

FAILURES_BEFORE_PAUSE = 10


class SearchEnd(BaseException):
    """Leaves KerasTuner's search loop; a `BaseException`, since the loop catches `Exception`."""


class TrialError(Exception):
    """A candidate that can't be evaluated; its text is the reason in the trial's row."""


class JournalTuner(kt.Tuner):  # type: ignore[misc]
    """A KerasTuner tuner whose only memory is the journal.

    It trains every candidate with the trainer, journals every epoch, keeps the weights of the best
    trials, and obeys the control between two batches.

    Args:
        oracle: Proposes; it writes into the same journal.
        settings: What defines the search.
        journal: Where everything is written down.
        control: Pause and stop.
        folder: The project's folder, for checkpoints.

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
            self._pause_after_failures(count, reason)
        if self.control.checkpoint() or self._budget_spent():
            self._leave()

    def _budget_spent(self) -> str | None:
        return self.settings.budget.spent(self.journal.history, self.elapsed_s)

    def _leave(self) -> NoReturn:
        if not self.control.stop_requested:
            self.spent = self._budget_spent()
        raise SearchEnd

    def _pause_after_failures(self, count: int, reason: str | None) -> None:
        self.control.pause(f"{count} trials in a row failed for the same reason: {reason}")

    def _try_run_and_update_trial(self, trial: Any, *fit_args: Any, **fit_kwargs: Any) -> None:
        try:
            scored = self.run_trial(trial)
            self.oracle.update_trial(trial.trial_id, scored.logs, step=scored.epoch)
            trial.status = kt_trial.TrialStatus.COMPLETED
        except Exception as error:  # noqa: BLE001 - whatever a candidate raises is its reason
            trial.status = kt_trial.TrialStatus.FAILED
            trial.message = str(error) if isinstance(error, TrialError) else format_exc()

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
        seed = trial_seed(self.oracle.seed, number)
        model = self._build(trial.hyperparameters, number, seed)
        best = BestEpoch(self.oracle.objective, self.checkpoints)
        granted = self.settings.fidelity
        epochs = int(min(granted.epochs, self.settings.budget.epochs_left(self.journal.history)))

        def on_epoch(epoch: int, logs: Mapping[str, float], duration_s: float) -> None:
            self.journal.append(
                "epoch_ended", trial=number, epoch=epoch, logs=dict(logs), duration_s=duration_s
            )
            best.see(model, epoch, logs)

        result = train(
            model,
            self.settings.data,
            epochs=epochs,
            batch_size=granted.batch_size,
            seed=seed,
            on_epoch=on_epoch,
            control=self.control,
        )
        if result.note is not None:
            costs = self.journal.history[number].costs
            self.journal.append("trial_built", trial=number, costs=costs, note=result.note)
        if result.stopped:
            self._stop_trial(number)
        self.oracle.checkpoints[trial.trial_id] = best.save(model, number)
        return best

    def _build(self, hp: kt.HyperParameters, number: int, seed: int) -> keras.Model:
        with seeded(seed):
            model = self.hypermodel.build(hp)
        params = int(model.count_params())
        self.journal.append("trial_built", trial=number, costs={"params": params}, note=None)
        limit = self.settings.budget.max_params
        if limit is not None and params > limit:
            # The same words for all, so that failures for one reason are counted together.
            raise TrialError(f"The model has more parameters than max_params={limit:,} allows.")
        return model

    def _stop_trial(self, number: int) -> NoReturn:
        trial = self.journal.history[number]
        duration_s = time.time() - (trial.started or time.time())
        self.journal.append(
            "trial_ended",
            trial=number,
            status="stopped",
            score=None,
            reason="cut off: the search was stopped or its time was up",
            duration_s=duration_s,
            checkpoint=None,
        )
        self._leave()

    def on_trial_end(self, trial: Any) -> None:
        """Ends the trial in the oracle, which journals it, and drops what fell out of the best."""
        self.oracle.end_trial(trial)
        self.checkpoints.prune()


class BestEpoch:
    """The best epoch of a running trial, with its weights if they may be kept.

    Args:
        objective: KerasTuner's objective.
        checkpoints: Decides whether the weights are worth a copy.
    """

    def __init__(self, objective: kt.Objective, checkpoints: Checkpoints) -> None:
        self.objective = objective
        self.checkpoints = checkpoints
        self.epoch = 0
        self.logs: dict[str, float] = {}
        self.weights: list[npt.NDArray[np.generic]] | None = None

    def see(self, model: keras.Model, epoch: int, logs: Mapping[str, float]) -> None:
        """Takes one epoch's logs.

        Raises:
            TrialError: The objective is missing, or the loss is not finite.
        """
        name = self.objective.name
        if name not in logs:
            raise TrialError(
                f"The objective '{name}' is not among what the model reports "
                f"({', '.join(sorted(logs))}): compile that metric, or choose one of these."
            )
        if not math.isfinite(logs.get("loss", 0.0)) or not math.isfinite(logs[name]):
            raise TrialError(f"The loss or {name} is not finite after epoch {epoch}.")
        if not self.logs or self.objective.better_than(logs[name], self.logs[name]):
            self.epoch, self.logs = epoch, dict(logs)
            wanted = self.checkpoints.is_wanted(logs[name])
            self.weights = model.get_weights() if wanted else None

    def save(self, model: keras.Model, number: int) -> str | None:
        """Writes the weights of the best epoch, if they are kept, and returns the file's name."""
        if self.weights is None:
            return None
        return self.checkpoints.save(model, self.weights, number, self.logs[self.objective.name])
