"""A picture in the panel: one figure, kept and updated, with one view or several side by side."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nas_nb.notebook import figures
from nas_nb.notebook.views.view import VIEWS

if TYPE_CHECKING:
    from nas_nb.notebook.views.view import Scene

# Fixed margins: a layout engine would double the cost of every frame, and let the axes jump.
_MARGINS = {"left": 0.07, "right": 0.985, "bottom": 0.15, "top": 0.82, "wspace": 0.2}
_WIDTH, _DPI = 9.6, 100
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
        self._views = [VIEWS[name] for name in names]
        self._size = (width, height)
        self._figure = Figure(figsize=self._size, dpi=_DPI, facecolor="white")
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

    def draw(self, scene: Scene) -> bool:
        """Draws what has happened so far; returns False if that looks as it did."""
        infos = [view.info(scene) for view in self._views]
        if infos == self._drawn:
            return False
        told = []
        sides = _SIDES[len(self._views)]
        for view, info, ax, side in zip(self._views, infos, self._axes, sides, strict=True):
            view.draw(info, ax)
            told.append(f"{side}{view.describe(info).removesuffix('.')}.")
        self.alt = " ".join(told)
        self.png = figures.png(self._figure)
        self._drawn = infos
        return True

    def html(self) -> str:
        """Returns the latest drawing as an `<img>` that carries its own data."""
        return image(self.png, self.alt, *self._size)


def image(png: bytes, alt: str, width: float, height: float) -> str:
    """Returns a PNG of so many inches as an `<img>` that carries its own data."""
    data = base64.b64encode(png).decode("ascii")
    return (
        f'<img alt="{html.escape(alt)}" width="{round(width * _DPI)}" '
        f'height="{round(height * _DPI)}" src="data:image/png;base64,{data}">'
    )


def overview() -> Picture:
    """Returns the picture of what happens: scores beside learning curves."""
    return Picture("scores", "curves", ratios=(5, 4))
