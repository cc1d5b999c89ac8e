"""Run: the search as it goes."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import ipywidgets as widgets

from nas_nb.notebook import tables, wording
from nas_nb.notebook.log import log_html
from nas_nb.notebook.panel.inputs import named, sides
from nas_nb.notebook.panel.tabs import Tab
from nas_nb.notebook.plots.figures import OVERVIEW, overview
from nas_nb.notebook.plots.pareto import FIDELITIES
from nas_nb.notebook.plots.scores import OVER

if TYPE_CHECKING:
    from nas_nb.notebook.panel.tabs import PanelContext
    from nas_nb.notebook.snapshot import Snapshot
    from nas_nb.record.history import History


class RunTab(Tab):
    """Scores and learning curves, the incumbent, and the log."""

    title = "Run"

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.picture = context.pictures[OVERVIEW] = overview(white=False)
        self.picture.fit(context.page["width"], context.page["sharpness"])
        self.over = widgets.Dropdown(options=OVER, **named("Horizontal axis", 200))
        self._best: int | None = None
        self._workers = widgets.HTML()
        parts = (widgets.HTML() for _ in range(5))
        self._image, self._fidelity_image, self._incumbent, self._diagram, self._log = parts
        self._incumbent.add_class("nas-side-by-side")
        self.log = widgets.ToggleButton(description="Log", layout={"width": "80px"})
        for control in (self.log, self.over):
            control.observe(lambda _: context.on_input(), "value")
        card = sides(self._incumbent, self._diagram)
        self.widget = widgets.VBox(
            [self.over, self._workers, self._image, self._fidelity_image, card, self.log, self._log]
        )

    def paint(self, now: Snapshot) -> None:
        """Brings pictures, tables and log up to date."""
        history = now.history
        incumbent = tables.incumbent_table(history)
        log = log_html(history) if self.log.value else ""
        # The slow part, before any is shown.
        # A ring that follows the best would say nothing.
        chosen, over = self._context.selection.chosen, self.over.value
        self.picture.draw(self._context.plot_context(now)._replace(chosen=chosen, over=over))
        fidelities, diagram = self._drawn_fidelities(now), self._drawn_diagram(now)
        self._image.value, self._fidelity_image.value = self.picture.html(), fidelities
        self._workers.value = html.escape(wording.workers_text(now))
        self._incumbent.value, self._diagram.value, self._log.value = incumbent, diagram, log

    def _drawn_fidelities(self, now: Snapshot) -> str:
        if not _several_fidelities(now.history):
            return ""
        picture = self._context.picture(FIDELITIES)
        picture.draw(self._context.plot_context(now))
        return picture.html()

    def _drawn_diagram(self, now: Snapshot) -> str:
        """Returns the incumbent's diagram once it has been one for two frames: it takes a model."""
        trial, before = now.history.incumbent, self._best
        self._best = None if trial is None else trial.number
        if trial is None or (now.state.live and trial.number != before):
            return ""
        return self._context.drawings.diagram(trial)


def _several_fidelities(history: History) -> bool:
    return len({trial.epochs_granted for trial in history.completed}) > 1
