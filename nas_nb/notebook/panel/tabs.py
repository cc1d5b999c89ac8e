"""`Tab`; Watch, and the tabs that are one plot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import ipywidgets as widgets

from nas_nb.notebook import tables
from nas_nb.notebook.log import log_html
from nas_nb.notebook.panel.inputs import named
from nas_nb.notebook.plots.figures import Picture, cost_names, overview
from nas_nb.notebook.plots.importance import IMPORTANCE
from nas_nb.notebook.plots.parallel import PARALLEL
from nas_nb.notebook.plots.pareto import FIDELITIES, PARETO
from nas_nb.notebook.plots.plot import Plot, PlotContext
from nas_nb.notebook.plots.space_map import MAP

if TYPE_CHECKING:
    from collections.abc import Callable

    from nas_nb.notebook.panel.drawings import Drawings
    from nas_nb.notebook.panel.inputs import TrialChooser, TrialSelection
    from nas_nb.notebook.panel.settings_form import SettingsForm
    from nas_nb.notebook.snapshot import Snapshot
    from nas_nb.search.search import Search


class PanelContext(NamedTuple):
    """What every tab and every section works with.

    Attributes:
        search: The search to show and steer.
        selection: The trial that is looked at.
        chooser: Where it is chosen.
        controls: The settings.
        drawings: Diagrams and source of trials.
        on_input: To be called after a click or a change, so that the painter follows.
    """

    search: Search
    selection: TrialSelection
    chooser: TrialChooser
    controls: SettingsForm
    drawings: Drawings
    on_input: Callable[[], None]

    def plot_context(self, now: Snapshot, cost: str = "params") -> PlotContext:
        """Returns what the plots look at."""
        history = now.history
        trial, other = self.selection.trial(history), self.selection.compared(history)
        return PlotContext(
            history,
            now.space.domain,
            None if trial is None else trial.number,
            None if other is None else other.number,
            cost,
        )


class Tab(ABC):
    """One tab. Its inputs are written by the browser, its outputs by the painter alone.

    Args:
        context: What it works with.

    Attributes:
        title: What the tab says.
        widget: What it shows.
    """

    title: str
    widget: Any

    def __init__(self, context: PanelContext) -> None:
        self._context = context

    @abstractmethod
    def paint(self, now: Snapshot) -> None:
        """Brings it up to date. Called by the painter, and only while it is the one in view."""


BEST_SHOWN = 5


class WatchTab(Tab):
    """The search as it goes.

    Args:
        context: What it works with.

    Attributes:
        picture: Scores and learning curves, which the record shows too.
    """

    title = "Watch"

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.picture = overview()
        self._fidelities: Picture | None = None
        parts = (widgets.HTML() for _ in range(5))
        self._image, self._fidelities_image, self._incumbent, self._best, self._log = parts
        self._incumbent.add_class("nas-side-by-side")
        self.widget = widgets.VBox(
            [self._image, self._fidelities_image, self._incumbent, self._best, self._log]
        )

    def paint(self, now: Snapshot) -> None:
        """Brings pictures, tables and log up to date."""
        history = now.history
        incumbent = tables.incumbent_table(history)
        best = tables.leaderboard(history, BEST_SHOWN)
        log = log_html(history)
        # The slow part, before any is shown.
        self.draw(now)
        fidelities = self._drawn_fidelities(now)
        # Not only what is drawn now: the record may have drawn it first.
        self._image.value, self._fidelities_image.value = self.picture.html(), fidelities
        self._incumbent.value, self._best.value, self._log.value = incumbent, best, log

    def draw(self, now: Snapshot) -> None:
        """Draws the picture, if it would look different."""
        # The rings of the chosen trial belong to the other tabs: here it would follow the best.
        chosen = self._context.selection.chosen
        self.picture.draw(self._context.plot_context(now)._replace(chosen=chosen))

    def _drawn_fidelities(self, now: Snapshot) -> str:
        if len({t.epochs_granted for t in now.history.completed}) < 2:
            return ""
        if self._fidelities is None:
            self._fidelities = Picture(
                FIDELITIES, height=FIDELITIES.height, margins=FIDELITIES.margins
            )
        self._fidelities.draw(self._context.plot_context(now))
        return self._fidelities.html()


class PlotTab(Tab):
    """One plot, with the chosen trial marked in it.

    Args:
        context: What it works with.
        plot: Which.
    """

    def __init__(self, context: PanelContext, plot: Plot) -> None:
        super().__init__(context)
        self.title = plot.title
        self._plot = plot
        self._picture: Picture | None = None
        self._image = widgets.HTML()
        about = widgets.HTML(f'<p class="nas-about">{plot.hint}</p>')
        self.widget = widgets.VBox([*self._inputs(), about, self._image])

    def paint(self, now: Snapshot) -> None:
        """Says which trial is looked at, and draws the plot anew if it would look different."""
        self._draw(now)
        self._context.chooser.paint(now)

    def _draw(self, now: Snapshot) -> None:
        if self._picture is None:
            plot = self._plot
            self._picture = Picture(plot, height=plot.height, margins=plot.margins)
        self._picture.draw(self._plot_context(now))
        self._image.value = self._picture.html()

    def _inputs(self) -> list[Any]:
        return [self._context.chooser.widget]

    def _plot_context(self, now: Snapshot) -> PlotContext:
        return self._context.plot_context(now)


class ParetoTab(PlotTab):
    """Score against a cost that its user chooses."""

    def paint(self, now: Snapshot) -> None:
        """Offers the costs that trials record, and draws."""
        known = [*dict.fromkeys((*self.cost.options, *cost_names(now.history)))]
        if known != list(self.cost.options):
            value = self.cost.value
            self.cost.options = known
            self.cost.value = value
        super().paint(now)

    def _inputs(self) -> list[Any]:
        self.cost = widgets.Dropdown(options=["params", "macs"], **named("Cost", 170))
        self.cost.observe(lambda _: self._context.on_input(), "value")
        return [*super()._inputs(), self.cost]

    def _plot_context(self, now: Snapshot) -> PlotContext:
        return self._context.plot_context(now, self.cost.value)


class ImportanceTab(PlotTab):
    """Which choices the score depends on."""

    _learned = 0

    def _draw(self, now: Snapshot) -> None:
        """Learns again when there are a tenth more trials than the last time, or at the end."""
        count = len(now.history.completed)
        due = count > 1.1 * self._learned or (count != self._learned and not now.state.live)
        if self._picture is None or due:
            self._learned = count
            super()._draw(now)

    def _inputs(self) -> list[Any]:
        return []


PLOT_TABS: tuple[Callable[[PanelContext], Tab], ...] = (
    partial(ParetoTab, plot=PARETO),
    partial(PlotTab, plot=PARALLEL),
    partial(PlotTab, plot=MAP),
    partial(ImportanceTab, plot=IMPORTANCE),
)
