"""How much the score depends on each choice, as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nas_nb.explain.importance import FEWEST, choice_importance
from nas_nb.notebook.plots import drawing
from nas_nb.notebook.plots.drawing import BLUE, scale_of, scored_trials
from nas_nb.notebook.plots.parallel import axis_place, choice_axes
from nas_nb.notebook.plots.plot import Plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.notebook.plots.plot import PlotContext

LATEST = 250
MOST_BARS = 14


class ImportanceInfo(NamedTuple):
    """The weight of each choice.

    Attributes:
        objective: The name of the score.
        bars: (choice, weight) with the largest weights, heaviest first; empty with too few trials.
        explained: The share of the scores' variance that the choices explain.
        trials: How many trials it rests on.
    """

    objective: str
    bars: tuple[tuple[str, float], ...]
    explained: float
    trials: int


def importance_info(context: PlotContext) -> ImportanceInfo:
    """Returns what `draw_importance` draws, from the latest 250 trials."""
    history = context.history
    choices = choice_axes(context.domain)
    known = scored_trials(history)[-LATEST:]
    scale = scale_of([score for _, score in known], history.direction)
    known = [pair for pair in known if not scale.beyond(pair[1])]
    if len(known) < FEWEST:
        return ImportanceInfo(history.objective, (), 0.0, len(known))
    rows = [[axis_place(axis, history[number].values) for axis in choices] for number, _ in known]
    scores = np.array([score for _, score in known])
    found = choice_importance(np.array(rows).reshape(len(known), len(choices)), scores)
    names = [choice.name for choice in choices]
    order = sorted(zip(names, found.weights, strict=True), key=lambda pair: -pair[1])
    return ImportanceInfo(history.objective, tuple(order[:MOST_BARS]), found.explained, len(known))


def draw_importance(info: ImportanceInfo, ax: Axes) -> Axes:
    """Draws a bar a choice, heaviest on top, in place of what an earlier call drew."""
    drawing.remove_ours(ax)
    drawing.style_axes(ax, f"What {info.objective} depends on")
    empty = f"not before {FEWEST} completed trials"
    drawing.say_empty(ax, "" if info.bars else empty)
    ax.set_xlabel("")
    if not info.bars:
        return ax
    rows = range(len(info.bars))
    drawn = ax.barh(rows, [weight for _, weight in info.bars], color=BLUE, alpha=0.85, height=0.7)
    drawing.mark_ours(ax, *drawn)
    ax.set_yticks(rows, [name for name, _ in info.bars])
    ax.set_ylim(len(info.bars) - 0.5, -0.5)
    ax.set_xlim(0, max(1e-3, *(weight for _, weight in info.bars)) * 1.08)
    ax.grid(visible=True, axis="x", color=drawing.RULE, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.set_xlabel(f"share of variance lost when shuffled. {_trust(info)}", fontsize=9)
    return ax


def describe_importance(info: ImportanceInfo) -> str:
    """Returns in words what `draw_importance` draws."""
    text = f"importance of the choices for {info.objective}"
    if not info.bars:
        return f"{text}: not before {FEWEST} completed trials"
    told = ", ".join(f"{name} {weight:.2f}" for name, weight in info.bars[:5])
    return f"{text}: {told}. {_trust(info)}"


def _trust(info: ImportanceInfo) -> str:
    if info.explained <= 0.05:
        return f"{info.trials} trials are too few, or too noisy, to tell."
    return f"The choices explain {info.explained:.0%} of it, over {info.trials} trials."


IMPORTANCE = Plot(
    "importance",
    importance_info,
    draw_importance,
    describe_importance,
    "Draws how much the score depends on each choice.",
    size=(7, 4),
    title="Importance",
    hint="Permutation importance of a random forest fitted to the scores (held-out trials).",
    height=4.4,
    margins={"left": 0.16, "right": 0.97, "bottom": 0.14, "top": 0.88},
)
