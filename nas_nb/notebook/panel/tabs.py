"""`Tab`; Watch, and the tabs that are one plot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import ipywidgets as widgets

from nas_nb.notebook import tables
from nas_nb.notebook.log import log_html
from nas_nb.notebook.panel.inputs import named
from nas_nb.notebook.plots.figures import Picture, PlotContext, cost_names, overview

if TYPE_CHECKING:
    from collections.abc import Callable

    from nas_nb.notebook.panel.inputs import TrialChooser, TrialSelection
    from nas_nb.search.search import Search


class TabContext(NamedTuple):
    """What every tab works with.

    Attributes:
        search: The search to show and steer.
        selection: The trial that is looked at.
        chooser: Where it is chosen.
        on_input: To be called after a click or a change, so that the painter follows.
    """

    search: Search
    selection: TrialSelection
    chooser: TrialChooser
    on_input: Callable[[], None]

    def plot_context(self, cost: str = "params") -> PlotContext:
        """Returns what the views look at."""
        history = self.search.history
        trial, other = self.selection.trial(history), self.selection.compared(history)
        return PlotContext(
            history,
            self.search.space.domain,
            None if trial is None else trial.number,
            None if other is None else other.number,
            cost,
        )


class Tab(ABC):
    """One tab. Its inputs are written by the browser, its outputs by the painter alone.

    Attributes:
        title: What the tab says.
        widget: What it shows.
    """

    title: str
    widget: Any

    @abstractmethod
    def paint(self, *, pictures: bool = True) -> None:
        """Brings it up to date. Called by the painter, and only while it is the one in view.

        Args:
            pictures: Whether pictures are drawn anew, too.
        """


BEST_SHOWN = 5


class WatchTab(Tab):
    """The search as it goes.

    Args:
        context: What it works with.

    Attributes:
        picture: Scores and learning curves, which the record shows too.
    """

    title = "Watch"

    def __init__(self, context: TabContext) -> None:
        self._context = context
        self.picture = overview()
        self._funnel: Picture | None = None
        parts = (widgets.HTML() for _ in range(5))
        self._image, self._funnel_image, self._incumbent, self._best, self._log = parts
        self._incumbent.add_class("nas-side-by-side")
        self.widget = widgets.VBox(
            [self._image, self._funnel_image, self._incumbent, self._best, self._log]
        )

    def paint(self, *, pictures: bool = True) -> None:
        """Brings pictures, tables and log up to date."""
        history = self._context.search.history
        incumbent = tables.incumbent_table(history)
        best = tables.leaderboard(history, BEST_SHOWN)
        log = log_html(history)
        # The slow part, after the texts were made and before any is shown: all tell of one moment.
        if pictures:
            self._paint_pictures()
        self._incumbent.value, self._best.value, self._log.value = incumbent, best, log

    def draw(self) -> bool:
        """Draws the picture; returns False if it looks as it did."""
        # The rings of the chosen trial belong to the other tabs: here it would follow the best.
        chosen = self._context.selection.chosen
        return self.picture.draw(self._context.plot_context()._replace(chosen=chosen))

    def _paint_pictures(self) -> None:
        if self.draw() or not self._image.value:
            self._image.value = self.picture.html()
        self._paint_funnel()

    def _paint_funnel(self) -> None:
        history = self._context.search.history
        if len({t.epochs_granted for t in history.completed}) < 2:
            return
        if self._funnel is None:
            self._funnel = Picture("funnel", height=2.6, margins={"left": 0.12, "bottom": 0.16})
        if self._funnel.draw(self._context.plot_context()):
            self._funnel_image.value = self._funnel.html()


class PlotTabSpec(NamedTuple):
    """What tells one such tab from another.

    Attributes:
        title: The tab's title.
        view: The view's name.
        about: How to read the picture.
        height: Of the picture, in inches.
        margins: Where its Axes end, in shares of the picture, where not as usual.
    """

    title: str
    view: str
    about: str
    height: float = 4.2
    margins: Mapping[str, float] = MappingProxyType({})


PARETO = PlotTabSpec(
    "Pareto", "pareto", "The front: trials that no other beats in both score and cost."
)
PARALLEL = PlotTabSpec(
    "Parallel",
    "parallel",
    "Each line is a trial, each axis a choice. Where bright lines meet, good architectures agree.",
    4.6,
    {"left": 0.04, "right": 0.985, "bottom": 0.2, "top": 0.85},
)
MAP = PlotTabSpec(
    "Map",
    "map",
    "Architectures that are alike stand close. A place belongs to an architecture for good: "
    "nothing moves when the search goes on.",
    5.0,
    {"left": 0.02, "right": 0.985, "bottom": 0.09, "top": 0.88},
)
IMPORTANCE = PlotTabSpec(
    "Importance",
    "importance",
    "A random forest learns the scores from the choices. A choice matters as much as the "
    "forest errs on unseen trials when that choice is shuffled among them.",
    4.4,
    {"left": 0.16, "right": 0.97, "bottom": 0.14, "top": 0.88},
)


class PlotTab(Tab):
    """One view, with the chosen trial marked in it.

    Args:
        context: What it works with.
        spec: Which view.
    """

    def __init__(self, context: TabContext, spec: PlotTabSpec) -> None:
        self.title = spec.title
        self._context = context
        self._spec = spec
        self._picture: Picture | None = None
        self._image = widgets.HTML()
        about = widgets.HTML(f'<p class="nas-about">{spec.about}</p>')
        self.widget = widgets.VBox([*self._inputs(), about, self._image])

    def paint(self, *, pictures: bool = True) -> None:
        """Says which trial is looked at, and draws the view anew if it would look different."""
        self._context.chooser.paint()
        if pictures:
            self._draw()

    def _draw(self) -> None:
        if self._picture is None:
            spec = self._spec
            self._picture = Picture(spec.view, height=spec.height, margins=spec.margins)
        if self._picture.draw(self._plot_context()):
            self._image.value = self._picture.html()

    def _inputs(self) -> list[Any]:
        return [self._context.chooser.widget]

    def _plot_context(self) -> PlotContext:
        return self._context.plot_context()


class ParetoTab(PlotTab):
    """Score against a cost that its user chooses.

    Args:
        context: What it works with.
    """

    def __init__(self, context: TabContext) -> None:
        super().__init__(context, PARETO)

    def paint(self, *, pictures: bool = True) -> None:
        """Offers the costs that trials record, and draws."""
        known = [*dict.fromkeys((*self.cost.options, *cost_names(self._context.search.history)))]
        if known != list(self.cost.options):
            value = self.cost.value
            self.cost.options = known
            self.cost.value = value
        super().paint(pictures=pictures)

    def _inputs(self) -> list[Any]:
        self.cost = widgets.Dropdown(options=["params", "flops"], **named("Cost", 170))
        self.cost.observe(lambda _: self._context.on_input(), "value")
        return [*super()._inputs(), self.cost]

    def _plot_context(self) -> PlotContext:
        return self._context.plot_context(self.cost.value)


class ImportanceTab(PlotTab):
    """Which choices the score depends on.

    Args:
        context: What it works with.
    """

    def __init__(self, context: TabContext) -> None:
        super().__init__(context, IMPORTANCE)
        self._learned = 0

    def _draw(self) -> None:
        """Learns again when there are a tenth more trials than the last time, or at the end."""
        search = self._context.search
        count = len(search.history.completed)
        due = count > 1.1 * self._learned or (count != self._learned and not search.state.live)
        if self._picture is None or due:
            self._learned = count
            super()._draw()

    def _inputs(self) -> list[Any]:
        return []
