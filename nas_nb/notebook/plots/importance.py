"""How much the score depends on each choice, as bars; what each value does, as boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nas_nb.explain.importance import ChoiceImportance, choice_importance
from nas_nb.notebook.plots import drawing
from nas_nb.notebook.plots.drawing import BLUE, GREEN, GREY, VERMILLION, Plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.notebook.plots.drawing import PlotContext

MOST_BARS = 14
_MOST_BOXES = 24
_LARGEST, _GAP, _POINTS = 9.0, 6.0, 72


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
    sign = 1 if info.direction == "max" else -1
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
    ax.set_xlabel(about, fontsize=9)
    return ax


def _begin(info: ImportanceInfo, ax: Axes, title: str) -> bool:
    """Prepares the Axes; says whether there is anything to draw."""
    drawing.remove_ours(ax)
    drawing.style_axes(ax, title)
    drawing.say_empty(ax, "" if info.bars else info.told.replace(": ", ":\n", 1))
    ax.set_xlabel("")
    return bool(info.bars)


def _end(ax: Axes, names: list[str]) -> None:
    size, letters = _LARGEST, max(map(len, names))
    if ax.figure.get_layout_engine() is None:  # it would make room for the names
        size, letters = drawing.text_fit(names, ax.bbox.x0 / ax.figure.dpi * _POINTS - _GAP, size)
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
    best = max if direction == "max" else min
    return best(choice.effects, key=lambda effect: effect.shift).value


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
