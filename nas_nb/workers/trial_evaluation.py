"""One trial: what a worker is given, what it does with it, and what it gives back.

A worker knows no settings, no strategy and no journal: so the same code can run in the kernel's
own thread, in another process and on another machine.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from traceback import format_exception
from typing import TYPE_CHECKING

from nas_nb.errors import JournalWriteError, NasError, SearchError, reason_of
from nas_nb.evaluate.backend import is_out_of_memory
from nas_nb.evaluate.costs import costs, latency_s, without_weights
from nas_nb.evaluate.fidelity import cannot_reach, is_plateau
from nas_nb.evaluate.global_state import seeded
from nas_nb.evaluate.trainer import TrialModels, repeat_seed
from nas_nb.evaluate.training_state import (
    Arrays,
    TrainingResult,
    TrainingState,
    build,
    copied_weights,
    restore,
    row_error,
    row_loss,
)
from nas_nb.evaluate.weight_inheritance import inherit
from nas_nb.record.trial import Outcome, TrialStatus
from nas_nb.workers.checkpoints import KEPT_CHECKPOINTS, NOT_KEPT, load_checkpoint
from nas_nb.workers.control import TrialError, TrialStoppedError

if TYPE_CHECKING:
    import keras
    import keras_tuner as kt

    from nas_nb.data.dataset import Data
    from nas_nb.evaluate.fidelity import FidelityCache
    from nas_nb.record.trial import Trial
    from nas_nb.space.search_space import SearchSpace
    from nas_nb.workers.checkpoints import CheckpointStore, StateFolder, TrainingStateStore
    from nas_nb.workers.control import ReportEvent, TrialControl, TrialTask

PRUNING_RANK = KEPT_CHECKPOINTS
"""A trial is pruned that can't be among those whose weights are kept."""


@dataclass(frozen=True)
class TrialFiles:
    """Where a worker finds and leaves the files of trials."""

    checkpoints: CheckpointStore
    states: StateFolder

    def trouble(self) -> str | None:
        """Returns which files could not be removed since somebody asked, as a clause, or None."""
        told = (self.checkpoints.trouble(), self.states.trouble())
        return "; ".join(filter(None, told)) or None


@dataclass(frozen=True)
class SearchFiles(TrialFiles):
    """The same for a search, which decides by its history what is kept."""

    states: TrainingStateStore


def evaluate_trial(
    task: TrialTask,
    space_and_data: FidelityCache,
    files: TrialFiles,
    report: ReportEvent,
    control: TrialControl,
) -> Outcome:
    """Builds and trains one candidate; whatever it raises is the reason in its trial's row."""
    began_s = control.elapsed_s
    evaluation = _Evaluation(task, space_and_data, files, report, control)
    status, reason, best = TrialStatus.FAILED, None, None
    try:
        best = evaluation.run()
        status = TrialStatus.COMPLETED
    except TrialStoppedError:
        status = TrialStatus.STOPPED
        reason = "cut off: the search was stopped or its time was up"
    except JournalWriteError:
        raise
    except (TrialError, NasError) as error:
        reason = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - what it raises is its reason, also SystemExit
        while isinstance(error, BaseExceptionGroup):  # of several errors the first tells enough
            error = error.exceptions[0]
        reason = "".join(format_exception(error))
    return Outcome(
        status,
        score=best.score if best else None,
        standard_error=best.error if best else None,
        epoch=best.epoch if best else 0,
        checkpoint=best.checkpoint if best else None,
        duration_s=control.elapsed_s - began_s,
        costs=evaluation.costs,
        note="; ".join(evaluation.notes) or None if best else None,
        reason=reason,
    )


