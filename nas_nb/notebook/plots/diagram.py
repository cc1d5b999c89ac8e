"""Pictures of architectures and of search spaces: boxes and arrows, on matplotlib alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from nas_nb.errors import check_type
from nas_nb.notebook.plots.drawing import BLUE, SKY, VERMILLION, as_text, inks, new_axes, png
from nas_nb.notebook.plots.figures import ground, image

if TYPE_CHECKING:
    from collections.abc import Collection

    from nas_nb.space.graph import Arrow, Box, Layout

_MARGIN = 0.15
_SIZE = 9
_ENDS = {"input": (SKY, "black"), "output": (BLUE, "white")}


def draw_layout(picture: Layout, ax: Axes | None = None, marked: Collection[int] = ()) -> Axes:
    """Draws boxes and arrows; those of the marked places have a thick edge."""
    check_type("ax", ax, (Axes, type(None)), "matplotlib Axes")
    width, height = picture.width + 2 * _MARGIN, picture.height + 2 * _MARGIN
    if ax is None:
        ax = new_axes(width, height)
    ax.set(xlim=(-_MARGIN, width - _MARGIN), ylim=(height - _MARGIN, -_MARGIN), aspect="equal")
    ax.set_axis_off()
    for arrow in picture.arrows:
        _draw_arrow(arrow, ax)
    for place, box in enumerate(picture.boxes):
        _draw_box(box, ax, marked=place in marked)
    return as_text(ax)


def diagram_image(
    picture: Layout, alt: str, marked: Collection[int] = (), *, dark: bool | None = None
) -> str:
    """Returns the picture as an `<img>`: on white, or on no ground for a light or dark page."""
    width, height = picture.width + 2 * _MARGIN, picture.height + 2 * _MARGIN
    face = "white" if dark is None else ground(dark=dark)
    figure = Figure(figsize=(width, height), dpi=150, facecolor=face)
    FigureCanvasAgg(figure)
    draw_layout(picture, figure.add_axes((0, 0, 1, 1)), marked)
    return image(png(figure), alt, width, height, ' class="nas-dark"' if dark else "")


def _draw_box(box: Box, ax: Axes, *, marked: bool) -> None:
    colors, corner = inks(ax), (box.x - box.width / 2, box.y - box.height / 2)
    fill, letters = _ENDS.get(box.kind, (colors.ground, colors.ink))
    edge = {"edgecolor": VERMILLION, "linewidth": 2.5} if marked else {"edgecolor": colors.quiet}
    style: dict[str, Any] = {"boxstyle": "round,pad=0,rounding_size=0.06", "linewidth": 0.8, **edge}
    ax.add_patch(FancyBboxPatch(corner, box.width, box.height, facecolor=fill, **style))
    first, _, more = box.label.partition("\n")
    across: dict[str, Any] = {"ha": "center", "color": letters}
    ax.text(box.x, box.y, first, va="bottom" if more else "center", fontsize=_SIZE, **across)
    if more:
        ax.text(box.x, box.y + 0.03, more, va="top", fontsize=_SIZE - 1.5, **across)


def _draw_arrow(arrow: Arrow, ax: Axes) -> None:
    # A parabola passes half-way between its control point and the middle of its ends.
    middle = (arrow.x1 + arrow.x2) / 2, (arrow.y1 + arrow.y2) / 2
    bent = (middle[0] + 2 * arrow.bend, middle[1])
    way = Path(
        [(arrow.x1, arrow.y1), bent, (arrow.x2, arrow.y2)], [Path.MOVETO, Path.CURVE3, Path.CURVE3]
    )
    colors = inks(ax)
    look: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 9, "color": colors.quiet}
    ax.add_patch(FancyArrowPatch(path=way, linewidth=1, **look))
    if arrow.label:
        box = {"facecolor": colors.ground, "edgecolor": "none", "pad": 1}
        style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": _SIZE - 1}
        place = (middle[0] + arrow.bend, middle[1])
        ax.text(*place, arrow.label, color=colors.ink, bbox=box, **style)
