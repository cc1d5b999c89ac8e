"""Insights: what the trials say about the space, one plot at a time."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from nas_nb.explain.prediction import ENOUGH
from nas_nb.notebook.panel.inputs import named, row
from nas_nb.notebook.panel.tabs import Tab
from nas_nb.notebook.plots.figures import PLOTS, cost_names
from nas_nb.notebook.report import summary_text

if TYPE_CHECKING:
    from nas_nb.notebook.panel.tabs import PanelContext
    from nas_nb.notebook.snapshot import Snapshot


_DEAR = ("importance", "effects")


class InsightsTab(Tab):
    """The plots that have a title, with the selected trial marked."""

    title = "Insights"

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self._plots = {plot.title: plot for plot in PLOTS.values() if plot.title}
        self._learned: dict[str, int] = {}
        self.view = widgets.ToggleButtons(options=list(self._plots), description="View")
        self.view.add_class("nas-view")
        costs = [*dict.fromkeys((*context.search.settings.minimised, "params", "macs"))]
        self.cost = widgets.Dropdown(options=costs, **named("Cost", 170))
        self._summary, self._about, self._image = (widgets.HTML() for _ in range(3))
        self._summed = 0
        for control in (self.view, self.cost):
            control.observe(lambda _: context.on_input(), "value")
        self.widget = widgets.VBox(
            [self._summary, row(self.view, self.cost), self._about, self._image]
        )

    def paint(self, now: Snapshot) -> None:
        """Draws the plot in view, if it would look different."""
        plot = self._plots[self.view.value]
        self._summarise(now)
        self._offer_costs(now)
        picture, count = self._context.picture(plot), len(now.history.completed)
        # What is dear to compute is so when there are a tenth more trials, and at the end.
        known = self._learned.get(plot.name, 0)
        grown = count > 1.1 * known or count < ENOUGH or not now.state.live
        if plot.name not in _DEAR or grown or picture.stale:
            picture.draw(self._context.plot_context(now, self.cost.value))
            self._learned[plot.name] = known = count
        basis = "" if known == count else f" Learned from the first {known} of {count} trials."
        self.cost.layout.display = "" if plot.name == "pareto" else "none"
        self._about.value = f'<p class="nas-about">{plot.hint}{basis}</p>'
        self._image.value = picture.html()

    def _summarise(self, now: Snapshot) -> None:
        """Says above the plots why the search ended as it did, once it has."""
        if now.state.live:
            self._summary.value, self._summed = "", 0
        elif now.history.version != self._summed:
            self._summed = now.history.version
            told = html.escape(summary_text(now))
            self._summary.value = f'<p class="nas-about">{told}</p>' if told else ""

    def _offer_costs(self, now: Snapshot) -> None:
        known: list[Any] = [*dict.fromkeys((*self.cost.options, *cost_names(now.history)))]
        if known != list(self.cost.options):
            value = self.cost.value
            self.cost.options = known
            self.cost.value = value
