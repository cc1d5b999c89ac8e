"""`search.plot`, the registry of plots, and pictures of several."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nas_nb.errors import SearchError, nearest
from nas_nb.notebook.plots import drawing, importance, mixing, parallel, pareto, scores, space_map
from nas_nb.notebook.plots.drawing import new_axes
from nas_nb.notebook.plots.plot import Plot, PlotContext

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.record.history import History
    from nas_nb.search.search import Search


PLOTS: dict[str, Plot] = {
    plot.name: plot
    for plot in (
        scores.SCORES,
        scores.CURVES,
        scores.CHOSEN_CURVES,
        pareto.PARETO,
        pareto.FIDELITIES,
        parallel.PARALLEL,
        space_map.MAP,
        importance.IMPORTANCE,
        mixing.MIXING,
    )
}
"""All pictures of a search, by name."""


_USUAL = (6.0, 3.4)


class Plots:
    """The plots of a search: `search.plot.scores()`.

    Each takes matplotlib Axes to draw on; without, it makes a figure, which the cell shows at its
    end. Each returns the Axes.

    Args:
        search: The search to plot.
    """

    def __init__(self, search: Search) -> None:
        self._search = search

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Callable[..., Axes]: ...

    def pareto(self, cost: str = "params", ax: Axes | None = None) -> Axes:
        """Draws score against a cost, and the front of the trials that no other beats in both.

        Args:
            cost: The name of a cost that trials record: "params", "macs".
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
        return self._draw(pareto.PARETO, ax, cost=cost)

    def _draw(self, plot: Plot, ax: Axes | None, **more: Any) -> Axes:
        search = self._search
        info = plot.info(PlotContext(search.history, search.space.domain, **more))
        return plot.draw(info, new_axes(*(plot.size or _USUAL)) if ax is None else ax)

    def __repr__(self) -> str:
        names = [name for name in vars(type(self)) if not name.startswith("_")]
        return f"<Plots: {', '.join(f'.{name}()' for name in names)}>"


def _method(plot: Plot) -> Callable[..., Axes]:
    def method(self: Plots, ax: Axes | None = None) -> Axes:
        return self._draw(plot, ax)

    method.__name__, method.__doc__ = plot.name, plot.about
    return method


for _plot in PLOTS.values():
    if _plot.size and not hasattr(Plots, _plot.name):
        setattr(Plots, _plot.name, _method(_plot))


def cost_names(history: History) -> tuple[str, ...]:
    """Returns the names of the costs that completed trials record, in their order."""
    return tuple(dict.fromkeys(name for trial in history.completed for name in trial.costs))


# Fixed margins: a layout engine would double the cost of every frame, and let the axes jump.
_MARGINS = {"left": 0.07, "right": 0.985, "bottom": 0.15, "top": 0.82, "wspace": 0.2}
_WIDTH, _PICTURE_DPI = 9.6, 100
# From the Axes to the names of the scales, in pixels.
_BELOW, _BESIDE = 27, 45
_SIDES = {1: ("",), 2: ("Left: ", "Right: ")}


class Picture:
    """Some views as one PNG. Not thread-safe: one thread at a time may draw.

    Args:
        plots: What it shows, from left to right.
        ratios: Their widths, relative to each other. Default: all the same.
        width: Inches.
        height: Inches.
        margins: Where the Axes end, in shares of the picture, as of `subplots_adjust`.

    Attributes:
        alt: The latest drawing in words.
        png: The latest drawing; empty before the first.
    """

    def __init__(
        self,
        *plots: Plot,
        ratios: Sequence[float] | None = None,
        width: float = _WIDTH,
        height: float = 3.4,
        margins: Mapping[str, float] | None = None,
    ) -> None:
        self._plots = plots
        self._size = (width, height)
        self._figure = Figure(figsize=self._size, dpi=_PICTURE_DPI, facecolor="white")
        FigureCanvasAgg(self._figure)
        self._axes = self._figure.subplots(1, len(plots), squeeze=False, width_ratios=ratios)[0]
        self._figure.subplots_adjust(**{**_MARGINS, **(margins or {})})
        for ax in self._axes:
            # In places of their own: else every draw measures all ticks to find one.
            ax.xaxis.set_label_coords(0.5, -_BELOW / ax.bbox.height)
            ax.yaxis.set_label_coords(-_BESIDE / ax.bbox.width, 0.5)
        self._drawn: list[Any] | None = None
        self.alt = ""
        self.png = b""

    def draw(self, context: PlotContext) -> bool:
        """Draws what has happened so far; returns False if that looks as it did."""
        infos = [plot.info(context) for plot in self._plots]
        if infos == self._drawn:
            return False
        told = []
        sides = _SIDES[len(self._plots)]
        for plot, info, ax, side in zip(self._plots, infos, self._axes, sides, strict=True):
            plot.draw(info, ax)
            told.append(f"{side}{plot.describe(info).removesuffix('.')}.")
        self.alt = " ".join(told)
        self.png = drawing.png(self._figure)
        self._drawn = infos
        return True

    def html(self) -> str:
        """Returns the latest drawing as an `<img>` that carries its own data."""
        return image(self.png, self.alt, *self._size)


def image(png: bytes, alt: str, width: float, height: float) -> str:
    """Returns a PNG of so many inches as an `<img>` that carries its own data."""
    data = base64.b64encode(png).decode("ascii")
    return (
        f'<img alt="{html.escape(alt)}" width="{round(width * _PICTURE_DPI)}" '
        f'height="{round(height * _PICTURE_DPI)}" src="data:image/png;base64,{data}">'
    )


def overview() -> Picture:
    """Returns the picture of what happens: scores beside learning curves."""
    return Picture(scores.SCORES, scores.CURVES, ratios=(5, 4))
