"""`Tab`, one place of the panel; the places Run and Insights, which show plots."""

from __future__ import annotations

import html
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import ipywidgets as widgets

from nas_nb.explain.importance import ENOUGH
from nas_nb.notebook import tables, wording
from nas_nb.notebook.panel.inputs import named, row, sides
from nas_nb.notebook.plots.drawing import PlotContext
from nas_nb.notebook.plots.figures import OVERVIEW, PLOTS, Picture, cost_names, overview
from nas_nb.notebook.plots.pareto import FIDELITIES
from nas_nb.notebook.plots.scores import OVER
from nas_nb.notebook.report import summary_text
from nas_nb.notebook.wording import log_html
from nas_nb.workers.control import SearchState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nas_nb.notebook.panel.inputs import TrialSelection
    from nas_nb.notebook.plots.diagram import Drawings
    from nas_nb.notebook.plots.drawing import Plot
    from nas_nb.notebook.wording import Snapshot
    from nas_nb.search.search import Search


class PanelContext(NamedTuple):
    """What every tab and every section works with."""

    search: Search
    selection: TrialSelection
    drawings: Drawings
    pictures: dict[str, Picture]
    page: dict[str, Any]  # "width" in inches, "sharpness" (pixels to one of the page), "dark"
    on_input: Callable[[], None]

    def plot_context(self, now: Snapshot, cost: str = "params") -> PlotContext:
        """Returns what the plots look at."""
        trial = self.selection.trial(now.history)
        chosen = None if trial is None else trial.number
        return PlotContext(now.history, now.space.domain, chosen, cost=cost, live=now.state.live)

    def picture(self, plot: Plot, **look: Any) -> Picture:
        """Returns the picture of a plot, made when it is first asked for."""
        if plot.name not in self.pictures:
            look = {"height": plot.height, "margins": plot.margins, **look}
            self.pictures[plot.name] = Picture(plot, **look)
            self.pictures[plot.name].theme(dark=self.page["dark"])
            self.pictures[plot.name].fit(self.page["width"], self.page["sharpness"])
        return self.pictures[plot.name]


class Tab(ABC):
    """One place of the panel. Its inputs are written by the browser, its outputs by the painter."""

    title: ClassVar[str]
    widget: Any

    def __init__(self, context: PanelContext) -> None:
        self._context = context

    @classmethod
    def of(cls, tabs: Mapping[str, Tab]) -> Self:
        """Returns the tab of this class among those of a panel."""
        return next(tab for tab in tabs.values() if isinstance(tab, cls))

    @abstractmethod
    def paint(self, now: Snapshot) -> None:
        """Brings it up to date. Called by the painter, and only while it is the one in view."""


_DIAGRAM_AFTER_S = 6.0
"""A diagram takes a model and a drawing: those that are the best for a moment go without."""


class RunTab(Tab):
    """Scores and learning curves, the incumbent, and the log."""

    title = "Run"

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.picture = context.pictures[OVERVIEW] = overview()
        self.picture.fit(context.page["width"], context.page["sharpness"])
        self.over = widgets.Dropdown(options=OVER, **named("Horizontal axis", 200))
        self._best: int | None = None
        self._best_since = 0.0
        self._printable: Snapshot | None = None
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
        chosen = self._context.selection.chosen  # a ring that follows the best would say nothing
        over = self.over.value
        self.picture.draw(self._context.plot_context(now)._replace(chosen=chosen, over=over))
        self._printable = now if chosen is None and over == "trials" else None
        fidelities = self._drawn_fidelities(now)
        self._image.value, self._fidelity_image.value = self.picture.html(), fidelities
        self._workers.value = html.escape(wording.workers_text(now))
        self._incumbent.value, self._log.value = incumbent, log
        self.paint_diagram(now)

    def is_printable(self, now: Snapshot) -> bool:
        """Whether the picture is of this moment, and shows all."""
        return self._printable is now and self.picture.is_whole

    def _drawn_fidelities(self, now: Snapshot) -> str:
        if len({trial.epochs_granted for trial in now.history.completed}) < 2:
            return ""  # there is one fidelity
        picture = self._context.picture(FIDELITIES)
        picture.draw(self._context.plot_context(now))
        return picture.html()

    def paint_diagram(self, now: Snapshot) -> None:
        """Shows the diagram of the incumbent once that has been one for a while."""
        trial = now.history.incumbent
        if trial is None or trial.number != self._best:
            self._best = None if trial is None else trial.number
            self._best_since = time.monotonic()
        held_s = time.monotonic() - self._best_since
        waits = now.state is SearchState.RUNNING and held_s < _DIAGRAM_AFTER_S
        diagram = self._context.drawings.diagram
        self._diagram.value = "" if trial is None or waits else diagram(trial)


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
            control.observe(lambda _: self._asked(), "value")
        self.widget = widgets.VBox(
            [self._summary, row(self.view, self.cost), self._about, self._image]
        )

    def _asked(self) -> None:
        """Says that another plot comes: the first time it may take seconds."""
        self._image.add_class("nas-waits")
        self._about.value = f'<p class="nas-about">Drawing {self.view.value} …</p>'
        self._context.on_input()

    def paint(self, now: Snapshot) -> None:
        """Draws the plot in view, if it would look different."""
        plot = self._plots[self.view.value]
        self._summarise(now)
        self._offer_costs(now)
        picture, count = self._context.picture(plot), len(now.history.completed)
        # What is dear to compute is so when there are a tenth more trials, and at the end.
        known = self._learned.get(plot.name, 0)
        ended = not now.state.live and count != known
        grown = count > 1.1 * known or count < ENOUGH or ended
        if plot.name not in _DEAR or grown:
            picture.draw(self._context.plot_context(now, self.cost.value))
            self._learned[plot.name] = known = count
        picture.draw_again()
        basis = "" if known == count else f" Learned from the first {known} of {count} trials."
        self.cost.layout.display = "" if plot.name == "pareto" else "none"
        self._about.value = f'<p class="nas-about">{plot.hint}{basis}</p>'
        self._image.value = picture.html()
        self._image.remove_class("nas-waits")

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
