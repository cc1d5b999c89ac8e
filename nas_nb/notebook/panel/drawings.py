"""`Drawings`: diagrams and source of trials, which take a model to be built."""

from __future__ import annotations

import html
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nas_nb.notebook.plots import drawing
from nas_nb.notebook.plots.diagram import draw_layout
from nas_nb.notebook.plots.figures import image

if TYPE_CHECKING:
    from nas_nb.record.trial import Trial
    from nas_nb.search.search import Search
    from nas_nb.space.graph import Layout

_KEPT = 32
_MARGIN = 0.3


class Drawings:
    """What has to be built to be shown: pictures of models, and their source."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._kept: OrderedDict[tuple[str, str], str] = OrderedDict()

    def diagram(self, trial: Trial) -> str:
        """Returns the architecture's diagram as an `<img>`, or why there is none."""
        return self._made("diagram", trial, self._draw)

    def code(self, trial: Trial) -> str:
        """Returns the Keras source of the architecture, or why there is none."""
        return self._made("code", trial, self._write)

    def _made(self, kind: str, trial: Trial, make: Callable[[Trial], str]) -> str:
        key = (kind, trial.key)
        if key not in self._kept:
            try:
                self._kept[key] = make(trial)
            except Exception as error:  # noqa: BLE001 - the user's build function may raise anything
                told = html.escape(f"{type(error).__name__}: {error}")
                self._kept[key] = f"<p>There is no {kind} of trial {trial.number}: {told}</p>"
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    def _draw(self, trial: Trial) -> str:
        layout = self._search.space.architecture(trial.values).layout()
        width, height = layout.width + _MARGIN, layout.height + _MARGIN
        figure = Figure(figsize=(width, height), dpi=100, facecolor="none")
        FigureCanvasAgg(figure)
        draw_layout(layout, figure.add_axes((0, 0, 1, 1)))
        alt = f"Diagram of trial {trial.number}: {diagram_text(layout)}."
        return image(drawing.png(figure), alt, width, height)

    def _write(self, trial: Trial) -> str:
        from nas_nb.evaluate.seeds import seeded
        from nas_nb.export.keras_source import keras_source

        with seeded(trial.seed or 0):
            source = keras_source(self._search.space.build_values(trial.values))
        return f'<pre tabindex="0" class="nas-code">{html.escape(source)}</pre>'


def diagram_text(layout: Layout) -> str:
    """Returns what a diagram shows, from top to bottom: 'input (8, 8, 1), then Dense 32 relu'."""
    boxes = sorted(layout.boxes, key=lambda box: (box.y, box.x))
    return ", then ".join(" ".join(box.label.split()) for box in boxes)
