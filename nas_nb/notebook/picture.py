"""The live picture: one figure, kept and updated, with both plots of a search side by side."""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nas_nb.notebook import figures, plots

if TYPE_CHECKING:
    from nas_nb.record.history import History

# Fixed margins: a layout engine would double the cost of every frame, and let the axes jump.
_MARGINS = {"left": 0.07, "right": 0.985, "bottom": 0.15, "top": 0.82, "wspace": 0.2}
_WIDTH, _HEIGHT, _DPI = 9.6, 3.4, 100


class LivePicture:
    """Scores and learning curves as one PNG. Not thread-safe: one thread at a time may draw.

    Attributes:
        alt: The latest drawing in words.
        png: The latest drawing; empty before the first.
    """

    def __init__(self) -> None:
        self._figure = Figure(figsize=(_WIDTH, _HEIGHT), dpi=_DPI, facecolor="white")
        FigureCanvasAgg(self._figure)
        self._scores, self._curves = self._figure.subplots(1, 2, width_ratios=(5, 4))
        self._figure.subplots_adjust(**_MARGINS)
        self.alt = ""
        self.png = b""

    def draw(self, history: History) -> None:
        """Draws what has happened so far."""
        scores, curves = plots.scores_info(history), plots.curves_info(history)
        plots.draw_scores(scores, self._scores)
        plots.draw_curves(curves, self._curves)
        self.alt = plots.describe_plots(scores, curves)
        self.png = figures.png(self._figure)

    def html(self) -> str:
        """Returns the latest drawing as an `<img>` that carries its own data."""
        data = base64.b64encode(self.png).decode("ascii")
        return (
            f'<img alt="{html.escape(self.alt)}" width="{round(_WIDTH * _DPI)}" '
            f'height="{round(_HEIGHT * _DPI)}" src="data:image/png;base64,{data}">'
        )
