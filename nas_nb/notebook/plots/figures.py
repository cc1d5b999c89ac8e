"""`search.plot`, the registry of plots, and pictures of several."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from nas_nb.errors import SearchError, nearest
from nas_nb.notebook.plots import importance, mixing, parallel, pareto, scores, space_map
from nas_nb.notebook.plots.drawing import as_text, new_axes
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
        importance.EFFECTS,
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
        return as_text(plot.draw(info, new_axes(*(plot.size or _USUAL)) if ax is None else ax))

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
_WIDTH, _INCH = 9.6, 100
# From the Axes to the names of the scales, in pixels.
_BELOW, _BESIDE = 27, 45
_MOST_MARKS = 3000
_SHARPNESS = 1.5
"""Pixels of the picture to one of the page: high-resolution screens have two."""


class Picture:
    """Some plots as one PNG. Not thread-safe: one thread at a time may draw.

    Axes, ticks and legends are drawn when they change; else only the lines are, over a copy of
    what was there without them. That takes a tenth of the time.
    """

    def __init__(
        self,
        *plots: Plot,
        below: bool = False,
        ratios: Sequence[float] | None = None,
        width: float = _WIDTH,
        height: float = 3.4,
        margins: Mapping[str, float] | None = None,
    ) -> None:
        self._plots = plots
        self._name = "+".join(plot.name for plot in plots)
        self._zoomed: dict[int, tuple[Any, Any]] = {}
        self._size = (width, height)
        self._figure = Figure(figsize=self._size, dpi=_INCH * _SHARPNESS, facecolor="none")
        self._canvas: Any = FigureCanvasAgg(self._figure)
        shape: dict[str, Any] = {"height_ratios" if below else "width_ratios": ratios}
        count = len(plots)
        grid = (count, 1) if below else (1, count)
        self._axes = self._figure.subplots(*grid, squeeze=False, **shape).ravel()
        self._widest, self._margins = width, {**_MARGINS, **(margins or {})}
        for ax in self._axes:
            ax.set_facecolor("none")
        self.fit(width)
        names = {1: ("",), 2: ("Above: ", "Below: ") if below else ("Left: ", "Right: ")}
        self._sides = names[count]
        self._infos: list[Any] | None = None
        self._ground: Any = None
        self._ground_key: Any = None
        self._html = ""
        self.alt = ""
        self.png = b""

    def fit(self, width: float) -> None:
        """Makes the picture so many inches wide, or as wide as it was made: labels stay legible."""
        width = min(width, self._widest)
        self._size, self._infos = (width, self._size[1]), None
        self._figure.set_size_inches(*self._size)
        ratio, margins = self._widest / width, dict(self._margins)
        margins["left"] *= ratio
        margins["right"] = 1 - ratio * (1 - margins["right"])
        self._figure.subplots_adjust(**margins)
        for ax in self._axes:
            # In places of their own: else every draw measures all ticks to find one.
            ax.xaxis.set_label_coords(0.5, -_BELOW * _SHARPNESS / ax.bbox.height)
            ax.yaxis.set_label_coords(-_BESIDE * _SHARPNESS / ax.bbox.width, 0.5)

    def draw(self, context: Any) -> bool:
        """Draws what the context of its plots tells; returns False if that looks as it did."""
        infos = [plot.info(context) for plot in self._plots]
        if infos == self._infos:
            return False
        told = []
        for plot, info, ax, side in zip(self._plots, infos, self._axes, self._sides, strict=True):
            as_text(plot.draw(info, ax))
            if limits := self._zoomed.get(id(ax)):
                ax.set(xlim=limits[0], ylim=limits[1])
            told.append(f"{side}{plot.describe(info).removesuffix('.')}.")
        self.alt = " ".join(told)
        self._render()
        self.png = _encoded(self._canvas)
        self._infos, self._html = infos, ""
        return True

    def zoom(self, box: Sequence[Sequence[float]] | None) -> None:
        """Shows a part of an Axes from the next drawing on; None shows all again."""
        self._infos = None
        if box is None:
            self._zoomed.clear()
            return
        size = self._figure.bbox.size
        corners = [(x * size[0], (1 - y) * size[1]) for x, y in box]
        middle = [sum(both) / 2 for both in zip(*corners, strict=True)]
        for ax in self._axes:
            if ax.bbox.contains(*middle):
                places = ax.transData.inverted().transform(corners)
                across, up = (sorted(both) for both in zip(*places, strict=True))
                self._zoomed[id(ax)] = (across, up)

    def html(self) -> str:
        """Returns the latest drawing as an `<img>` that carries its own data and its trials."""
        if not self._html:
            marks = json.dumps(self._marks(), separators=(",", ":"))
            more = f' class="nas-plot" tabindex="0" data-chart="{html.escape(self._name)}"'
            more += f' data-marks="{html.escape(marks)}"'
            self._html = image(self.png, self.alt, *self._size, more)
        return self._html

    def on_white(self) -> bytes:
        """Returns the latest drawing on white: for readers whose pages have any ground."""
        return _encoded(self._canvas, white=True)

    def white_html(self) -> str:
        """Returns the latest drawing on white as an `<img>` that carries its own data."""
        return image(self.on_white(), self.alt, *self._size)

    def _render(self) -> None:
        if not all(plot.moves for plot in self._plots):
            self._canvas.draw()
            return
        for ax in self._axes:
            for line in ax.lines:
                line.set_animated(True)
        key = [_still(ax) for ax in self._axes]
        if key == self._ground_key:
            self._canvas.restore_region(self._ground)
        else:
            self._canvas.draw()
            self._ground = self._canvas.copy_from_bbox(self._figure.bbox)
            self._ground_key = key
        for ax in self._axes:
            for line in sorted(ax.lines, key=lambda line: line.zorder):
                ax.draw_artist(line)

    def _marks(self) -> list[list[float]]:
        """Returns trials with their places in the picture, in shares from its upper left."""
        found: list[list[float]] = []
        width, height = self._figure.bbox.size
        for plot, info, ax in zip(self._plots, self._infos or [], self._axes, strict=False):
            marks = list(plot.marks(info))[-_MOST_MARKS:] if plot.marks else []
            if not marks:
                continue
            places = ax.transData.transform([(x, y) for _, x, y in marks])
            for (number, _, _), (x, y) in zip(marks, places, strict=True):
                found.append([number, round(x / width, 4), round(1 - y / height, 4)])
        return found


def _still(ax: Axes) -> tuple[Any, ...]:
    """Returns what all that does not move in an Axes depends on."""
    legend = ax.get_legend()
    words = [(text.get_text(), text.get_visible()) for text in ax.texts]
    scales = (ax.get_xscale(), ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left"))
    return (
        ax.bbox.bounds,
        ax.get_xlim(),
        ax.get_ylim(),
        scales,
        legend and legend.get_gid(),
        words,
    )


def _encoded(canvas: Any, *, white: bool = False) -> bytes:
    """Returns what a canvas shows as PNG, quickly rather than small."""
    shown = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba(), "raw")
    if white:
        ground = Image.new("RGBA", shown.size, "white")
        shown = Image.alpha_composite(ground, shown).convert("RGB")
    buffer = io.BytesIO()
    shown.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def image(png: bytes, alt: str, width: float, height: float, more: str = "") -> str:
    """Returns a PNG of so many inches as an `<img>` that carries its own data."""
    data = base64.b64encode(png).decode("ascii")
    return (
        f'<img alt="{html.escape(alt)}" width="{round(width * _INCH)}" '
        f'height="{round(height * _INCH)}"{more} src="data:image/png;base64,{data}">'
    )


OVERVIEW = f"{scores.SCORES.name}+{scores.CURVES.name}"
"""The name of the picture of what happens."""


def overview() -> Picture:
    """Returns the picture of what happens: scores above learning curves."""
    margins = {"left": 0.07, "bottom": 0.09, "top": 0.9, "hspace": 0.5}
    return Picture(
        scores.SCORES, scores.CURVES, below=True, ratios=(5, 4), height=5.6, margins=margins
    )
