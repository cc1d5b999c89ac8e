"""One trial: build, check limits, start weights, train, keep the best epoch."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nas_nb.errors import SearchError
from nas_nb.evaluate.backend import is_out_of_memory
from nas_nb.evaluate.candidate import Candidate, repeat_seed
from nas_nb.evaluate.costs import costs, latency_s, without_weights
from nas_nb.evaluate.early_stopping import cannot_reach, is_plateau
from nas_nb.evaluate.seeds import seeded
from nas_nb.evaluate.training_state import TrainingResult, TrainingState, build, restore
from nas_nb.evaluate.weight_inheritance import inherit
from nas_nb.workers.checkpoints import (
    KEPT_CHECKPOINTS,
    BestEpoch,
    StateCheckpointer,
    load_checkpoint,
)
from nas_nb.workers.control import TrialDeadline, TrialError, TrialStoppedError

if TYPE_CHECKING:
    import keras

    from nas_nb.data.dataset import Data
    from nas_nb.evaluate.fidelity import Fidelity
    from nas_nb.record.history import History
    from nas_nb.record.journal import Journal
    from nas_nb.record.trial import Trial
    from nas_nb.search.settings import Settings
    from nas_nb.space.search_space import SearchSpace
    from nas_nb.workers.checkpoints import CheckpointStore, TrainingStateStore
    from nas_nb.workers.control import Control


@dataclass(frozen=True)
class TrialEvaluation:
    """One trial's evaluation.

    Attributes:
        number: The trial's number.
        settings: What defines the search.
        journal: Where costs and epochs are written.
        control: Pause and stop.
        checkpoints: Says whether weights are worth keeping.
        states: Where a training can be continued from.
        notes: What is worth a word in the trial's row.
    """

    number: int
    settings: Settings
    journal: Journal
    control: Control
    checkpoints: CheckpointStore
    states: TrainingStateStore
    notes: list[str] = field(default_factory=list)

    @property
    def trial(self) -> Trial:
        """The trial as it is now."""
        return self.journal.history[self.number]

    @property
    def seed(self) -> int:
        """Decides initial weights and the order of samples."""
        return self.trial.seed or 0

    @property
    def granted(self) -> Fidelity:
        """How much training it gets."""
        return self.settings.fidelity.granted(self.trial.fidelity)

    def run(self) -> BestEpoch:
        """Builds and trains the candidate; out of memory, once more with half the batch.

        Raises:
            TrialError: It is over a limit, or its scores are not finite.
            TrialStoppedError: The control ended it.
        """
        batch_size = self.granted.batch_size
        try:
            return self._attempt(batch_size, cut_off=self.trial.attempt > 1)
        except Exception as error:
            if batch_size == 1 or not is_out_of_memory(error):
                raise
            half = batch_size // 2
            self.notes[:] = [f"out of memory at batch size {batch_size}: trained at {half}"]
            self._start_again()
            return self._attempt(half)

    def _attempt(self, batch_size: int, *, cut_off: bool = False) -> BestEpoch:
        space, data = self.settings.fidelity_cache.of(self.granted)
        self._check_limits(space)
        if cut_off and not self.trial.epochs:
            self.notes.append("cut off before: trained from its start")
        beginning = self._begin(space, data)
        model = beginning.candidate.models[0]
        measured = costs(model)
        self._measure_latency(model, measured, data)
        self._write_built(measured)
        self._check_latency(measured)
        best = BestEpoch(self.settings.objective, self.checkpoints)
        if beginning.state is not None:
            best.recall(self.trial.curve, beginning.state)
        written = list(self.notes)
        self._train(beginning.candidate, data, best, batch_size)
        trouble = best.keep(model, self.number)
        self.notes.extend([trouble] if trouble else [])
        if self.notes != written:
            self._write_built(measured)
        return best

    def _begin(self, space: SearchSpace, data: Data) -> TrialStart:
        prepared = TrialInitializer(
            self.settings, self.journal.history, self.states, self.checkpoints
        )
        beginning = prepared.of(self.trial, space, data, self.seed)
        if self.trial.epochs and beginning.state is None:
            self._start_again()
            beginning = prepared.of(self.trial, space, data, self.seed)
            self.notes.append("its kept state could not be read")
        self.notes.extend([beginning.note] if beginning.note else [])
        return beginning

    def _write_built(self, measured: Mapping[str, float]) -> None:
        note = "; ".join(self.notes) or None
        self.journal.append("trial_built", trial=self.number, costs=measured, note=note)

    def _check_limits(self, space: SearchSpace) -> None:
        limits = self.settings.budget.cost_limits()
        if not limits:
            return
        # Shapes alone are enough to count: a candidate that is too large costs no memory.
        with seeded(self.seed), without_weights():
            measured = costs(space.build_values(self.trial.values))
        for name, limit in limits.items():
            if measured.get(name, 0) > limit:
                self._write_built(measured)
                # The same words for all, so that failures for one reason are counted together.
                raise TrialError(f"The model has more {name} than max_{name}={limit:,} allows.")

    def _measure_latency(self, model: keras.Model, measured: dict[str, float], data: Data) -> None:
        # Where nobody asked, a second for its compilation is too much.
        weighed = self.settings.strategy.options.get("cost") == "latency_s"
        if weighed or self.settings.budget.max_latency_s is not None:
            measured["latency_s"] = latency_s(model, data.x_train[:1])

    def _check_latency(self, measured: Mapping[str, float]) -> None:
        limit = self.settings.budget.max_latency_s
        if limit is not None and measured["latency_s"] > limit:
            raise TrialError(f"The model takes longer than max_latency={limit:g} s for one sample.")

    def _train(self, candidate: Candidate, data: Data, best: BestEpoch, batch_size: int) -> None:
        target = self._target()

        def on_epoch(epoch: int, logs: Mapping[str, float], duration_s: float) -> None:
            self.journal.append(
                "epoch_ended",
                trial=self.number,
                epoch=epoch,
                logs=dict(logs),
                duration_s=duration_s,
            )
            best.see(candidate, epoch, logs)
            self._end_early(candidate, target)

        clock = TrialDeadline(self.control, self.settings.budget.max_time_per_trial_s, self.number)
        keeper = StateCheckpointer(self.number, candidate, best, self.states, self._last_epoch)
        result = TrainingResult(stopped=False)
        # Steering may grant more epochs while the last one is trained.
        while not result.stopped and not candidate.is_ended:
            done, last = self.trial.epochs, self._last_epoch()
            if done >= last:
                break
            result = candidate.train(
                data,
                epochs=last,
                initial_epoch=done,
                batch_size=batch_size,
                on_epoch=on_epoch,
                control=clock,
                keeper=keeper,
            )
            if self.trial.epochs < last:
                break  # ended by the model's own code
        self.notes.extend(note for note in (result.note, keeper.trouble) if note)
        if clock.is_over:
            raise TrialError(f"It took longer than max_time_per_trial={clock.limit_s:g} s.")
        if not result.stopped:
            return
        if not clock.is_stopped:
            raise TrialStoppedError
        if not best.epoch:
            raise TrialError("It was stopped by the user before its first epoch ended.")
        self.notes.append("stopped by the user")

    def _last_epoch(self) -> int:
        trial, granted = self.trial, self.granted
        left = self.settings.budget.epochs_left(self.journal.history)
        most = (
            min(left, granted.epochs * granted.executions_per_trial) // granted.executions_per_trial
        )
        return int(min(granted.epochs, trial.epochs + most))

    def _target(self) -> float | None:
        """The score that a trial has to reach to be among the best of its fidelity, if known."""
        if not self.granted.prune:
            return None
        history, fidelity = self.journal.history, self.trial.fidelity
        scores = [t.score for t in history.completed if t.fidelity == fidelity]
        known = [score for score in scores if score is not None]
        if len(known) < KEPT_CHECKPOINTS:
            return None
        best = heapq.nlargest if history.direction == "max" else heapq.nsmallest
        return best(KEPT_CHECKPOINTS, known)[-1]

    def _end_early(self, candidate: Candidate, target: float | None) -> None:
        granted, objective = self.granted, self.settings.objective
        if granted.patience is None and target is None:
            return
        curve = [logs[objective.name] for logs in self.trial.curve]
        direction = objective.direction
        patience, least = granted.patience, granted.min_delta
        if patience is not None and is_plateau(
            curve, patience, direction=direction, min_delta=least
        ):
            why = f"no better for {patience} epochs"
        elif target is not None and cannot_reach(
            curve, target, self._last_epoch(), direction=direction
        ):
            why = f"it can hardly reach {target:.4g}, the {KEPT_CHECKPOINTS}th best score"
        else:
            return
        candidate.end()
        self.notes.append(f"ended at epoch {len(curve)}: {why}")

    def _start_again(self) -> None:
        self.states.drop(self.number)
        trial = self.trial
        self.journal.append(
            "trial_started",
            trial=self.number,
            attempt=trial.attempt + 1,
            seed=self.seed,
            epochs=trial.epochs_granted,
            from_epoch=0,
        )


@dataclass(frozen=True)
class TrialStart:
    """Where the training of a trial begins.

    Attributes:
        candidate: The models, in the state to go on from.
        state: What that state was read from; None if it begins with the first epoch.
        note: How it began, where that is worth a word.
    """

    candidate: Candidate
    state: TrainingState | None = None
    note: str | None = None


@dataclass(frozen=True)
class TrialInitializer:
    """Prepares the candidates of a search's trials.

    Attributes:
        settings: What defines the search.
        history: What happened so far.
        states: The kept states.
        checkpoints: The kept weights.
    """

    settings: Settings
    history: History
    states: TrainingStateStore
    checkpoints: CheckpointStore

    def of(self, trial: Trial, space: SearchSpace, data: Data, seed: int) -> TrialStart:
        """Builds a trial's candidate, and puts it where an earlier attempt or its parent left off.

        Args:
            trial: The trial, just started; its curve has the epochs that need not be trained again.
            space: What its models are built by.
            data: What they are trained on.
            seed: Of its weights and orders.

        Returns:
            The beginning. If the trial has epochs to go on from and the beginning has no state,
            the state could not be read.
        """
        executions_per_trial = self.settings.fidelity.granted(trial.fidelity).executions_per_trial
        models = []
        for repeat in range(executions_per_trial):
            with seeded(repeat_seed(seed, repeat)):
                models.append(space.build_values(trial.values))
        candidate = Candidate(models, seed, self.settings.objective.name)
        if trial.epochs:
            return self._continued(trial, candidate, data)
        if trial.parent is None:
            return TrialStart(candidate)
        if self.states.continued(trial) is not None:
            # It comes out the same, since the seed is that of its parent.
            return TrialStart(candidate, note=f"trains again what trial {trial.parent} had trained")
        return TrialStart(candidate, note=self._inherited(models, data, trial.parent))

    def _continued(self, trial: Trial, candidate: Candidate, data: Data) -> TrialStart:
        note = f"continued from epoch {trial.epochs}"
        state = self.states.read(trial.number)
        if (state is None or state.epoch != trial.epochs) and trial.parent is not None:
            note += f" of trial {trial.parent}"
            state = self.states.read(trial.parent)
        try:
            if state is None or state.epoch != trial.epochs:
                raise ValueError("No state of that epoch.")
            candidate.restore(state.models, data)
        except ValueError:
            return TrialStart(candidate)
        return TrialStart(candidate, state, note)

    def _inherited(self, models: list[keras.Model], data: Data, number: int) -> str:
        """Gives models the weights of a trial; returns what came of it."""
        parent = self._trained(self.history[number])
        if parent is None:
            return f"nothing inherited from trial {number}: its weights were not kept"
        for model in models:
            build(model, data.x_train)
            report = inherit(model, parent)
        return f"inherited from trial {number}: {report}"

    def _trained(self, trial: Trial) -> keras.Model | None:
        """Returns the model of a trial as its training left it, or at its best epoch, or None."""
        granted = self.settings.fidelity.granted(trial.fidelity)
        space, data = self.settings.fidelity_cache.of(granted)
        with seeded(trial.seed or 0):
            model = space.build_values(trial.values)
        state = self.states.read(trial.number)
        try:
            if state is None:
                load_checkpoint(self.checkpoints.folder, model, trial)
            else:
                restore(model, state.models[0], data.x_train)
        except (SearchError, ValueError, OSError):
            return None
        return model
