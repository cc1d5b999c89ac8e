"""`search.plot`, the registry of plots, and pictures of several."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from nas_nb.errors import SearchError, check_type, nearest, shown
from nas_nb.notebook.plots import (
    choices,
    mixing,
    pareto,
    scores,
    space_map,
)
from nas_nb.notebook.plots.drawing import (
    SPOTS,
    KeptRows,
    Plot,
    PlotContext,
    as_text,
    axes_for,
    encoded,
    grown,
    moving,
    settled_points,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial
    from nas_nb.search.search import Search


PLOTS: dict[str, Plot] = {
    plot.name: plot
    for plot in (
        scores.SCORES,
        scores.CURVES,
        scores.CHOSEN_CURVES,
        pareto.PARETO,
        pareto.HYPERVOLUME,
        pareto.FIDELITIES,
        choices.PARALLEL,
        space_map.MAP,
        choices.IMPORTANCE,
        choices.EFFECTS,
        scores.LINEAGE,
        mixing.MIXING,
        scores.TIMELINE,
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

    def scores(self, over: str = "trials", ax: Axes | None = None) -> Axes:
        """Draws the score of each trial, with the incumbent's as a line and failures marked.

        Args:
            over: "trials", or "seconds" of training.
            ax: Where to draw.

        Raises:
            SearchError: `over` is neither.
        """
        if not isinstance(over, str) or over not in scores.OVER:
            raise SearchError(f"Expected over to be trials or seconds. Received: {shown(over)}.")
        return self._draw(scores.SCORES, ax, over=over)

    def pareto(self, cost: str | None = None, ax: Axes | None = None) -> Axes:
        """Draws score against a cost, and the front of the trials that no other beats in both.

        Args:
            cost: The name of a cost that trials record: "params", "macs". Default: the second
                objective of the search; "params" where it has one.
            ax: Where to draw.

        Raises:
            SearchError: No completed trial has a cost of that name.
        """
        check_type("cost", cost, (str, type(None)), "the name of a cost", error=SearchError)
        cost = cost or self._search.history.front_objectives[1]
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
        return as_text(plot.draw(info, axes_for(ax, *(plot.size or _USUAL))))

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
    return tuple(dict.fromkeys(chain.from_iterable(grown(history.completed, _new_costs))))


def _new_costs(trial: Trial) -> tuple[str, ...]:
    return tuple(trial.costs)


# Fixed margins: a layout engine would double the cost of every frame, and let the axes jump.
_MARGINS = {"left": 0.07, "right": 0.985, "bottom": 0.15, "top": 0.82, "wspace": 0.2}
_WIDTH, _INCH = 9.6, 100
# Pixels below and beside the Axes to the names of its scales, and the height of such a name.
_BELOW, _BESIDE, _LABEL = 27, 55, 16
_SHARPNESS = 1.5


class Printed(NamedTuple):
    """A picture as it was, on white: for readers whose pages have any ground."""

    png: bytes
    alt: str
    size: tuple[float, float]

    def html(self) -> str:
        """Returns it as an `<img>` that carries its own data."""
        return image(self.png, self.alt, *self.size)


class Picture:
    """Some plots as one PNG. Not thread-safe: one thread at a time may draw."""

    def __init__(
        self,
        *plots: Plot,
        below: bool = False,
        ratios: Sequence[float] | None = None,
        width: float = _WIDTH,
        height: float = 3.4,
        margins: Mapping[str, float] | None = None,
    ) -> None:
        self._plots, self._below = plots, below
        self._name = "+".join(plot.name for plot in plots)
        self._zoomed: dict[int, tuple[Any, Any]] = {}
        self._brushed: dict[str, tuple[float, float]] = {}
        self._size = (width, height)
        self._figure = Figure(figsize=self._size, dpi=_INCH * _SHARPNESS)
        self._canvas: Any = FigureCanvasAgg(self._figure)
        shape: dict[str, Any] = {"height_ratios" if below else "width_ratios": ratios}
        count = len(plots)
        grid = (count, 1) if below else (1, count)
        self._axes = self._figure.subplots(*grid, squeeze=False, **shape).ravel()
        self._widest, self._margins = width, {**_MARGINS, **(margins or {})}
        names = {1: ("",), 2: ("Above: ", "Below: ") if below else ("Left: ", "Right: ")}
        self._sides = names[count]
        self._infos: list[Any] | None = None  # None: in another size or theme all is drawn anew
        self._shown: list[Any] = []
        self._ground: Any = None
        self._above: list[Any] = []  # texts in boxes, over all that moves
        self._still: list[Any] = []  # what the ground of each Axes depends on
        self._html, self._png = "", b""
        self._kept: dict[bool, KeptRows] = {False: {}, True: {}}  # of the PNG, of the printed one
        self.alt = ""
        self.theme(dark=False)

    def theme(self, *, dark: bool) -> None:
        """Gives it the colours of a light or a dark page; all is drawn anew."""
        self._dark = dark
        self._figure.set_facecolor(ground(dark=dark))
        for ax in self._axes:
            ax.clear()
            ax.set_facecolor("none")
        self.fit(self._size[0], self._figure.dpi / _INCH)

    def fit(self, width: float, sharpness: float = _SHARPNESS) -> None:
        """Makes the picture so many inches wide, or as wide as it was made: labels stay legible."""
        width = min(width, self._widest)
        self._size, self._infos = (width, self._size[1]), None
        self._ground, self._still = None, [None] * len(self._axes)
        self._figure.set_dpi(_INCH * sharpness)
        self._figure.set_size_inches(*self._size)
        ratio, margins = self._widest / width, dict(self._margins)
        margins["left"] *= ratio
        margins["right"] = 1 - ratio * (1 - margins["right"])
        self._figure.subplots_adjust(**margins)
        for ax in self._axes:
            # In places of their own: else every draw measures all ticks to find one.
            ax.xaxis.set_label_coords(0.5, -_BELOW * sharpness / ax.bbox.height)
            ax.yaxis.set_label_coords(-_BESIDE * sharpness / ax.bbox.width, 0.5)

    def draw(self, context: Any) -> bool:
        """Draws what the context of its plots tells; returns False if nothing changed."""
        if self._brushed:
            context = context._replace(brushed=self._brushed)
        infos = [plot.info(context) for plot in self._plots]
        if infos == self._infos:
            return False
        self._show(infos)
        return True

    def draw_again(self) -> None:
        """Draws what it showed last, if it has another size or theme by now."""
        if self._infos is None:
            self._show(self._shown)

    def _show(self, infos: list[Any]) -> None:
        told, before = [], [*map(_drawn_of, self._infos or ())]
        for plot, info, side in zip(self._plots, infos, self._sides, strict=True):
            told.append(f"{side}{plot.describe(info).removesuffix('.')}.")
        self.alt = " ".join(told)
        if before != [*map(_drawn_of, infos)]:
            for plot, info, ax in zip(self._plots, infos, self._axes, strict=True):
                plot.draw(info, ax)
                if limits := self._zoomed.get(id(ax)):
                    ax.set(xlim=limits[0], ylim=limits[1])
            self._render()
            self._png = b""
        self._infos, self._shown, self._html = infos, infos, ""

    def zoom(self, box: Sequence[Sequence[float]] | None) -> None:
        """Shows a part of an Axes from the next drawing on, or brushes it; None shows all again."""
        infos, self._infos = self._infos or [], None
        if box is None:
            self._zoomed.clear()
            self._brushed = {}
            for ax in self._axes:
                ax.set_autoscale_on(True)
            return
        size = self._figure.bbox.size
        corners = [(x * size[0], (1 - y) * size[1]) for x, y in box]
        middle = [sum(both) / 2 for both in zip(*corners, strict=True)]
        for plot, info, ax in zip(self._plots, infos, self._axes, strict=False):
            if not ax.bbox.contains(*middle):
                continue
            places = ax.transData.inverted().transform(corners)
            across, up = (
                (float(min(both)), float(max(both))) for both in zip(*places, strict=True)
            )
            if plot.brush is None:
                self._zoomed[id(ax)] = (across, up)
            elif name := plot.brush(info, sum(across) / 2):
                self._brushed = {**self._brushed, name: up}

    @property
    def is_whole(self) -> bool:
        """Whether it shows all, and for a light page: then it can be printed as a record."""
        return not (self._dark or self._zoomed or self._brushed or self._infos is None)

    @property
    def png(self) -> bytes:
        """The latest drawing, on no ground."""
        if not self._png:
            self._png = encoded(np.asarray(self._canvas.buffer_rgba()), self._kept[False])
        return self._png

    def printed(self, context: Any = None) -> Printed:
        """Returns it on white, without marks: what the context tells, or the latest drawing."""
        if context is not None:
            self.draw(context)
        drawn = Image.fromarray(np.asarray(self._canvas.buffer_rgba()))
        mixed = Image.alpha_composite(Image.new("RGBA", drawn.size, "white"), drawn).convert("RGB")
        return Printed(encoded(np.asarray(mixed), self._kept[True]), self.alt, self._size)

    def html(self) -> str:
        """Returns the latest drawing as an `<img>` that carries its own data and its trials."""
        if not self._html:
            marks = html.escape(json.dumps(self._marks(), separators=(",", ":")))
            more = f' class="nas-plot{" nas-dark" * self._dark}" tabindex="0"'
            more += f' data-chart="{html.escape(self._name)}" data-marks="{marks}"'
            self._html = image(self.png, self.alt, *self._size, more)
        return self._html

    def _render(self) -> None:
        # To move lines over what stays takes a tenth of the time.
        if not all(plot.moves for plot in self._plots):
            self._draw_all()
            return
        for ax in self._axes:
            ax.apply_aspect()  # as a draw would: what moves has to fit what stays
            for artist in moving(ax):
                artist.set_animated(True)
        before, self._still = self._still, [_still(ax) for ax in self._axes]
        if self._ground is None:
            self._draw_all()
        else:
            self._canvas.restore_region(self._ground)
            for place, ax in enumerate(self._axes):
                if self._still[place] != before[place]:
                    self._draw_one(place, ax)
        if before != self._still:
            self._keep_ground()
        self._draw_moving()

    def _draw_moving(self) -> None:
        for ax in self._axes:
            for artist in sorted(moving(ax), key=lambda artist: artist.zorder):
                ax.draw_artist(artist)
        for box in self._above:
            self._canvas.restore_region(box)

    def _keep_ground(self) -> None:
        """Keeps what stays, and by themselves the texts in boxes, which are above what moves."""
        self._ground = self._canvas.copy_from_bbox(self._figure.bbox)
        texts = [t for ax in self._axes for t in ax.texts if not t.get_animated()]
        boxes = [box.get_window_extent() for t in texts if (box := t.get_bbox_patch())]
        self._above = [self._canvas.copy_from_bbox(box) for box in boxes]

    def _draw_one(self, place: int, ax: Axes) -> None:
        """Draws what stays in one Axes anew."""
        renderer = self._canvas.get_renderer()
        pixels, scale = np.asarray(renderer.buffer_rgba()), self._figure.dpi / _INCH
        rows, columns = slice(None), slice(None)
        if len(self._axes) > 1 and self._below:
            cut = len(pixels) - round(self._axes[0].bbox.y0 - (_BELOW + _LABEL) * scale)
            rows = slice(cut, None) if place else slice(cut)
        elif len(self._axes) > 1:
            cut = round(self._axes[1].bbox.x0 - (_BESIDE + _LABEL) * scale)
            columns = slice(cut, None) if place else slice(cut)
        pixels[rows, columns] = 0
        as_text(ax)
        ax.draw(renderer)

    def _draw_all(self) -> None:
        for ax in self._axes:
            as_text(ax)
        self._canvas.draw()

    def _marks(self) -> list[list[Any]]:
        """Returns the marks with their places in the picture, in shares from its upper left."""
        found: list[list[Any]] = []
        size = np.array(self._figure.bbox.size)
        for plot, info, ax in zip(self._plots, self._infos or [], self._axes, strict=False):
            marks = plot.marks(info) if plot.marks else ()
            if marks:
                places = ax.transData.transform([mark[1:3] for mark in marks]) / size
                shares = np.round(np.abs([0, 1] - places), 4).tolist()
                both = zip(marks, shares, strict=True)
                found += [[mark[0], *share, *mark[3:]] for mark, share in both]
        return found


def _still(ax: Axes) -> tuple[Any, ...]:
    """Returns what all that does not move in an Axes depends on."""
    legend = ax.get_legend()
    staying = (text for text in ax.texts if text.get_gid() != SPOTS)
    words = [(text.get_text(), text.get_visible()) for text in staying]
    scales = (ax.get_xscale(), ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left"))
    return (
        ax.bbox.bounds,
        ax.get_xlim(),
        ax.get_ylim(),
        scales,
        legend and legend.get_gid(),
        words,
        settled_points(ax),
    )


def _drawn_of(info: Any) -> Any:
    """What of an info is drawn: how many trials there are in all is only told in words."""
    return info._replace(total=0) if "total" in info._fields else info


def ground(*, dark: bool) -> tuple[float, float, float, float]:
    """Returns no ground at all, of the lightness that decides the colours of what is drawn."""
    return (0.1, 0.1, 0.1, 0) if dark else (1, 1, 1, 0)


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
    look: dict[str, Any] = {"below": True, "ratios": (5, 4), "height": 5.6, "margins": margins}
    return Picture(scores.SCORES, scores.CURVES, **look)
