"""Keeps the state of a running trial: now and then, and at its end if it may be continued."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from nas_nb.evaluate.state import TrainingState

if TYPE_CHECKING:
    from nas_nb.evaluate.candidate import Candidate
    from nas_nb.search.best_epoch import BestEpoch
    from nas_nb.search.states import States

EVERY_S = 30.0
"""Seconds of training that the death of a kernel costs at most, but for the epoch in progress."""
SHARE = 0.02
"""Of a trial's time that may be spent on keeping its state."""


class StateKeeper:
    """Decides after each epoch whether the state is to be kept, and keeps it.

    Args:
        number: The trial's number.
        candidate: What is trained.
        best: Its best epoch so far.
        states: Where states are kept.
        last_epoch: Returns the trial's last epoch, as far as it is known now.

    Attributes:
        trouble: Why a state could not be kept, as a clause for the trial's note, or None.
    """

    def __init__(
        self,
        number: int,
        candidate: Candidate,
        best: BestEpoch,
        states: States,
        last_epoch: Callable[[], int],
    ) -> None:
        self.trouble: str | None = None
        self._number = number
        self._candidate = candidate
        self._best = best
        self._states = states
        self._last_epoch = last_epoch
        self._due_at = time.monotonic() + EVERY_S

    def is_due(self, epoch: int) -> bool:
        """Whether the state after this epoch is to be kept. Called after the epoch's report."""
        if self._candidate.is_ended or epoch >= self._last_epoch():
            return self._states.is_wanted(self._number, self._best.score)
        return time.monotonic() >= self._due_at

    def keep(self, epoch: int) -> None:
        """Writes the state; a full disk is no reason to lose the trial."""
        began = time.monotonic()
        best = self._best
        state = TrainingState(epoch, self._candidate.capture(), best.epoch, best.weights)
        try:
            self._states.write(self._number, state)
            self.trouble = None
        except OSError as error:
            self.trouble = f"its state could not be kept: {error.strerror or error}"
        now = time.monotonic()
        self._due_at = now + max(EVERY_S, (now - began) / SHARE)
