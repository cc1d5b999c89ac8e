"""Diagrams of architectures, boxes and arrows on matplotlib alone, and the source of trials."""

from __future__ import annotations

import html
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D

from nas_nb.errors import printable
from nas_nb.notebook.plots.drawing import (
    BLUE,
    DARK,
    LIGHT,
    SKY,
    VERMILLION,
    ThemeColors,
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
    width, height = _inches(picture)
    ax = axes_for(ax, width, height)
    ax.set(xlim=(-_MARGIN, width - _MARGIN), ylim=(height - _MARGIN, -_MARGIN), aspect="equal")
    ax.set_axis_off()
    for artist in _artists(picture, marked, theme_colors(ax)):
        ax.add_artist(artist)
    return ax


def diagram_image(
    picture: Layout, alt: str, marked: Collection[int] = (), *, dark: bool | None = None
) -> str:
    """Returns the picture as an `<img>`: on white, or on no ground for a light or dark page."""
    width, height = _inches(picture)
    face = "white" if dark is None else ground(dark=dark)
    figure = Figure(figsize=(width, height), dpi=150, facecolor=face)
    canvas: Any = FigureCanvasAgg(figure)
    # Without Axes, of which nothing would be seen: to make them takes as long as to draw.
    place = Affine2D().translate(_MARGIN, _MARGIN - height).scale(1, -1) + figure.dpi_scale_trans
    for artist in _artists(picture, marked, DARK if dark else LIGHT):
        artist.set_transform(place)
        figure.add_artist(artist)
    canvas.draw()
    shown = encoded(np.asarray(canvas.buffer_rgba()))
    return image(shown, alt, width, height, ' class="nas-dark"' if dark else "")


def _inches(picture: Layout) -> tuple[float, float]:
    return picture.width + 2 * _MARGIN, picture.height + 2 * _MARGIN


def _artists(
    picture: Layout, marked: Collection[int], colors: ThemeColors
) -> Iterator[Patch | Text]:
    for arrow in picture.arrows:
        yield from _arrow(arrow, colors)
    for place, box in enumerate(picture.boxes):
        yield from _box(box, colors, marked=place in marked)


def _box(box: Box, colors: ThemeColors, *, marked: bool) -> Iterator[Patch | Text]:
    corner = (box.x - box.width / 2, box.y - box.height / 2)
    fill, letters = _ENDS.get(box.kind, (colors.ground, colors.text))
    edge = {"edgecolor": VERMILLION, "linewidth": 2.5} if marked else {"edgecolor": colors.quiet}
    style: dict[str, Any] = {"boxstyle": "round,pad=0,rounding_size=0.06", "linewidth": 0.8, **edge}
    yield FancyBboxPatch(corner, box.width, box.height, facecolor=fill, **style)
    first, _, more = box.label.partition("\n")
    yield _text(box.x, box.y, first, _SIZE, va="bottom" if more else "center", color=letters)
    if more:
        yield _text(box.x, box.y + 0.03, more, _SIZE - 1.5, va="top", color=letters)


def _text(x: float, y: float, words: str, size: float, **style: Any) -> Text:
    """Returns a name as it is, as `as_text` would show it."""
    style |= {"fontsize": size, "ha": "center", "clip_on": False, "parse_math": False}
    return Text(x, y, printable(words), **style)


def _arrow(arrow: Arrow, colors: ThemeColors) -> Iterator[Patch | Text]:
    # A parabola passes half-way between its control point and the middle of its ends.
    middle = (arrow.x1 + arrow.x2) / 2, (arrow.y1 + arrow.y2) / 2
    bent = (middle[0] + 2 * arrow.bend, middle[1])
    way = Path(
        [(arrow.x1, arrow.y1), bent, (arrow.x2, arrow.y2)], [Path.MOVETO, Path.CURVE3, Path.CURVE3]
    )
    look: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 9, "color": colors.quiet}
    yield FancyArrowPatch(path=way, linewidth=1, **look)
    if arrow.label:
        style: dict[str, Any] = {"va": "center", "color": colors.text}
        style["bbox"] = {"facecolor": colors.ground, "edgecolor": "none", "pad": 1}
        yield _text(middle[0] + arrow.bend, middle[1], arrow.label, _SIZE - 1, **style)


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
