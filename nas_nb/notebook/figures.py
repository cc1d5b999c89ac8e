"""Figures that belong to no pyplot, and that a notebook shows all the same."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from IPython import get_ipython
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nas_nb.notebook import plots

if TYPE_CHECKING:
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
        info = plots.scores_info(self._search.history)
        return plots.draw_scores(info, new_axes(7.2, 3.4) if ax is None else ax)

    def curves(self, ax: Axes | None = None) -> Axes:
        """Draws the learning curves of the incumbent and of the running trial."""
        info = plots.curves_info(self._search.history)
        return plots.draw_curves(info, new_axes(6, 3.4) if ax is None else ax)

    def __repr__(self) -> str:
        return "<Plots: .scores(), .curves()>"


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
