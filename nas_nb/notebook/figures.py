"""Figures that belong to no pyplot, and that a notebook shows all the same."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from IPython import get_ipython
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nas_nb.errors import SearchError, nearest
from nas_nb.notebook.views.view import VIEWS, Scene

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.search.search import Search

_DPI = 100
_TO_SHOW: list[Figure] = []


class ShownAxes(Axes):
    """Axes whose figure the cell shows at its end, once, as it does with pyplot's figures.

    At the end, so that what the cell changes about the Axes is in the picture.
    """

    def _ipython_display_(self) -> None:
        show_after_cell(self.figure)


class Plots:
    """The plots of a search: `search.plot.scores()`.

    Each takes matplotlib Axes to draw on; without, it makes a figure, which the cell shows at its
    end. Each returns the Axes.

    Args:
        search: The search to plot.
    """

    def __init__(self, search: Search) -> None:
        self._search = search

    def scores(self, ax: Axes | None = None) -> Axes:
        """Draws the score of each trial, with the incumbent's as a line and failures marked."""
        return self._draw("scores", ax, 7.2, 3.4)

    def curves(self, ax: Axes | None = None) -> Axes:
        """Draws the learning curves of the incumbent and of the running trial."""
        return self._draw("curves", ax, 6, 3.4)

    def pareto(self, cost: str = "params", ax: Axes | None = None) -> Axes:
        """Draws score against a cost, and the front of the trials that no other beats in both.

        Args:
            cost: The name of a cost that trials record: "params", "flops".
            ax: Where to draw.

        Raises:
            SearchError: No completed trial has a cost of that name.
        """
        known = cost_names(self._search.history)
        if known and cost not in known:
            raise SearchError(
                f"Expected a cost that trials record: {', '.join(known)}. "
                f"Received: {cost!r}.{nearest(cost, known)}"
            )
        return self._draw("pareto", ax, 6, 3.6, cost=cost)

    def parallel(self, ax: Axes | None = None) -> Axes:
        """Draws each of the 200 best trials as a line through its choices."""
        return self._draw("parallel", ax, 9, 4)

    def map(self, ax: Axes | None = None) -> Axes:
        """Draws the explored part of the space, where what is alike stands close."""
        return self._draw("map", ax, 7, 5)

    def importance(self, ax: Axes | None = None) -> Axes:
        """Draws how much the score depends on each choice."""
        return self._draw("importance", ax, 7, 4)

    def mixing(self, ax: Axes | None = None) -> Axes:
        """Draws the mixing weights of a search with the strategy `gradient`, epoch by epoch."""
        return self._draw("mixing", ax, 7, 4)

    def funnel(self, ax: Axes | None = None) -> Axes:
        """Draws how many trials were trained how far."""
        return self._draw("funnel", ax, 6, 3)

    def _draw(self, name: str, ax: Axes | None, width: float, height: float, **more: Any) -> Axes:
        search, view = self._search, VIEWS[name]
        info = view.info(Scene(search.history, search.space.domain, **more))
        return view.draw(info, new_axes(width, height) if ax is None else ax)

    def __repr__(self) -> str:
        names = [name for name in vars(type(self)) if not name.startswith("_")]
        return f"<Plots: {', '.join(f'.{name}()' for name in names)}>"


def cost_names(history: History) -> tuple[str, ...]:
    """Returns the names of the costs that completed trials record, in their order."""
    return tuple(dict.fromkeys(name for trial in history.completed for name in trial.costs))


def new_axes(width: float, height: float) -> Axes:
    """Returns Axes in a figure of so many inches that the running cell will show."""
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    ax = figure.add_subplot(axes_class=ShownAxes)
    show_after_cell(figure)
    return ax


def show_after_cell(figure: Any) -> None:
    """Shows a figure when the running cell ends; does nothing where there is no notebook."""
    shell = get_ipython()
    if not hasattr(shell, "kernel"):
        return
    if not _TO_SHOW:
        shell.events.register("post_execute", _show_all)
    if figure not in _TO_SHOW:
        _TO_SHOW.append(figure)


def png(figure: Figure, dpi: float | None = None) -> bytes:
    """Returns the picture as PNG; quickly rather than small, and without touching the layout."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi or "figure", pil_kwargs={"compress_level": 1})
    return buffer.getvalue()


def _show_all() -> None:
    from IPython.display import publish_display_data

    get_ipython().events.unregister("post_execute", _show_all)
    while _TO_SHOW:
        figure = _TO_SHOW.pop(0)
        width = round(figure.get_figwidth() * _DPI)
        publish_display_data(
            {"image/png": png(figure, dpi=1.5 * _DPI), "text/plain": repr(figure)},
            {"image/png": {"width": width}},
        )
