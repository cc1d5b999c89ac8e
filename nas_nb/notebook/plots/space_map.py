"""A map of the space: an architecture's place depends on the space alone (`space.encoding`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nas_nb.errors import SpaceError
from nas_nb.notebook.plots import drawing
from nas_nb.notebook.plots.drawing import Plot, goodness, scored_trials
from nas_nb.space.encoding import embedding_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from nas_nb.notebook.plots.drawing import PlotContext, Points
    from nas_nb.record.history import History
    from nas_nb.space.domain import Domain

BEST, LATEST = 200, 300


class MapPoint(NamedTuple):
    """One trial on the map: its number, its place, and its goodness from 0 to 1."""

    trial: int
    x: float
    y: float
    good: float


class MapInfo(NamedTuple):
    """The explored part of a space."""

    objective: str
    landmarks: Points
    spots: tuple[MapPoint, ...]
    likeness: float  # the correlation of distances on the map with those in the space
    total: int
    chosen: MapPoint | None


def map_info(context: PlotContext) -> MapInfo:
    """Returns what `draw_map` draws: the 200 best trials and the 300 latest."""
    history, domain, chosen = context.history, context.domain, context.chosen
    plane = embedding_of(domain)
    known = sorted(scored_trials(history), key=lambda pair: history.sign * pair[1])
    wanted = {number for number, _ in known[-BEST:]}
    wanted |= set(sorted(number for number, _ in known)[-LATEST:])
    wanted |= {number for number, _ in known if number == chosen}
    shown = [pair for pair in known if pair[0] in wanted and _legal(history, pair[0], domain)]
    good = goodness([score for _, score in shown], history.direction)
    places = plane.places([history[number].values for number, _ in shown])
    spots = tuple(
        MapPoint(number, x, y, how_good)
        for (number, _), (x, y), how_good in zip(shown, places, good, strict=True)
    )
    at = next((spot for spot in spots if spot.trial == chosen), None)
    return MapInfo(history.objective, plane.landmarks, spots, plane.likeness, len(known), at)


def draw_map(info: MapInfo, ax: Axes) -> Axes:
    """Draws the landmarks in grey and the trials in colours, in place of an earlier drawing."""
    drawn = f"landmarks {hash((info.landmarks, info.objective))}"
    if not any((found.get_gid() or "").endswith(drawn) for found in ax.collections):
        _draw_space(info, ax, drawn)
    drawing.remove_ours(ax, drawing.SPOTS)
    colors = drawing.theme_colors(ax)
    if info.spots:
        shades = drawing.score_colors(ax, [spot.good for spot in info.spots])
        sizes = [26 + 40 * spot.good for spot in info.spots]
        style: dict[str, Any] = {"edgecolors": colors.ground, "linewidths": 0.6, "zorder": 2}
        _put_spots(ax, info.spots, s=sizes, c=shades, **style)
    if info.chosen is not None:
        ring: dict[str, Any] = {"s": 150, "facecolors": "none", "linewidths": 2, "zorder": 3}
        _put_spots(ax, [info.chosen], edgecolors=colors.strong, **ring)
    return ax


def _draw_space(info: MapInfo, ax: Axes, gid: str) -> None:
    """Draws what stays: the landmarks, and what places and colours mean."""
    drawing.remove_ours(ax)
    drawing.style_axes(ax, "Explored part of the space")
    xs, ys = zip(*info.landmarks, strict=True)
    color = drawing.theme_colors(ax).rule
    drawing.mark_ours(ax, ax.scatter(xs, ys, s=14, color=color, linewidths=0, zorder=1, gid=gid))
    # Equal scales: distances are what the map is about.
    ax.set_aspect("equal", adjustable="datalim")
    ax.set(xticks=[], yticks=[])
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.margins(0.05)
    told = f"Correlation with distances in the space: {info.likeness:.2f}. "
    told += f"Grey: {len(info.landmarks)} random architectures."
    ax.set_xlabel(told, fontsize=9)
    drawing.score_key(ax, f"{info.objective}: worse")


def _put_spots(ax: Axes, spots: Sequence[MapPoint], **style: Any) -> None:
    xs, ys = [spot.x for spot in spots], [spot.y for spot in spots]
    drawing.mark_ours(ax, ax.scatter(xs, ys, gid="spots", **style))


def describe_map(info: MapInfo) -> str:
    """Returns in words what `draw_map` draws."""
    text = f"map of the space by distance, {len(info.spots)} of {info.total} trials on it"
    if len(info.spots) < 2:
        return text
    # The drawn ones are the space: how wide the trials lie among them is what is explored.
    whole = np.ptp(np.array(info.landmarks), axis=0).sum() or 1.0
    mine = np.ptp(np.array([(spot.x, spot.y) for spot in info.spots]), axis=0).sum()
    return f"{text}, spread over {min(1.0, mine / whole):.0%} of its width and height"


def _legal(history: History, number: int, domain: Domain) -> bool:
    try:
        domain.canonical(history[number].values)
    except SpaceError:
        return False
    return True


MAP = Plot(
    "space_map",
    map_info,
    draw_map,
    describe_map,
    "Draws the explored part of the space: similar architectures are close.",
    size=(7, 5),
    title="Map",
    hint="2-D embedding: similar architectures are close; positions stay fixed.",
    height=5.0,
    marks=lambda info: [(spot.trial, spot.x, spot.y) for spot in info.spots],
    margins={"left": 0.02, "right": 0.985, "bottom": 0.09, "top": 0.88},
    moves=True,
)