class _Evaluation:
    """One attempt at a trial, in steps."""

    def __init__(
        self,
        task: TrialTask,
        space_and_data: FidelityCache,
        files: TrialFiles,
        report: ReportEvent,
        control: TrialControl,
    ) -> None:
        self.task = task
        self.curve: list[Mapping[str, float]] = list(task.trial.curve)
        self.costs: dict[str, float] = {}
        self.notes: list[str] = []
        self._cache = space_and_data
        self._files = files
        self._report = report
        self._control = control
        self._own_state = False

    def run(self) -> BestEpoch:
        """Builds and trains the candidate; out of memory, once more with half the batch."""
        batch_size = self.task.fidelity.batch_size
        try:
            return self._attempt(batch_size)
        except Exception as error:
            if batch_size == 1 or not is_out_of_memory(error):
                raise
            half = batch_size // 2
            self.notes[:] = [f"out of memory at batch size {batch_size}: trained at {half}"]
            self._start_again()
            return self._attempt(half)

    def _attempt(self, batch_size: int) -> BestEpoch:
        space, data = self._cache.of(self.task.fidelity)
        self._check_size(space)
        candidate, state = self._begin(space, data)
        model = candidate.models[0]
        self.costs = costs(model)
        # Where nobody asked, a second for its compilation is too much.
        if self.task.latency:
            self.costs["latency_s"] = latency_s(model, data.x_train[:1])
        self._report_built()
        self._check_latency()
        self._check_time()
        best = BestEpoch(self.task.objective, self._files.checkpoints, self.costs)
        if state is not None:
            best.recall(self.curve, state)
        self._train(candidate, data, best, batch_size)
        trouble = best.keep(model, self.task.number)
        self.notes.extend([trouble] if trouble else [])
        best.measure_error(model, data)
        return best

    def _report_built(self) -> None:
        self._report("trial_built", costs=self.costs, note="; ".join(self.notes) or None)

    def _check_size(self, space: SearchSpace) -> None:
        limits = {n: most for n, most in self.task.limits.items() if not n.endswith("_s")}
        if not limits:
            return
        # Shapes alone are enough to count: a candidate that is too large costs no memory.
        with seeded(self.task.seed), without_weights():
            self.costs = costs(space.build_values(self.task.trial.values))
        for name, most in limits.items():
            if self.costs.get(name, 0) > most:
                self._report_built()
                # The same words for all, so that failures for one reason are counted together.
                raise TrialError(f"The model has more {name} than max_{name}={most:,} allows.")

    def _check_latency(self) -> None:
        most = self.task.limits.get("latency_s")
        if most is not None and self.costs["latency_s"] > most:
            raise TrialError(f"The model takes longer than max_latency={most:g} s for one sample.")

    def _check_time(self) -> None:
        if self._control.is_over:
            most = self.task.limits["time_per_trial_s"]
            raise TrialError(f"It took longer than max_time_per_trial={most:g} s.")

    def _train(self, candidate: TrialModels, data: Data, best: BestEpoch, batch_size: int) -> None:
        control = self._control

        def on_epoch(epoch: int, logs: Mapping[str, float], duration_s: float) -> None:
            self._report("epoch_ended", epoch=epoch, logs=dict(logs), duration_s=duration_s)
            self.curve.append(dict(logs))
            best.see(candidate, epoch, logs)
            self._end_early(candidate)

        def last_epoch() -> int:
            return control.last_epoch(len(self.curve))

        state_saver = StateCheckpointer(
            self.task.number, candidate, best, self._files.states, last_epoch
        )
        if self._own_state:
            # Its kernel may have died between an early end and the line that says so.
            self._end_early(candidate)
        result = TrainingResult(stopped=False)
        # Steering may grant more epochs while the last one is trained.
        while not result.stopped and not candidate.is_ended:
            done, last = len(self.curve), last_epoch()
            if done >= last:
                break
            result = candidate.train(
                data,
                epochs=last,
                initial_epoch=done,
                batch_size=batch_size,
                on_epoch=on_epoch,
                control=control,
                state_saver=state_saver,
            )
            if len(self.curve) < last:
                break  # ended by the model's own code
        self.notes.extend(note for note in (result.note, state_saver.trouble) if note)
        self._check_time()
        if not result.stopped:
            return
        if not control.is_stopped:
            raise TrialStoppedError
        if not best.epoch:
            raise TrialError("It was stopped by the user before its first epoch ended.")
        self.notes.append("stopped by the user")

    def _end_early(self, candidate: TrialModels) -> None:
        """Ends a training at a plateau (`patience`), or one that is to be pruned (`prune`)."""
        granted, target = self.task.fidelity, self.task.target
        if granted.patience is None and target is None:
            return
        name, direction = self.task.objective.name, self.task.objective.direction
        curve = [logs[name] for logs in self.curve]
        patience, least = granted.patience, granted.min_delta
        if patience is not None and is_plateau(
            curve, patience, direction=direction, min_delta=least
        ):
            why = f"no better for {patience} epochs"
        elif target is not None and cannot_reach(
            curve, target, self._control.last_epoch(len(curve)), direction=direction
        ):
            why = f"it can hardly reach {target:.4g}, the {PRUNING_RANK}th best score"
        else:
            return
        candidate.end()
        self.notes.append(f"ended at epoch {len(curve)}: {why}")

    def _start_again(self) -> None:
        self._files.states.drop(self.task.number)
        self._report("trial_started")
        self.curve.clear()

    def _begin(self, space: SearchSpace, data: Data) -> tuple[TrialModels, TrainingState | None]:
        """Builds the candidate, and puts it where an earlier attempt or its parent left off."""
        candidate = self._built(space)
        if self.task.trial.attempt > 1 and not self.curve and not self.notes:
            self.notes.append("cut off before: trained from its start")
        if self.curve:
            state = self._continued(candidate, data)
            if state is not None:
                return candidate, state
            self._start_again()
            self.notes.append("its kept state could not be read")
            candidate = self._built(space)
        parent = self.task.parent
        if parent is not None and self.task.continues:
            # It comes out the same, since the seed is that of its parent.
            self.notes.append(f"trains again what trial {parent.number} had trained")
        elif parent is not None:
            self.notes.append(self._inherited(candidate, data, parent))
        return candidate, None

    def _built(self, space: SearchSpace) -> TrialModels:
        models = []
        for repeat in range(self.task.fidelity.executions_per_trial):
            with seeded(repeat_seed(self.task.seed, repeat)):
                models.append(space.build_values(self.task.trial.values))
        return TrialModels(models, self.task.seed, self.task.objective.name)

    def _continued(self, candidate: TrialModels, data: Data) -> TrainingState | None:
        """Returns the state that a candidate was put into; None if it could not be read."""
        done, states, parent = len(self.curve), self._files.states, self.task.parent
        note = f"continued from epoch {done}"
        state = states.read(self.task.number)
        self._own_state = state is not None and state.epoch == done
        if not self._own_state and parent is not None:
            note += f" of trial {parent.number}"
            state = states.read(parent.number)
        if state is None or state.epoch != done:
            return None
        try:
            candidate.restore(state.models, data)
        except ValueError:
            return None
        self.notes.append(note)
        return state

    def _inherited(self, candidate: TrialModels, data: Data, parent: Trial) -> str:
        """Gives the models the weights of the parent; returns what came of it."""
        trained = self._trained(parent)
        if trained is None:
            return f"nothing inherited from trial {parent.number}: its weights were not kept"
        for model in candidate.models:
            build(model, data.x_train)
            report = inherit(model, trained)
        return f"inherited from trial {parent.number}: {report}"

    def _trained(self, parent: Trial) -> keras.Model | None:
        """Returns the parent's model as its training left it, or at its best epoch, or None."""
        assert self.task.parent_fidelity is not None
        space, data = self._cache.of(self.task.parent_fidelity)
        with seeded(parent.seed or 0):
            model = space.build_values(parent.values)
        state = self._files.states.read(parent.number)
        try:
            if state is None:
                load_checkpoint(self._files.checkpoints.folder, model, parent)
            else:
                restore(model, state.models[0], data.x_train)
        except (SearchError, ValueError, OSError):
            return None
        return model


