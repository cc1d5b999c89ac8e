"""`Tab`: one place of the panel; `PanelContext`: what all of them work with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from nas_nb.notebook.plots.figures import Picture
from nas_nb.notebook.plots.plot import PlotContext

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nas_nb.notebook.panel.drawings import Drawings
    from nas_nb.notebook.panel.inputs import TrialSelection
    from nas_nb.notebook.plots.plot import Plot
    from nas_nb.notebook.snapshot import Snapshot
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
