"""Predictions: what speaks for them; confusion, calibration, residuals and the worst rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.notebook.plots import drawing
from nas_nb.notebook.plots.drawing import BLUE, GREY, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nas_nb.explain.attribution import Attribution, PredictionExplanation
    from nas_nb.explain.mistakes import Mistakes


_MOST_BARS = 12
_MOST_TOLD, _MOST_NAMED = 4, 3  # samples, and parts of each, in words
_UP, _ACROSS = ("top", "middle", "bottom"), ("left", "centre", "right")


def draw_attributions(found: PredictionExplanation, figure: Figure) -> Figure:
    """Draws a row a sample and a column a method; blue speaks for the prediction, red against."""
    rows, methods = len(found.samples), found.attributions
    images = found.kind == "image"
    axes = figure.subplots(rows, len(methods) + images, squeeze=False)
    for row in range(rows):
        if images:
            draw_image(found.samples[row], axes[row][0])
            told = f"{found.predicted[row]} ({found.shares[row]:.2f})"
            axes[row][0].set_title(told, fontsize=9)
        for one, ax in zip(methods, axes[row][images:], strict=True):
            _map(one, row, ax) if images else _bars(found, one, row, ax)
            title = one.method.replace("_", " ")
            if not images:
                title = f"{found.predicted[row]}: {title}"
            ax.set_title(title, fontsize=9)
    return figure


def describe_attributions(found: PredictionExplanation) -> str:
    """Returns in words what `draw_attributions` draws."""
    names = ", ".join(one.method.replace("_", " ") for one in found.attributions)
    told = ", ".join(found.predicted)
    return f"why trial {found.trial} predicts {told}, by {names}"


def attribution_lines(found: PredictionExplanation) -> list[str]:
    """Returns what speaks for (+) and against (-) each prediction, strongest first, in words."""
    lines = []
    for row, predicted in enumerate(found.predicted[:_MOST_TOLD]):
        share = f" ({found.shares[row]:.2f})" if predicted != f"{found.shares[row]:.4g}" else ""
        lines.append(f"sample {row}: {predicted}{share}")
        for one in found.attributions:
            told = _region_text(one.values[row]) if found.kind == "image" else ""
            told = told or _heaviest_text(found, one, row)
            lines.append(f"  {one.method.replace('_', ' ')}: {told or 'nothing stands out'}")
    more = len(found.predicted) - _MOST_TOLD
    return [*lines, f"and {more} more"] if more > 0 else lines


def _heaviest_text(found: PredictionExplanation, one: Attribution, row: int) -> str:
    values = one.values[row].ravel()
    names: Any = found.parts[row] if found.parts else [f"step {at}" for at in range(len(values))]
    order = np.argsort(-np.abs(values), kind="stable")
    told = [at for at in order if at < len(names) and names[at] and values[at]][:_MOST_NAMED]
    return ", ".join(f"{names[at]} {values[at]:+.2g}" for at in told)


def _region_text(values: np.ndarray) -> str:
    """Returns which ninth of an image has the largest sum, and its rows and columns from 0."""
    regions = []
    for rows, up in zip(np.array_split(range(len(values)), 3), _UP, strict=True):
        for columns, across in zip(np.array_split(range(values.shape[1]), 3), _ACROSS, strict=True):
            if len(rows) and len(columns):
                total = float(values[np.ix_(rows, columns)].sum())
                place = f"rows {rows[0]}-{rows[-1]}, columns {columns[0]}-{columns[-1]}"
                regions.append((abs(total), f"{up} {across} {total:+.2g} ({place})"))
    heaviest = max(regions, default=(0.0, ""))
    return f"most at the {heaviest[1]}" if heaviest[0] else ""


def draw_image(sample: np.ndarray, ax: Axes) -> None:
    """Draws a sample of (height, width, channels), from its darkest to its brightest value."""
    shown = np.asarray(sample, dtype=float)
    low, high = shown.min(), shown.max()
    shown = (shown - low) / ((high - low) or 1.0)
    ax.imshow(shown[..., :3] if shown.shape[-1] >= 3 else shown[..., 0], cmap="gray")
    ax.set_axis_off()


def _map(one: Attribution, row: int, ax: Axes) -> None:
    values = one.values[row]
    reach = float(np.abs(values).max()) or 1.0
    ax.imshow(values, cmap="RdBu", vmin=-reach, vmax=reach)
    ax.set_axis_off()


def _bars(found: PredictionExplanation, one: Attribution, row: int, ax: Axes) -> None:
    values = one.values[row].ravel()
    names: Any = found.parts[row] if found.parts else [f"step {at}" for at in range(len(values))]
    heaviest = np.argsort(-np.abs(values), kind="stable")[:_MOST_BARS]
    order = [at for at in np.sort(heaviest) if names[at]] or [0]
    colors = [BLUE if values[at] >= 0 else VERMILLION for at in order]
    ax.barh(range(len(order)), values[order], color=colors, alpha=0.85)
    ax.set_yticks(range(len(order)), [names[at] for at in order], fontsize=8)
    ax.set_ylim(len(order) - 0.5, -0.5)
    ax.tick_params(axis="x", labelsize=7)
    ax.spines[["top", "right"]].set_visible(False)


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
        color = "white" if dark else drawing.theme_colors(ax).text
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
