"""What can be done to single trials: stop the running one, train one for longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets as widgets

from nas_nb.errors import SearchError
from nas_nb.notebook.layout import named
from nas_nb.notebook.steering.section import Section

if TYPE_CHECKING:
    from nas_nb.notebook.tabs.tab import Desk


class TrainingSection(Section):
    """Stops the running trial, and grants epochs to the chosen one.

    Args:
        desk: What it works with.
    """

    title = "Trials"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.stop = self.button("Stop this trial", self.steer.stop_trial, 170)
        self.epochs = widgets.BoundedIntText(value=10, min=1, max=10**6, **named("Epochs", 130))
        self.grant = self.button("Train trial longer", self._grant, 180)
        self.widget = self.arranged(self.stop, desk.chooser.widget, self.epochs, self.grant)

    def paint(self) -> None:
        """Names the trials that the buttons are about."""
        self.desk.chooser.paint()
        history = self.desk.search.history
        running, trial = history.running, self.desk.selection.trial(history)
        self.stop.description = (
            "Stop this trial" if running is None else f"Stop trial {running.number}"
        )
        self.stop.disabled = running is None
        number = "" if trial is None else f" {trial.number}"
        self.grant.description = f"Train trial{number} longer"
        self.grant.disabled = trial is None

    def _grant(self) -> None:
        trial = self.desk.selection.trial(self.desk.search.history)
        if trial is None:
            raise SearchError("Expected a trial to train longer: there is none yet.")
        self.steer.more_epochs(trial.number, self.epochs.value)
