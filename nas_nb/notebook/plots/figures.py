"""`search.plot`, the registry of plots, and pictures of several."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nas_nb.errors import SearchError, nearest
from nas_nb.notebook.plots import drawing, importance, mixing, parallel, pareto, scores, space_map
from nas_nb.notebook.plots.drawing import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.record.history import History
    from nas_nb.search.search import Search
    from nas_nb.space.domain import Domain


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
        search, view = self._search, PLOTS[name]
        info = view.info(PlotContext(search.history, search.space.domain, **more))
        return view.draw(info, new_axes(width, height) if ax is None else ax)

    def __repr__(self) -> str:
        names = [name for name in vars(type(self)) if not name.startswith("_")]
        return f"<Plots: {', '.join(f'.{name}()' for name in names)}>"


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
        names: The views, from left to right.
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
        *names: str,
        ratios: Sequence[float] | None = None,
        width: float = _WIDTH,
        height: float = 3.4,
        margins: Mapping[str, float] | None = None,
    ) -> None:
        self._views = [PLOTS[name] for name in names]
        self._size = (width, height)
        self._figure = Figure(figsize=self._size, dpi=_PICTURE_DPI, facecolor="white")
        FigureCanvasAgg(self._figure)
        self._axes = self._figure.subplots(1, len(names), squeeze=False, width_ratios=ratios)[0]
        self._figure.subplots_adjust(**{**_MARGINS, **(margins or {})})
        for ax in self._axes:
            # In places of their own: else every draw measures all ticks to find one.
            ax.xaxis.set_label_coords(0.5, -_BELOW / ax.bbox.height)
            ax.yaxis.set_label_coords(-_BESIDE / ax.bbox.width, 0.5)
        self._drawn: list[Any] | None = None
        self.alt = ""
        self.png = b""

    def draw(self, plot_context: PlotContext) -> bool:
        """Draws what has happened so far; returns False if that looks as it did."""
        infos = [view.info(plot_context) for view in self._views]
        if infos == self._drawn:
            return False
        told = []
        sides = _SIDES[len(self._views)]
        for view, info, ax, side in zip(self._views, infos, self._axes, sides, strict=True):
            view.draw(info, ax)
            told.append(f"{side}{view.describe(info).removesuffix('.')}.")
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
    return Picture("scores", "curves", ratios=(5, 4))


class PlotContext(NamedTuple):
    """What a view may look at.

    Attributes:
        history: What happened.
        domain: The space it happened in.
        chosen: The chosen trial, or None.
        other: The trial to compare it with, or None.
        cost: The cost that scores are set against.
    """

    history: History
    domain: Domain
    chosen: int | None = None
    other: int | None = None
    cost: str = "params"


class Plot(NamedTuple):
    """One picture.

    Attributes:
        info: Computes what will be drawn, as a NamedTuple; changes nothing.
        draw: Draws it on the caller's Axes, in place of what an earlier call drew there.
        describe: Says it in words, for readers who don't see it.
    """

    info: Callable[[PlotContext], Any]
    draw: Callable[[Any, Axes], Axes]
    describe: Callable[[Any], str]


PLOTS: dict[str, Plot] = {
    "scores": Plot(
        lambda plot_context: scores.scores_info(plot_context.history, plot_context.chosen),
        scores.draw_scores,
        scores.describe_scores,
    ),
    "curves": Plot(
        lambda plot_context: scores.curves_info(plot_context.history),
        scores.draw_curves,
        scores.describe_curves,
    ),
    "chosen curves": Plot(
        lambda plot_context: scores.chosen_curves_info(
            plot_context.history, plot_context.chosen, plot_context.other
        ),
        scores.draw_curves,
        scores.describe_curves,
    ),
    "funnel": Plot(
        lambda plot_context: pareto.funnel_info(plot_context.history),
        pareto.draw_funnel,
        pareto.describe_funnel,
    ),
    "pareto": Plot(
        lambda plot_context: pareto.pareto_info(
            plot_context.history, plot_context.cost, plot_context.chosen
        ),
        pareto.draw_pareto,
        pareto.describe_pareto,
    ),
    "parallel": Plot(
        lambda plot_context: parallel.parallel_info(
            plot_context.history, plot_context.domain, plot_context.chosen
        ),
        parallel.draw_parallel,
        parallel.describe_parallel,
    ),
    "map": Plot(
        lambda plot_context: space_map.map_info(
            plot_context.history, plot_context.domain, plot_context.chosen
        ),
        space_map.draw_map,
        space_map.describe_map,
    ),
    "importance": Plot(
        lambda plot_context: importance.importance_info(plot_context.history, plot_context.domain),
        importance.draw_importance,
        importance.describe_importance,
    ),
    "mixing": Plot(
        lambda plot_context: mixing.mixing_info(plot_context.history),
        mixing.draw_mixing,
        mixing.describe_mixing,
    ),
}
"""All pictures of a search."""
