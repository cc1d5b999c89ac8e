"""The evaluation of one trial: build the candidate, check its costs, train it, keep its best."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from nas_nb.evaluate.costs import costs, latency_s, without_weights
from nas_nb.evaluate.seeds import seeded
from nas_nb.evaluate.trainer import TrainingResult, train

if TYPE_CHECKING:
    import keras
    import keras_tuner as kt

    from nas_nb.record.journal import Journal
    from nas_nb.search.checkpoints import Checkpoints
    from nas_nb.search.control import Control
    from nas_nb.search.settings import Settings

OUT_OF_MEMORY = (MemoryError, tf.errors.ResourceExhaustedError)


class TrialError(Exception):
    """A candidate that can't be evaluated; its text is the reason in the trial's row."""


class TrialStoppedError(Exception):
    """The control ended the training before its last epoch."""


@dataclass(frozen=True)
class Evaluation:
    """One trial's evaluation.

    Attributes:
        number: The trial's number.
        seed: Decides its initial weights and the order of its samples.
        settings: What defines the search.
        journal: Where costs and epochs are written.
        control: Pause and stop.
        checkpoints: Says whether weights are worth keeping.
    """

    number: int
    seed: int
    settings: Settings
    journal: Journal
    control: Control
    checkpoints: Checkpoints

    def run(self, hp: kt.HyperParameters) -> BestEpoch:
        """Builds and trains the candidate; out of memory, once more with half the batch.

        Raises:
            TrialError: It is over a limit, or its scores are not finite.
            TrialStoppedError: The control ended it.
        """
        batch_size = self.settings.fidelity.batch_size
        try:
            return self._attempt(hp, batch_size, None)
        except OUT_OF_MEMORY:
            if batch_size == 1:
                raise
            note = f"out of memory at batch size {batch_size}: trained at {batch_size // 2}"
            self._start_again()
            return self._attempt(hp, batch_size // 2, note)

    def _attempt(self, hp: kt.HyperParameters, batch_size: int, note: str | None) -> BestEpoch:
        self._check_limits(hp)
        with seeded(self.seed):
            model = self.settings.space.build(hp)
        measured = costs(model)
        self._measure_latency(model, measured)
        self.journal.append("trial_built", trial=self.number, costs=measured, note=note)
        self._check_latency(measured)
        best = BestEpoch(self.settings.objective, self.checkpoints)
        limit_s = self.settings.budget.max_time_per_trial_s
        clock = TrialClock(self.control, limit_s, self.number)
        result = self._train(model, best, batch_size, clock)
        ended = "stopped by the user" if result.stopped and clock.is_stopped else None
        notes = "; ".join(filter(None, (note, result.note, ended)))
        if notes != (note or ""):
            self.journal.append("trial_built", trial=self.number, costs=measured, note=notes)
        if clock.is_over:
            raise TrialError(f"It took longer than max_time_per_trial={clock.limit_s:g} s.")
        if ended and not best.epoch:
            raise TrialError("It was stopped by the user before its first epoch ended.")
        if result.stopped and not ended:
            raise TrialStoppedError
        best.keep(model, self.number)
        return best

    def _check_limits(self, hp: kt.HyperParameters) -> None:
        limits = self.settings.budget
        if limits.max_params is None and limits.max_flops is None:
            return
        # Shapes alone are enough to count: a candidate that is too large costs no memory.
        with seeded(self.seed), without_weights():
            measured = costs(self.settings.space.build(hp))
        for name, limit in (("params", limits.max_params), ("flops", limits.max_flops)):
            if limit is not None and measured.get(name, 0) > limit:
                self.journal.append("trial_built", trial=self.number, costs=measured, note=None)
                # The same words for all, so that failures for one reason are counted together.
                raise TrialError(f"The model has more {name} than max_{name}={limit:,} allows.")

    def _measure_latency(self, model: keras.Model, measured: dict[str, float]) -> None:
        # Where nobody asked, a second for its compilation is too much.
        if self.settings.budget.max_latency_s is not None:
            measured["latency_s"] = latency_s(model, self.settings.data.x_train[:1])

    def _check_latency(self, measured: Mapping[str, float]) -> None:
        limit = self.settings.budget.max_latency_s
        if limit is not None and measured["latency_s"] > limit:
            raise TrialError(f"The model takes longer than max_latency={limit:g} s for one sample.")

    def _train(
        self, model: keras.Model, best: BestEpoch, batch_size: int, clock: TrialClock
    ) -> TrainingResult:
        def on_epoch(epoch: int, logs: Mapping[str, float], duration_s: float) -> None:
            self.journal.append(
                "epoch_ended",
                trial=self.number,
                epoch=epoch,
                logs=dict(logs),
                duration_s=duration_s,
            )
            best.see(model, epoch, logs)

        left = self.settings.budget.epochs_left(self.journal.history)
        return train(
            model,
            self.settings.data,
            epochs=int(min(self.settings.fidelity.epochs, left)),
            batch_size=batch_size,
            seed=self.seed,
            on_epoch=on_epoch,
            control=clock,
        )

    def _start_again(self) -> None:
        trial = self.journal.history[self.number]
        self.journal.append(
            "trial_started",
            trial=self.number,
            attempt=trial.attempt + 1,
            seed=self.seed,
            epochs=trial.epochs_granted,
        )


class TrialClock:
    """The search's control, for one trial whose time may be limited.

    Args:
        control: The search's.
        limit_s: Seconds for the trial, pauses left out; None for no limit.
        number: Which trial.
    """

    def __init__(self, control: Control, limit_s: float | None, number: int) -> None:
        self.limit_s = limit_s
        self._number = number
        self._control = control
        self._began_s = control.elapsed_s

    @property
    def is_over(self) -> bool:
        """Whether the trial's time is up."""
        return self.limit_s is not None and self._control.elapsed_s - self._began_s > self.limit_s

    @property
    def is_stopped(self) -> bool:
        """Whether the user asked for the end of this trial, and of no other."""
        return self._control.stopped_trial == self._number

    def checkpoint(self) -> bool:
        """Waits while paused; returns True when the training has to end."""
        return self._control.checkpoint() or self.is_stopped or self.is_over


class BestEpoch:
    """The best epoch of a running trial, with its weights if they may be kept.

    Args:
        objective: KerasTuner's objective.
        checkpoints: Decides whether the weights are worth a copy.

    Attributes:
        epoch: Its number, from 1; 0 before the first.
        logs: What was measured after it.
        checkpoint: The file that holds its weights, once `keep` has written it.
    """

    def __init__(self, objective: kt.Objective, checkpoints: Checkpoints) -> None:
        self.objective = objective
        self.epoch = 0
        self.logs: dict[str, float] = {}
        self.checkpoint: str | None = None
        self._checkpoints = checkpoints
        self._weights: list[npt.NDArray[np.generic]] | None = None

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
            raise TrialError(f"The loss or {name} is not finite.")
        if not self.logs or self.objective.better_than(logs[name], self.logs[name]):
            self.epoch, self.logs = epoch, dict(logs)
            wanted = self._checkpoints.is_wanted(logs[name])
            self._weights = model.get_weights() if wanted else None

    def keep(self, model: keras.Model, number: int) -> None:
        """Writes the weights, if they are among those to keep."""
        if self._weights is not None:
            score = self.logs[self.objective.name]
            self.checkpoint = self._checkpoints.save(model, self._weights, number, score)
