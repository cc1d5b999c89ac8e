"""The winner's ancestors: the score at each step, and what was changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from nas_nb.notebook.plots import drawing
from nas_nb.notebook.plots.drawing import BLUE, Plot
from nas_nb.record.trial_facts import LineageStep, ancestry, ancestry_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.notebook.plots.drawing import PlotContext

_MOST = 10


class LineageInfo(NamedTuple):
    """The latest steps to a trial, oldest first, and the whole line in words."""

    objective: str
    steps: tuple[LineageStep, ...]
    text: str


def lineage_info(context: PlotContext) -> LineageInfo:
    """Returns what `draw_lineage` draws: the chosen trial's line, or the winner's."""
    history = context.history
    trial = history.incumbent if context.chosen is None else history[context.chosen]
    if trial is None:
        return LineageInfo(history.objective, (), "no completed trial yet")
    steps = [step for step in ancestry(history, trial) if step.trial.score is not None]
    return LineageInfo(history.objective, tuple(steps[-_MOST:]), ancestry_text(history, trial))


def draw_lineage(info: LineageInfo, ax: Axes) -> Axes:
    """Draws the scores step by step, each with its change, in place of an earlier drawing."""
    drawing.remove_ours(ax)
    drawing.style_axes(ax, "Lineage")
    drawing.say_empty(ax, "" if info.steps else "no scored ancestors")
    if not info.steps:
        return ax
    scores = [step.trial.score or 0.0 for step in info.steps]
    rows = range(len(scores))
    drawing.mark_ours(ax, *ax.plot(scores, rows, "o-", color=BLUE, linewidth=1.2))
    for row, step in enumerate(info.steps):
        first = row == 0 and not step.changes
        label = f"trial {step.trial.number}: {step.trial.how or 'proposed'}" if first else step.text
        style: dict[str, Any] = {
            "textcoords": "offset points",
            "fontsize": 8,
            "color": drawing.theme_colors(ax).text,
            "va": "center",
        }
        drawing.mark_ours(ax, ax.annotate(label, (scores[row], row), (8, 0), **style))
    ax.set_ylim(len(scores) - 0.5, -0.5)
    ax.set_yticks([])
    low, high = min(scores), max(scores)
    span = (high - low) or 1.0
    ax.set_xlim(low - 0.05 * span, high + 1.1 * span)
    ax.set_xlabel(info.objective, fontsize=9)
    return ax


def describe_lineage(info: LineageInfo) -> str:
    """Returns in words what `draw_lineage` draws."""
    return f"lineage: {info.text}"


LINEAGE = Plot(
    "lineage",
    lineage_info,
    draw_lineage,
    describe_lineage,
    "Draws the best trial's ancestors: what changed at each step, and what it gained.",
    size=(8, 3.4),
)
