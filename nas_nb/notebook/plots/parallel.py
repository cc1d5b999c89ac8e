"""Parallel coordinates; choices as axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle

from nas_nb.notebook.plots import drawing
from nas_nb.notebook.plots.drawing import Plot, goodness, scored_trials
from nas_nb.space.encoding import Axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.notebook.plots.drawing import PlotContext
    from nas_nb.record.trial import Trial, Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter

MOST_LINES = 200
MOST_AXES = 14
_GAP, _POINTS = 4.0, 72
"""What stays free between the texts at two axes, in points; points in an inch."""


class DrawnAxis(NamedTuple):
    """One choice, or the score: ticks are (place from 0 to 1, text)."""

    name: str
    ticks: tuple[tuple[float, str], ...]
    conditional: bool


class ParallelLine(NamedTuple):
    """One trial: its number, its places on the axes, its goodness (0 to 1), if it is lit."""

    trial: int
    places: tuple[float, ...]
    good: float
    lit: bool = True


class ParallelInfo(NamedTuple):
    """The choices of the best trials."""

    objective: str
    axes: tuple[DrawnAxis, ...]
    strands: tuple[ParallelLine, ...]  # worst first, so that the best are drawn on top
    left_out: int
    total: int
    chosen: ParallelLine | None
    brushed: tuple[tuple[int, float, float], ...] = ()  # (axis, low, high) to pass


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
    scores = [score for _, score in best]
    good = goodness(scores, history.direction)
    axes = [DrawnAxis(axis.name, axis_ticks(axis), axis.conditional) for axis in shown]
    if good:
        # The worst quarter stands at the lower end, whatever its scores.
        low = scores[sum(one == min(good) for one in good) - 1]
        ticks = ((0.0, f"{low:.4g}"), (1.0, f"{scores[-1]:.4g}"))
        axes.append(DrawnAxis(history.objective, ticks, conditional=False))
    names = [axis.name for axis in axes]
    brushed = [(names.index(n), *span) for n, span in context.brushed.items() if n in names]
    strands = []
    for (number, _), how_good in zip(best, good, strict=True):
        places = (*(_place(choice, history[number], how_good) for choice in shown), how_good)
        lit = all(low <= places[axis] <= high for axis, low, high in brushed)
        strands.append(ParallelLine(number, places, how_good, lit))
    return ParallelInfo(
        history.objective,
        tuple(axes),
        tuple(strands),
        len(choices) - len(shown),
        len(known),
        next((strand for strand in strands if strand.trial == chosen), None),
        tuple(brushed),
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
    colors = drawing.theme_colors(ax)
    for lit in (False, True):
        strands = [strand for strand in info.strands if strand.lit is lit]
        shades = drawing.score_colors(ax, [strand.good for strand in strands])
        style: dict[str, Any] = {"colors": shades if lit else colors.rule, "alpha": 0.7}
        style["linewidths"] = [0.8 + 1.6 * strand.good if lit else 0.6 for strand in strands]
        lines = [list(enumerate(strand.places)) for strand in strands]
        drawing.mark_ours(ax, ax.add_collection(LineCollection(lines, **style)))
    if info.chosen is not None:
        points = list(enumerate(info.chosen.places))
        look: dict[str, Any] = {"color": colors.strong, "linewidth": 2.5, "zorder": 4}
        drawing.mark_ours(ax, *ax.plot(*zip(*points, strict=True), **look))
    size, letters = _text_fit(info, ax)
    for place, axis in enumerate(info.axes):
        _draw_axis(place, axis, ax, size, letters if axis is not info.axes[-1] else _LETTERS)
    for place, low, high in info.brushed:
        box = Rectangle((place - 0.08, low), 0.16, high - low, color=drawing.ORANGE, alpha=0.45)
        drawing.mark_ours(ax, ax.add_patch(box))
    ax.set(xlim=(-0.3, len(info.axes) - 0.3), ylim=(ABSENT - 0.08, 1.08), yticks=[], ylabel="")
    names = [axis.name for axis in info.axes]
    ax.set_xticks(range(len(names)), names, rotation=30, ha="right", rotation_mode="anchor")
    ax.spines[["left", "bottom"]].set_visible(False)
    drawing.score_key(ax, f"{info.objective}: worse")
    return ax


def describe_parallel(info: ParallelInfo) -> str:
    """Returns in words what `draw_parallel` draws."""
    names = ", ".join(axis.name for axis in info.axes)
    some = f" ({info.left_out} more are not shown)" if info.left_out else ""
    text = f"parallel coordinates of {len(info.strands)} of {info.total} trials over {names}{some}"
    lit = [strand for strand in info.strands if strand.lit]
    if info.brushed:
        where = " and ".join(info.axes[axis].name for axis, _, _ in info.brushed)
        text += f"; {len(lit)} of them pass what is selected of {where}"
    if not lit:
        return text
    return f"{text}; the best is trial {lit[-1].trial}: {_told(info, lit[-1])}"


def _told(info: ParallelInfo, strand: ParallelLine) -> str:
    parts = []
    for axis, place in zip(info.axes, strand.places, strict=True):
        if place > ABSENT / 2:
            near = min(axis.ticks, key=lambda tick: abs(tick[0] - place))
            parts.append(f"{axis.name} {near[1]}")
    return ", ".join(parts)


def _text_fit(info: ParallelInfo, ax: Axes) -> tuple[float, int]:
    """Returns the size in points, and the letters, with which no text reaches the next axis."""
    room = ax.bbox.width / ax.figure.dpi * _POINTS / len(info.axes) - _GAP
    # The last one, of the score, has the margin beside it.
    choices = info.axes[:-1] or info.axes
    return drawing.text_fit(
        [text for axis in choices for _, text in (*axis.ticks, (0, "none"))], room
    )


def _draw_axis(place: int, axis: DrawnAxis, ax: Axes, size: float, letters: int) -> None:
    bottom, colors = ABSENT if axis.conditional else 0, drawing.theme_colors(ax)
    (line,) = ax.plot([place, place], [bottom, 1], color=colors.quiet, linewidth=1, zorder=3)
    ticks = [*axis.ticks, *([(ABSENT, "none")] if axis.conditional else [])]
    box = {"facecolor": colors.ground, "edgecolor": "none", "alpha": 0.8, "pad": 0.8}
    style: dict[str, Any] = {"fontsize": size, "va": "center", "color": colors.text, "zorder": 5}
    shown = [(at, drawing.cut(text, letters)) for at, text in ticks]
    texts = [ax.text(place + 0.04, at, text, bbox=box, **style) for at, text in shown]
    drawing.mark_ours(ax, line, *texts)


def _brush(info: ParallelInfo, place: float) -> str:
    return info.axes[min(max(round(place), 0), len(info.axes) - 1)].name


_LISTED, _LETTERS = 12, 14
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
    return drawing.cut(text, _LETTERS)


PARALLEL = Plot(
    "parallel",
    parallel_info,
    draw_parallel,
    describe_parallel,
    "Draws each of the 200 best trials as a line through its choices.",
    size=(9, 4),
    title="Parallel",
    hint="Each line is a trial, each axis a choice or the score. Drag along axes to light the "
    "trials that pass there; double click lights all.",
    height=4.6,
    marks=lambda info: [
        (s.trial, at, y) for s in info.strands if s.lit for at, y in enumerate(s.places)
    ],
    brush=_brush,
    margins={"left": 0.04, "right": 0.985, "bottom": 0.2, "top": 0.85},
)
