"""Parallel coordinates; choices as axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import matplotlib as mpl
from matplotlib.collections import LineCollection

from nas_nb.notebook.plots import drawing
from nas_nb.notebook.plots.drawing import goodness, scored_trials
from nas_nb.notebook.plots.plot import Plot
from nas_nb.space.encoding import Axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.notebook.plots.plot import PlotContext
    from nas_nb.record.trial import Trial, Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter

MOST_LINES = 200
MOST_AXES = 14


class DrawnAxis(NamedTuple):
    """One choice.

    Attributes:
        name: Its name.
        ticks: (place from 0 to 1, text) of its values.
        conditional: Whether some architectures don't make it; they stand below it.
    """

    name: str
    ticks: tuple[tuple[float, str], ...]
    conditional: bool


class ParallelLine(NamedTuple):
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
    axes: tuple[DrawnAxis, ...]
    strands: tuple[ParallelLine, ...]
    left_out: int
    trials: int
    chosen: ParallelLine | None


def parallel_info(context: PlotContext) -> ParallelInfo:
    """Returns what `draw_parallel` draws: the 200 best trials, on up to 14 choices."""
    history, chosen = context.history, context.chosen
    choices = choice_axes(context.domain)
    shown = choices[:MOST_AXES]
    sign = 1 if history.direction == "max" else -1
    known = sorted(scored_trials(history), key=lambda pair: sign * pair[1])
    best = known[-MOST_LINES:]
    if chosen is not None and chosen not in dict(best) and chosen in dict(known):
        best = [(chosen, dict(known)[chosen]), *best]
    good = goodness([score for _, score in best], history.direction)
    strands = tuple(
        ParallelLine(
            number, tuple(_place(choice, history[number], how_good) for choice in shown), how_good
        )
        for (number, _), how_good in zip(best, good, strict=True)
    )
    return ParallelInfo(
        history.objective,
        tuple(DrawnAxis(axis.name, axis_ticks(axis), axis.conditional) for axis in shown),
        strands,
        len(choices) - len(shown),
        len(known),
        next((strand for strand in strands if strand.trial == chosen), None),
    )


def _place(axis: Axis, trial: Trial, good: float) -> float:
    """Returns the trial's place; of those with the same listed value the better stand higher."""
    spread = 0.0 if axis.line else min(0.05, 0.3 / len(axis.values))
    return axis_place(axis, trial.values) + spread * (2 * good - 1)


def draw_parallel(info: ParallelInfo, ax: Axes) -> Axes:
    """Draws an axis a choice and a line a trial, in place of what an earlier call drew."""
    drawing.remove_ours(ax)
    drawing.style_axes(ax, "Choices of the best trials")
    ax.set_xlabel("")
    drawing.say_empty(ax, "" if info.strands else "no completed trial yet")
    if not info.strands:
        return ax
    colors = mpl.colormaps[drawing.SCALE](
        [drawing.LIGHTEST * strand.good for strand in info.strands]
    )
    lines = [list(enumerate(strand.places)) for strand in info.strands]
    widths = [0.8 + 1.6 * strand.good for strand in info.strands]
    drawn = ax.add_collection(LineCollection(lines, colors=colors, linewidths=widths, alpha=0.7))
    drawing.mark_ours(ax, drawn)
    if info.chosen is not None:
        points = list(enumerate(info.chosen.places))
        (line,) = ax.plot(*zip(*points, strict=True), color="black", linewidth=2.5, zorder=4)
        drawing.mark_ours(ax, line)
    for place, axis in enumerate(info.axes):
        _draw_axis(place, axis, ax)
    ax.set(xlim=(-0.3, len(info.axes) - 0.3), ylim=(ABSENT - 0.08, 1.08), yticks=[], ylabel="")
    names = [axis.name for axis in info.axes]
    ax.set_xticks(range(len(names)), names, rotation=30, ha="right", rotation_mode="anchor")
    ax.spines[["left", "bottom"]].set_visible(False)
    drawing.score_key(ax, info.objective)
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


def _told(info: ParallelInfo, strand: ParallelLine) -> str:
    parts = []
    for axis, place in zip(info.axes, strand.places, strict=True):
        if place > ABSENT / 2:
            near = min(axis.ticks, key=lambda tick: abs(tick[0] - place))
            parts.append(f"{axis.name} {near[1]}")
    return ", ".join(parts)


def _draw_axis(place: int, axis: DrawnAxis, ax: Axes) -> None:
    bottom = ABSENT if axis.conditional else 0
    (line,) = ax.plot([place, place], [bottom, 1], color=drawing.GREY, linewidth=1, zorder=3)
    ticks = [*axis.ticks, *([(ABSENT, "none")] if axis.conditional else [])]
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8}
    texts = [
        ax.text(
            place + 0.04, at, text, fontsize=8, va="center", color=drawing.INK, bbox=box, zorder=5
        )
        for at, text in ticks
    ]
    drawing.mark_ours(ax, line, *texts)


_LISTED = 12
ABSENT = -0.2
"""Where an architecture stands that does not make the choice."""


def axis_place(axis: Axis, values: Values) -> float:
    """Returns where an architecture stands: from 0 to 1, or `ABSENT`."""
    value = values.get(axis.name)
    if value is None or (axis.line is not None and isinstance(value, str)):
        return ABSENT
    at = axis.position(value)
    return ABSENT if at is None else at


def axis_ticks(axis: Axis) -> tuple[tuple[float, str], ...]:
    """Returns places with what to write there."""
    line = axis.line
    if line is None:
        return tuple((axis_place(axis, {axis.name: v}), _short(v)) for v in axis.values)
    return tuple((line.to_unit(v), f"{v:.3g}") for v in (line.low, line.from_unit(0.5), line.high))


def choice_axes(domain: Domain) -> tuple[Axis, ...]:
    """Returns the choices that have more than one value, in order: one axis a name."""
    named: dict[str, list[Parameter]] = {}
    for parameter in domain.parameters:
        named.setdefault(parameter.name, []).append(parameter)
    choices = (_choice(name, parameters) for name, parameters in named.items())
    return tuple(choice for choice in choices if choice.line or len(choice.values) > 1)


def _choice(name: str, parameters: list[Parameter]) -> Axis:
    conditional = all(parameter.conditions for parameter in parameters)
    own = [Axis.of(parameter, _LISTED) for parameter in parameters]
    if all(axis.line is None for axis in own):
        values = dict.fromkeys(value for axis in own for value in axis.values)
        ordered = all(not isinstance(value, str) for value in values)
        listed = sorted(values) if ordered else list(values)
        return Axis(name, tuple(listed), None, ordered, conditional)
    longest = max((p for p in parameters if not p.choices), key=_length)
    return Axis(name, (), longest.range.off_grid, True, conditional)


def _length(parameter: Parameter) -> float:
    return float(parameter.high or 0) - float(parameter.low or 0)


def _short(value: Value) -> str:
    text = f"{value:.4g}" if isinstance(value, float) and math.isfinite(value) else str(value)
    return text if len(text) <= 14 else f"{text[:13]}…"


PARALLEL = Plot(
    "parallel",
    parallel_info,
    draw_parallel,
    describe_parallel,
    "Draws each of the 200 best trials as a line through its choices.",
    size=(9, 4),
    title="Parallel",
    hint="Each line is a trial, each axis a choice. Where lines of the best colour meet, good "
    "architectures agree.",
    height=4.6,
    marks=lambda info: [(s.trial, at, y) for s in info.strands for at, y in enumerate(s.places)],
    margins={"left": 0.04, "right": 0.985, "bottom": 0.2, "top": 0.85},
)
