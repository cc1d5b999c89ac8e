"""Parallel coordinates: each trial a line through its choices, as bright as its score is good."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import matplotlib as mpl
from matplotlib.collections import LineCollection

from nas_nb.notebook.views import ink
from nas_nb.notebook.views.choices import ABSENT, Choice, choices_of
from nas_nb.notebook.views.scale import goodness, scored

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.record.history import History, Trial
    from nas_nb.space.domain import Domain

MOST_LINES = 200
MOST_AXES = 14


class Axis(NamedTuple):
    """One choice.

    Attributes:
        name: Its name.
        ticks: (place from 0 to 1, text) of its values.
        conditional: Whether some architectures don't make it; they stand below it.
    """

    name: str
    ticks: tuple[tuple[float, str], ...]
    conditional: bool


class Strand(NamedTuple):
    """One trial: its number, its place on each axis, and its goodness from 0 to 1."""

    trial: int
    places: tuple[float, ...]
    good: float


class ParallelInfo(NamedTuple):
    """The choices of the best trials.

    Attributes:
        objective: The name of the score.
        axes: The choices, in the order of the space.
        strands: The trials, worst first, so that the best are drawn on top.
        left_out: How many choices there are beyond the axes.
        trials: How many completed trials there are, shown or not.
        chosen: The chosen trial's line, if it has completed.
    """

    objective: str
    axes: tuple[Axis, ...]
    strands: tuple[Strand, ...]
    left_out: int
    trials: int
    chosen: Strand | None


def parallel_info(history: History, domain: Domain, chosen: int | None = None) -> ParallelInfo:
    """Returns what `draw_parallel` draws: the 200 best trials, on up to 14 choices."""
    choices = choices_of(domain)
    shown = choices[:MOST_AXES]
    sign = 1 if history.direction == "max" else -1
    known = sorted(scored(history), key=lambda pair: sign * pair[1])
    best = known[-MOST_LINES:]
    if chosen is not None and chosen not in dict(best) and chosen in dict(known):
        best = [(chosen, dict(known)[chosen]), *best]
    good = goodness([score for _, score in best], history.direction)
    strands = tuple(
        Strand(
            number, tuple(_place(choice, history[number], how_good) for choice in shown), how_good
        )
        for (number, _), how_good in zip(best, good, strict=True)
    )
    return ParallelInfo(
        history.objective,
        tuple(Axis(choice.name, choice.ticks, choice.conditional) for choice in shown),
        strands,
        len(choices) - len(shown),
        len(known),
        next((strand for strand in strands if strand.trial == chosen), None),
    )


def _place(choice: Choice, trial: Trial, good: float) -> float:
    """Returns the trial's place; of those with the same listed value the better stand higher."""
    spread = 0.0 if choice.line else min(0.05, 0.3 / len(choice.values))
    return choice.place(trial.values) + spread * (2 * good - 1)


def draw_parallel(info: ParallelInfo, ax: Axes) -> Axes:
    """Draws an axis a choice and a line a trial, in place of what an earlier call drew."""
    ink.wipe(ax)
    ink.plain(ax, "Choices of the best trials")
    ax.set_xlabel("")
    ink.tell_emptiness(ax, "" if info.strands else "no completed trial yet")
    if not info.strands:
        return ax
    colors = mpl.colormaps[ink.SCALE]([ink.LIGHTEST * strand.good for strand in info.strands])
    lines = [list(enumerate(strand.places)) for strand in info.strands]
    widths = [0.8 + 1.6 * strand.good for strand in info.strands]
    drawn = ax.add_collection(LineCollection(lines, colors=colors, linewidths=widths, alpha=0.7))
    ink.anew(ax, drawn)
    if info.chosen is not None:
        points = list(enumerate(info.chosen.places))
        (line,) = ax.plot(*zip(*points, strict=True), color="black", linewidth=2.5, zorder=4)
        ink.anew(ax, line)
    for place, axis in enumerate(info.axes):
        _draw_axis(place, axis, ax)
    ax.set(xlim=(-0.3, len(info.axes) - 0.3), ylim=(ABSENT - 0.08, 1.08), yticks=[], ylabel="")
    names = [axis.name for axis in info.axes]
    ax.set_xticks(range(len(names)), names, rotation=30, ha="right", rotation_mode="anchor")
    ax.spines[["left", "bottom"]].set_visible(False)
    ink.key_of_scores(ax, info.objective)
    return ax


def describe_parallel(info: ParallelInfo) -> str:
    """Returns in words what `draw_parallel` draws."""
    names = ", ".join(axis.name for axis in info.axes)
    some = f" ({info.left_out} more are not shown)" if info.left_out else ""
    text = f"parallel coordinates of {len(info.strands)} of {info.trials} trials over {names}{some}"
    if not info.strands:
        return text
    best = info.strands[-1]
    return f"{text}; the best is trial {best.trial}: {_told(info, best)}"


def _told(info: ParallelInfo, strand: Strand) -> str:
    parts = []
    for axis, place in zip(info.axes, strand.places, strict=True):
        if place > ABSENT / 2:
            near = min(axis.ticks, key=lambda tick: abs(tick[0] - place))
            parts.append(f"{axis.name} {near[1]}")
    return ", ".join(parts)


def _draw_axis(place: int, axis: Axis, ax: Axes) -> None:
    bottom = ABSENT if axis.conditional else 0
    (line,) = ax.plot([place, place], [bottom, 1], color=ink.GREY, linewidth=1, zorder=3)
    ticks = [*axis.ticks, *([(ABSENT, "none")] if axis.conditional else [])]
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8}
    texts = [
        ax.text(place + 0.04, at, text, fontsize=8, va="center", color=ink.INK, bbox=box, zorder=5)
        for at, text in ticks
    ]
    ink.anew(ax, line, *texts)
