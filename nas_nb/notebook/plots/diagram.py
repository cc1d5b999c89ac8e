"""Pictures of architectures and of search spaces: boxes and arrows, on matplotlib alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from nas_nb.errors import check_type
from nas_nb.notebook.plots.drawing import BLUE, GREY, INK, SKY, as_text, new_axes

if TYPE_CHECKING:
    from nas_nb.space.graph import Arrow, Box, Layout

_MARGIN = 0.15
_FILLS = {"input": SKY, "output": BLUE, "step": "#F4F4F4"}
_LETTERS = {"input": INK, "output": "white", "step": INK}
_SIZE = 9


def draw_layout(picture: Layout, ax: Axes | None = None) -> Axes:
    """Draws boxes and arrows."""
    check_type("ax", ax, (Axes, type(None)), "matplotlib Axes")
    width, height = picture.width + 2 * _MARGIN, picture.height + 2 * _MARGIN
    if ax is None:
        ax = new_axes(width, height)
    ax.set(xlim=(-_MARGIN, width - _MARGIN), ylim=(height - _MARGIN, -_MARGIN), aspect="equal")
    ax.set_axis_off()
    for arrow in picture.arrows:
        _draw_arrow(arrow, ax)
    for box in picture.boxes:
        _draw_box(box, ax)
    return as_text(ax)


def _draw_box(box: Box, ax: Axes) -> None:
    corner = (box.x - box.width / 2, box.y - box.height / 2)
    shape = FancyBboxPatch(
        corner,
        box.width,
        box.height,
        boxstyle="round,pad=0,rounding_size=0.06",
        facecolor=_FILLS[box.kind],
        edgecolor=GREY,
        linewidth=0.8,
    )
    ax.add_patch(shape)
    color = _LETTERS[box.kind]
    ax.text(box.x, box.y, box.label, ha="center", va="center", fontsize=_SIZE, color=color)


def _draw_arrow(arrow: Arrow, ax: Axes) -> None:
    # A parabola passes half-way between its control point and the middle of its ends.
    middle = (arrow.x1 + arrow.x2) / 2, (arrow.y1 + arrow.y2) / 2
    corners = [
        (arrow.x1, arrow.y1),
        (middle[0] + 2 * arrow.bend, middle[1]),
        (arrow.x2, arrow.y2),
    ]
    way = Path(corners, [Path.MOVETO, Path.CURVE3, Path.CURVE3])
    ax.add_patch(
        FancyArrowPatch(path=way, arrowstyle="-|>", mutation_scale=9, color=GREY, linewidth=1)
    )
    if arrow.label:
        ax.text(
            middle[0] + arrow.bend,
            middle[1],
            arrow.label,
            ha="center",
            va="center",
            fontsize=_SIZE - 1,
            color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