class BestEpoch:
    """The best epoch of a running trial, from 1, with its weights if they are needed."""

    def __init__(
        self, objective: kt.Objective, checkpoints: CheckpointStore, costs: Mapping[str, float]
    ) -> None:
        self.objective = objective
        self.epoch = 0
        self.logs: dict[str, float] = {}
        self.weights: Arrays | None = None
        self.checkpoint: str | None = None
        self.error: float | None = None  # of the score, where it is a mean over rows
        self._checkpoints = checkpoints
        self._costs = costs

    @property
    def score(self) -> float:
        """The objective's value after it."""
        return self.logs[self.objective.name]

    def recall(self, curve: Sequence[Mapping[str, float]], state: TrainingState) -> None:
        """Takes the epochs of a trial that is continued, as if they had been seen."""
        for epoch, logs in enumerate(curve, start=1):
            self._take(epoch, logs)
        if self.epoch == state.best_epoch:
            self.weights = state.best

    def see(self, candidate: TrialModels, epoch: int, logs: Mapping[str, float]) -> None:
        """Takes one epoch's logs, from 1."""
        name = self.objective.name
        if name not in logs:
            raise TrialError(
                f"The objective '{name}' is not among what the model reports "
                f"({', '.join(sorted(logs))}): compile that metric, or choose one of these."
            )
        if not math.isfinite(logs.get("loss", 0.0)) or not math.isfinite(logs[name]):
            raise TrialError(f"The loss or {name} is not finite.")
        if self._take(epoch, logs):
            leader = candidate.leader(self.objective.direction)
            needed = self._is_wanted or row_loss(leader, name) is not None
            self.weights = copied_weights(leader) if needed else None

    def keep(self, model: keras.Model, number: int) -> str | None:
        """Writes the weights, if they are among those to keep."""
        trouble = [self._checkpoints.trouble()]
        try:
            if self.weights is not None and self._is_wanted:
                self.checkpoint = self._checkpoints.save(
                    model, self.weights, number, self.score, self._costs
                )
        except Exception as error:  # noqa: BLE001 - a layer of the user's may raise anything
            trouble.append(f"{NOT_KEPT}: {reason_of(error)}")
        return "; ".join(filter(None, trouble)) or None

    def measure_error(self, model: keras.Model, data: Data) -> None:
        """Measures the error of the score, where it is a mean over rows."""
        if self.weights is not None and row_loss(model, self.objective.name) is not None:
            model.set_weights(self.weights)
            self.error = row_error(model, data, self.objective.name)

    @property
    def _is_wanted(self) -> bool:
        return self._checkpoints.is_wanted(self.score, self._costs)

    def _take(self, epoch: int, logs: Mapping[str, float]) -> bool:
        name = self.objective.name
        if self.logs and not self.objective.better_than(logs[name], self.logs[name]):
            return False
        self.epoch, self.logs = epoch, dict(logs)
        return True


