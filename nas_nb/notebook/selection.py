"""The trial that is looked at: chosen once, and shown by every view."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nas_nb.notebook.tables import ranking

if TYPE_CHECKING:
    from nas_nb.record.history import History, Trial


class Selection:
    """A chosen trial and one to compare it with.

    While nothing is chosen it is the incumbent, whichever that is at the moment.

    Args:
        on_change: Called after another trial was chosen.

    Attributes:
        chosen: The number of the trial that was chosen, or None.
        other: The number of the one that was chosen for comparison, or None.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self.chosen: int | None = None
        self.other: int | None = None
        self._on_change = on_change

    def choose(self, number: int | None) -> None:
        """Chooses a trial; None goes back to following the incumbent."""
        self.chosen = number
        self._on_change()

    def compare_with(self, number: int | None) -> None:
        """Chooses the trial to compare with; None lets it be the best other one."""
        self.other = number
        self._on_change()

    def trial(self, history: History) -> Trial | None:
        """Returns the trial to show; None while there is none."""
        if self.chosen is not None and self.chosen < len(history):
            return history[self.chosen]
        return history.incumbent

    def compared(self, history: History) -> Trial | None:
        """Returns the trial to compare it with: the best one that is another."""
        if self.other is not None and self.other < len(history):
            return history[self.other]
        trial = self.trial(history)
        best = ranking(history)[:2]
        return next((other for other in best if other is not trial), None)
