"""The control of a search, for one trial whose time may be limited."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas_nb.search.control import Control


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
