"""Choices and scores: importance as bars, effects as boxes, trials as parallel coordinates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.collections import LineCollection

from nas_nb.explain.importance import ChoiceImportance, choice_importance
from nas_nb.notebook.plots import drawing
from nas_nb.notebook.plots.drawing import (
    BLUE,
    GREEN,
    GREY,
    VERMILLION,
    Plot,
    goodness,
    scored_trials,
)
from nas_nb.record.trial import sign_of
from nas_nb.space.encoding import Axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.notebook.plots.drawing import PlotContext
    from nas_nb.record.trial import Trial, Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter

MOST_BARS = 14
_MOST_BOXES = 24
_LARGEST, _BESIDE = 9.0, 6.0
"""Points: the size of names beside bars, and what stays free beside them."""


class ImportanceInfo(NamedTuple):
    """The weight of each choice."""

    objective: str
    direction: str
    bars: tuple[ChoiceImportance, ...]
    told: str
    left_out: int = 0


def importance_info(context: PlotContext) -> ImportanceInfo:
    """Returns what `draw_importance` and `draw_effects` draw."""
    history = context.history
    found = choice_importance(history, context.domain, paired=False)
    told = found.missing or f"{found.basis} Predictable: R² {found.explained:.2f}."
    bars, more = found.choices[:MOST_BARS], found.choices[MOST_BARS:]
    return ImportanceInfo(history.objective, history.direction, bars, told, len(more))


def draw_importance(info: ImportanceInfo, ax: Axes) -> Axes:
    """Draws a bar a choice with its interval, heaviest on top, in place of an earlier drawing."""
    if not _begin(info, ax, f"What {info.objective} depends on"):
        return ax
    rows, shares = range(len(info.bars)), [bar.share for bar in info.bars]
    drawn = ax.barh(rows, shares, color=BLUE, alpha=0.85, height=0.7)
    ends = [[b.share - b.low for b in info.bars], [b.high - b.share for b in info.bars]]
    spread = ax.errorbar(shares, rows, xerr=ends, fmt="none", ecolor=GREY, elinewidth=1.2)
    drawing.mark_ours(ax, *drawn, *spread.lines[2])
    _end(ax, [bar.name for bar in info.bars])
    ax.set_xlim(0, max(1e-3, *(bar.high for bar in info.bars)) * 1.08)
    left = f"; {info.left_out} more choices matter less" if info.left_out else ""
    about = f"share of variance (omega²), 90 % interval{left}\n{info.told}"
    ax.set_xlabel(about, fontsize=8, wrap=True)
    return ax


def draw_effects(info: ImportanceInfo, ax: Axes) -> Axes:
    """Draws a box a value, its interval, at what the value adds to the score; best in green."""
    if not _begin(info, ax, f"What each value does to {info.objective}"):
        return ax
    known = [(bar.name, effect) for bar in info.bars for effect in bar.effects]
    boxes, more = known[:_MOST_BOXES], len(known[_MOST_BOXES:])
    sign = sign_of(info.direction)
    for row, (_, effect) in enumerate(boxes):
        worst, best = sorted((sign * effect.low, sign * effect.high))
        color = GREEN if worst > 0 else VERMILLION if best < 0 else GREY
        (box,) = ax.barh(row, effect.high - effect.low, 0.6, effect.low, color=color, alpha=0.5)
        (mark,) = ax.plot([effect.shift], [row], "|", color=color, markersize=12, markeredgewidth=2)
        drawing.mark_ours(ax, box, mark)
    drawing.mark_ours(ax, ax.axvline(0, color=GREY, linewidth=0.8))
    _end(ax, [f"{name} = {effect.value}" for name, effect in boxes])
    ax.use_sticky_edges = False  # a bar that ends at the frame would look cut off
    ax.relim()
    ax.autoscale_view(scaley=False)
    left = "" if not (more or info.left_out) else "; of the choices that matter most"
    about = f"difference from the other values, other choices equal, 90 % interval{left}"
    ax.set_xlabel(about, fontsize=9, wrap=True)
    return ax


def _begin(info: ImportanceInfo, ax: Axes, title: str) -> bool:
    return drawing.begin_axes(ax, title, info.bars, info.told.replace(": ", ":\n", 1))


def _end(ax: Axes, names: list[str]) -> None:
    size, letters = _LARGEST, max(map(len, names))
    if ax.figure.get_layout_engine() is None:  # it would make room for the names
        size, letters = drawing.text_fit(
            names, ax.bbox.x0 / ax.figure.dpi * _POINTS - _BESIDE, size
        )
    ax.set_yticks(range(len(names)), [drawing.cut(n, letters) for n in names], fontsize=size)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(visible=True, axis="x", color=drawing.theme_colors(ax).rule, linewidth=0.8)
    ax.set_axisbelow(True)


def describe_importance(info: ImportanceInfo) -> str:
    """Returns in words what `draw_importance` draws."""
    told = ", ".join(f"{b.name} {b.share:.2f} ({b.low:.2f} to {b.high:.2f})" for b in info.bars[:5])
    return f"importance of the choices for {info.objective}: {told or 'none'}. {info.told}"


def describe_effects(info: ImportanceInfo) -> str:
    """Returns in words what `draw_effects` draws."""
    told = [f"{bar.name} = {best_value(bar, info.direction)}" for bar in info.bars[:5]]
    return (
        f"effects of values on {info.objective}: best are {', '.join(told) or 'none'}. {info.told}"
    )


def best_value(choice: ChoiceImportance, direction: str) -> str:
    """Returns the value of a choice that adds most to the score."""
    sign = sign_of(direction)
    return max(choice.effects, key=lambda effect: sign * effect.shift).value


_MARGINS = {"left": 0.2, "right": 0.97, "bottom": 0.18, "top": 0.88}

IMPORTANCE = Plot(
    "importance",
    importance_info,
    draw_importance,
    describe_importance,
    "Draws how much the score depends on each choice.",
    size=(7, 4),
    title="Importance",
    hint="Share of the scores' variance that each choice explains (omega squared).",
    height=4.4,
    margins=_MARGINS,
)
EFFECTS = Plot(
    "effects",
    importance_info,
    draw_effects,
    describe_effects,
    "Draws what each value of a choice does to the score.",
    size=(7, 5),
    title="Effects",
    hint="What each value adds to the score, the other choices being equal: right of 0 is more.",
    height=5.6,
    margins={**_MARGINS, "bottom": 0.12},
)


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
    known = sorted(scored_trials(history), key=lambda pair: history.sign * pair[1])
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
    title = "Choices of the best trials"
    if not info.strands:
        drawing.begin_axes(ax, title, (), "no completed trial yet")
        return ax
    size, letters = _text_fit(info, ax)
    drawn = f"axes {hash((info.axes[:-1], info.objective, size, letters))}"
    if not any((found.get_gid() or "").endswith(drawn) for found in ax.collections):
        drawing.begin_axes(ax, title, info.axes, "")
        _draw_axes(info, ax, size, letters, drawn)
    drawing.remove_ours(ax, drawing.SPOTS)
    colors = drawing.theme_colors(ax)
    for lit in (False, True):
        strands = [strand for strand in info.strands if strand.lit is lit]
        shades = drawing.score_colors(ax, [strand.good for strand in strands])
        style: dict[str, Any] = {"colors": shades if lit else colors.rule, "alpha": 0.7}
        style["linewidths"] = [0.8 + 1.6 * strand.good if lit else 0.6 for strand in strands]
        lines = LineCollection([list(enumerate(s.places)) for s in strands], gid="spots", **style)
        drawing.mark_ours(ax, ax.add_collection(lines, autolim=False))
    for place, low, high in info.brushed:
        band: dict[str, Any] = {"color": drawing.ORANGE, "alpha": 0.45, "linewidth": 10}
        drawing.mark_ours(ax, ax.vlines(place, low, high, gid="spots", zorder=1, **band))
    if info.chosen is not None:
        look: dict[str, Any] = {"color": colors.strong, "linewidth": 2.5, "zorder": 4}
        points = zip(*enumerate(info.chosen.places), strict=True)
        drawing.mark_ours(ax, *ax.plot(*points, gid="spots", **look))
    last = len(info.axes) - 1
    _put_values(last, info.axes[-1], ax, size, _LETTERS, gid="spots")
    ax.set(xlim=(-0.3, last + 0.7), ylim=(ABSENT - 0.08, 1.08))
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


def _draw_axes(info: ParallelInfo, ax: Axes, size: float, letters: int, gid: str) -> None:
    """Draws what stays: the axes with the values of choices, and what the colours mean."""
    for place, axis in enumerate(info.axes[:-1]):
        _put_values(place, axis, ax, size, letters)
    ends = [ABSENT if axis.conditional else 0 for axis in info.axes]
    color, places = drawing.theme_colors(ax).quiet, range(len(ends))
    drawing.mark_ours(ax, ax.vlines(places, ends, 1, color=color, linewidth=1, gid=gid))
    ax.set(yticks=[], ylabel="")
    names = [axis.name for axis in info.axes]
    ax.set_xticks(places, names, rotation=30, ha="right", rotation_mode="anchor")
    ax.spines[["left", "bottom"]].set_visible(False)
    drawing.score_key(ax, f"{info.objective}: worse")


def _put_values(
    place: int, axis: DrawnAxis, ax: Axes, size: float, letters: int, gid: str = ""
) -> None:
    colors = drawing.theme_colors(ax)
    ticks = [*axis.ticks, *([(ABSENT, "none")] if axis.conditional else [])]
    box = {"facecolor": colors.ground, "edgecolor": "none", "alpha": 0.8, "pad": 0.8}
    style: dict[str, Any] = {"fontsize": size, "va": "center", "color": colors.text, "zorder": 5}
    shown = [(at, drawing.cut(text, letters)) for at, text in ticks]
    texts = [ax.text(place + 0.04, at, text, bbox=box, gid=gid, **style) for at, text in shown]
    drawing.mark_ours(ax, *texts)


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
    moves=True,
    margins={"left": 0.04, "right": 0.985, "bottom": 0.2, "top": 0.85},
)
