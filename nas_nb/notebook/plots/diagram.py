"""Diagrams of architectures, boxes and arrows on matplotlib alone, and the source of trials."""

from __future__ import annotations

import html
from collections import OrderedDict
from collections.abc import Callable, Mapping
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from nas_nb.notebook.plots.drawing import (
    BLUE,
    SKY,
    VERMILLION,
    as_text,
    axes_for,
    encoded,
    theme_colors,
)
from nas_nb.notebook.plots.figures import ground, image

if TYPE_CHECKING:
    from collections.abc import Collection

    from matplotlib.axes import Axes

    from nas_nb.record.trial import Trial
    from nas_nb.search.search import Search
    from nas_nb.space.graph import Arrow, Box, Layout


_MARGIN = 0.15
_SIZE = 9
_ENDS = {"input": (SKY, "black"), "output": (BLUE, "white")}


def draw_layout(picture: Layout, ax: Axes | None = None, marked: Collection[int] = ()) -> Axes:
    """Draws boxes and arrows; those of the marked places have a thick edge."""
    width, height = picture.width + 2 * _MARGIN, picture.height + 2 * _MARGIN
    ax = axes_for(ax, width, height)
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
    canvas: Any = FigureCanvasAgg(figure)
    draw_layout(picture, figure.add_axes((0, 0, 1, 1)), marked)
    canvas.draw()
    shown = encoded(np.asarray(canvas.buffer_rgba()))
    return image(shown, alt, width, height, ' class="nas-dark"' if dark else "")


def _draw_box(box: Box, ax: Axes, *, marked: bool) -> None:
    colors, corner = theme_colors(ax), (box.x - box.width / 2, box.y - box.height / 2)
    fill, letters = _ENDS.get(box.kind, (colors.ground, colors.text))
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
    colors = theme_colors(ax)
    look: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 9, "color": colors.quiet}
    ax.add_patch(FancyArrowPatch(path=way, linewidth=1, **look))
    if arrow.label:
        box = {"facecolor": colors.ground, "edgecolor": "none", "pad": 1}
        style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": _SIZE - 1}
        place = (middle[0] + arrow.bend, middle[1])
        ax.text(*place, arrow.label, color=colors.text, bbox=box, **style)


_KEPT = 32


class Drawings:
    """What has to be built to be shown: pictures of models, and their source."""

    def __init__(self, search: Search, page: Mapping[str, Any]) -> None:
        self._search, self._page = search, page
        self._kept: OrderedDict[tuple[object, ...], str] = OrderedDict()

    def diagram(self, trial: Trial, other: Trial | None = None) -> str:
        """Returns a trial's diagram as an `<img>`, with the boxes marked that another has not."""
        key = ("diagram", trial.key, other and other.key, self._page["dark"])
        return self._made(key, trial, lambda: self._draw(trial, other))

    def code(self, trial: Trial) -> str:
        """Returns the Keras source of the architecture, or why there is none."""
        return self._made(("code", trial.key), trial, lambda: self._write(trial))

    def _made(self, key: tuple[object, ...], trial: Trial, make: Callable[[], str]) -> str:
        if key not in self._kept:
            try:
                self._kept[key] = make()
            except Exception as error:  # noqa: BLE001 - the user's build function may raise anything
                told = html.escape(f"{type(error).__name__}: {error}")
                self._kept[key] = f"<p>There is no {key[0]} of trial {trial.number}: {told}</p>"
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    def _draw(self, trial: Trial, other: Trial | None) -> str:
        layouts = [self._layout(each) for each in (trial, other) if each is not None]
        layout, marked = layouts[0], differing(*layouts)
        told = f" Marked: {len(marked)} that trial {other.number} has not." if other else ""
        alt = f"Diagram of trial {trial.number}: {diagram_text(layout)}.{told}"
        return diagram_image(layout, alt, marked, dark=self._page["dark"])

    def _layout(self, trial: Trial) -> Layout:
        return self._search.space.architecture(trial.values).layout()

    def _write(self, trial: Trial) -> str:
        from nas_nb.evaluate.global_state import seeded
        from nas_nb.export.keras_source import keras_source

        with seeded(trial.seed or 0):
            source = keras_source(self._search.space.build_values(trial.values))
        return copyable(source)


def copyable(code: str) -> str:
    """Returns code with a button that copies it."""
    button = '<button type="button" class="jupyter-button" data-copy>Copy code</button>'
    return f'<div>{button}<pre tabindex="0" class="nas-code">{html.escape(code)}</pre></div>'


def differing(one: Layout, *other: Layout) -> set[int]:
    """Returns the places of the boxes that the other layout has not, in its order."""
    mine, theirs = ([box.label for box in layout.boxes] for layout in (one, *(other or (one,))))
    blocks = SequenceMatcher(None, mine, theirs, autojunk=False).get_matching_blocks()
    same = {block.a + step for block in blocks for step in range(block.size)}
    return set(range(len(mine))) - same


def diagram_text(layout: Layout) -> str:
    """Returns what a diagram shows, from top to bottom: 'input (8, 8, 1), then Dense 32 relu'."""
    boxes = sorted(layout.boxes, key=lambda box: (box.y, box.x))
    return ", then ".join(" ".join(box.label.split()) for box in boxes)
