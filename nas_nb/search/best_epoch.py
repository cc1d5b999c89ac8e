"""The best epoch of a running trial, with the weights that it had."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nas_nb.search.trial_error import TrialError

if TYPE_CHECKING:
    import keras
    import keras_tuner as kt

    from nas_nb.evaluate.candidate import Candidate
    from nas_nb.evaluate.state import Arrays, TrainingState
    from nas_nb.search.checkpoints import Checkpoints


class BestEpoch:
    """The best epoch of a running trial, with its weights if they may be kept.

    Args:
        objective: KerasTuner's objective.
        checkpoints: Decides whether the weights are worth a copy.

    Attributes:
        epoch: Its number, from 1; 0 before the first.
        logs: What was measured after it.
        weights: The weights that the model had; None if they are not worth a copy.
        checkpoint: The file that holds them, once `keep` has written it.
    """

    def __init__(self, objective: kt.Objective, checkpoints: Checkpoints) -> None:
        self.objective = objective
        self.epoch = 0
        self.logs: dict[str, float] = {}
        self.weights: Arrays | None = None
        self.checkpoint: str | None = None
        self._checkpoints = checkpoints

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

    def see(self, candidate: Candidate, epoch: int, logs: Mapping[str, float]) -> None:
        """Takes one epoch's logs, from 1.

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
        if self._take(epoch, logs):
            wanted = self._checkpoints.is_wanted(logs[name])
            leader = candidate.leader(self.objective.direction)
            self.weights = leader.get_weights() if wanted else None

    def keep(self, model: keras.Model, number: int) -> str | None:
        """Writes the weights, if they are among those to keep.

        Returns:
            Why they could not be written, as a clause for the trial's note, or None.
        """
        if self.weights is None:
            return None
        try:
            self.checkpoint = self._checkpoints.save(model, self.weights, number, self.score)
        except OSError as error:
            return f"its weights could not be kept: {error.strerror or error}"
        return None

    def _take(self, epoch: int, logs: Mapping[str, float]) -> bool:
        name = self.objective.name
        if self.logs and not self.objective.better_than(logs[name], self.logs[name]):
            return False
        self.epoch, self.logs = epoch, dict(logs)
        return True
