"""Pictures of why a prediction: maps of images, bars of columns, steps and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.notebook.plots.drawing import BLUE, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nas_nb.explain.attribution import Attribution, PredictionExplanation

_MOST_BARS = 12


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
