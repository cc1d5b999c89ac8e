"""Steering: what a reader of the panel can do to the search while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets as widgets

from nas_nb.notebook.deeds import steering_table
from nas_nb.notebook.layout import sides
from nas_nb.notebook.steering.ahead import BudgetSection, StrategySection
from nas_nb.notebook.steering.candidate import CandidateSection
from nas_nb.notebook.steering.narrow import NarrowSection
from nas_nb.notebook.steering.training import TrainingSection
from nas_nb.notebook.tabs.tab import Tab

if TYPE_CHECKING:
    from nas_nb.notebook.steering.section import Section
    from nas_nb.notebook.tabs.tab import Desk

SHOWN = 20


class SteerTab(Tab):
    """Everything that can be steered, and what was.

    Args:
        desk: What it works with.

    Attributes:
        narrow: Rules for the space.
        candidate: Hand-made trials.
        training: Single trials.
        strategy: Who proposes.
        budget: What may be spent.
    """

    title = "Steer"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.narrow = NarrowSection(desk)
        self.candidate = CandidateSection(desk)
        self.training = TrainingSection(desk)
        self.strategy = StrategySection(desk)
        self.budget = BudgetSection(desk)
        self._done = widgets.HTML()
        ahead = sides(self.strategy.widget, self.budget.widget)
        parts = [self.narrow.widget, self.candidate.widget, self.training.widget, ahead]
        self.widget = widgets.VBox([*parts, self._done])

    def paint(self, *, pictures: bool = True) -> None:
        """Brings every section, and the list of what was done, up to date."""
        for section in self._sections():
            section.paint()
        # Each action is in the journal, so a resumed search goes on as it was steered.
        self._done.value = steering_table(self._desk.search.history, SHOWN)

    def _sections(self) -> tuple[Section, ...]:
        return (self.narrow, self.candidate, self.training, self.strategy, self.budget)
