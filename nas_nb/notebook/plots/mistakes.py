"""What a trial gets wrong: confusion, calibration, residuals, the worst rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.notebook.plots import drawing
from nas_nb.notebook.plots.attribution import draw_image
from nas_nb.notebook.plots.drawing import BLUE, GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nas_nb.explain.mistakes import Mistakes

_MOST_NUMBERS = 12


def draw_mistakes(found: Mistakes, figure: Figure) -> Figure:
    """Draws the confusion matrix and the calibration, or predictions against the truth."""
    draw = [_confusion] if len(found.confusion) else []
    draw += [_calibration] if found.calibration else [_residuals]
    for ax, one in zip(figure.subplots(1, len(draw), squeeze=False)[0], draw, strict=True):
        one(found, ax)
    return figure


def draw_worst(found: Mistakes, figure: Figure) -> Figure:
    """Draws the worst rows: images, or lines of series, with what they are and what was said."""
    for ax, sample, one in zip(
        figure.subplots(1, len(found.worst), squeeze=False)[0],
        found.samples,
        found.worst,
        strict=True,
    ):
        if found.kind == "image":
            draw_image(sample, ax)
        else:
            ax.plot(sample.reshape(len(sample), -1), linewidth=1)
            ax.set(xticks=[], yticks=[])
        ax.set_title(f"row {one.row}: {one.true}\nsaid {one.predicted}", fontsize=8)
    return figure


def _residuals(found: Mistakes, ax: Axes) -> Axes:
    drawing.style_axes(ax, "Predicted against true")
    true, predicted = found.residuals
    ends = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
    drawing.mark_ours(ax, *ax.plot(true, predicted, ".", color=BLUE, alpha=0.5))
    drawing.mark_ours(ax, *ax.plot(ends, ends, color=GREY, linewidth=0.8))
    ax.set(xlabel="true", ylabel="predicted")
    return ax


def _confusion(found: Mistakes, ax: Axes) -> Axes:
    drawing.style_axes(ax, "Confusion matrix")
    count, names = len(found.confusion), [one.name for one in found.classes]
    # Right rows would drown the mistakes: only these have colours.
    wrong = np.where(np.eye(count, dtype=bool), 0, found.confusion)
    drawing.mark_ours(ax, ax.imshow(wrong, cmap="Reds", vmin=0, vmax=max(1, wrong.max())))
    for true, said in np.argwhere(found.confusion) if count <= _MOST_NUMBERS else ():
        number = found.confusion[true, said]
        dark = wrong[true, said] > 0.6 * wrong.max() > 0
        style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8}
        color = "white" if dark else drawing.inks(ax).ink
        drawing.mark_ours(ax, ax.text(said, true, str(number), color=color, **style))
    turned = 45 if max(map(len, names)) > 3 else 0
    ax.set_xticks(range(count), names, rotation=turned)
    ax.set_yticks(range(count), names)
    ax.set(xlabel="predicted", ylabel="true")
    return ax


def _calibration(found: Mistakes, ax: Axes) -> Axes:
    drawing.style_axes(ax, "Calibration")
    sure, right, _ = zip(*found.calibration, strict=True)
    drawing.mark_ours(ax, *ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.8))
    drawing.mark_ours(ax, *ax.plot(sure, right, "o-", color=BLUE))
    ax.set(xlabel="confidence", ylabel="share that was right")
    return ax