EVERY_S = 30.0
"""Seconds of training that the death of a kernel costs at most, but for the epoch in progress."""
SAVING_SHARE = 0.02
"""Of a trial's time that may be spent on keeping its state."""


class StateCheckpointer:
    """Decides after each epoch whether to save the state, and saves it."""

    def __init__(
        self,
        number: int,
        candidate: TrialModels,
        best: BestEpoch,
        states: StateFolder,
        last_epoch: Callable[[], int],
    ) -> None:
        self._failure: str | None = None
        self._number = number
        self._candidate = candidate
        self._best = best
        self._states = states
        self._last_epoch = last_epoch
        self._due_at = time.monotonic() + EVERY_S

    @property
    def trouble(self) -> str | None:
        """What could not be kept or removed, as a clause for the trial's note, or None."""
        return "; ".join(filter(None, (self._failure, self._states.trouble()))) or None

    def is_due(self, epoch: int) -> bool:
        """Whether the state after this epoch is to be saved. Called after the epoch's report."""
        if self._candidate.is_ended or epoch >= self._last_epoch():
            return self._states.is_wanted(self._number, self._best.score)
        return time.monotonic() >= self._due_at

    def save(self, epoch: int) -> None:
        """Writes the state; a full disk is no reason to lose the trial."""
        began = time.monotonic()
        best = self._best
        try:
            state = TrainingState(epoch, self._candidate.capture(), best.epoch, best.weights)
            self._states.write(self._number, state)
            self._failure = None
        except Exception as error:  # noqa: BLE001 - whatever it is, the trial goes on
            self._failure = f"its state could not be kept: {reason_of(error)}"
        now = time.monotonic()
        self._due_at = now + max(EVERY_S, (now - began) / SAVING_SHARE)
