"""Score against cost; the hypervolume over trials; trials by fidelity."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from nas_nb.notebook.plots import drawing
from nas_nb.notebook.plots.drawing import BLUE, VERMILLION, Plot, Points, scale_of
from nas_nb.record.pareto import ParetoFront
from nas_nb.record.trial_facts import cost_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.notebook.plots.drawing import PlotContext
    from nas_nb.record.trial import Trial

_DOTS = {"linestyle": "none", "marker": "o"}
_MANY = 500
# A range of costs whose ends are further apart is drawn on a logarithmic scale.
_WIDE = 8


class ParetoInfo(NamedTuple):
    """Score against cost."""

    objective: str
    cost: str
    direction: str
    completed: Points
    numbers: tuple[int, ...]
    front: Points  # cheapest first
    trials: tuple[int, ...]
    chosen: Points
    knee: Points = ()
    knee_trial: int | None = None


def pareto_info(context: PlotContext) -> ParetoInfo:
    """Returns what `draw_pareto` draws; nothing, if no trial has a cost of that name."""
    history, cost, chosen = context.history, context.cost, context.chosen
    known = drawing.grown(history.completed, _priced, cost)
    scale = scale_of([score for _, (_, score) in known], history.direction)
    if scale.limit is not None:
        known = tuple(pair for pair in known if not scale.beyond(pair[1][1]))
    shown = dict(known)
    whole = ParetoFront(history.completed, ("score", cost), history.direction)
    front = sorted((shown[t.number], t.number) for t in whole.trials if t.number in shown)
    knee = None if whole.knee is None else whole.knee.number
    return ParetoInfo(
        history.objective,
        cost,
        history.direction,
        tuple(shown.values()),
        tuple(shown),
        tuple(at for at, _ in front),
        tuple(number for _, number in front),
        (shown[chosen],) if chosen in shown else (),
        (shown[knee],) if knee in shown else (),
        knee,
    )


def _priced(trial: Trial, cost: str) -> tuple[int, tuple[float, float]] | None:
    known = trial.score is not None and cost in trial.costs
    return (trial.number, (trial.costs[cost], trial.score or 0.0)) if known else None


def draw_pareto(info: ParetoInfo, ax: Axes) -> Axes:
    """Draws a dot for each trial and the front as steps, or moves what an earlier call drew."""
    many = len(info.completed) >= _MANY
    look = {**_DOTS, "markersize": 2.5 if many else 5.0, "mew": 0.0 if many else 1.0}
    look["alpha"] = drawing.dot_alpha(ax, 0.6)
    steps = {"drawstyle": "steps-post", "linewidth": 2, "marker": "o", "markersize": 6}
    front = {**steps, "label": "front", "color": VERMILLION, "zorder": 3}
    drawing.put_dots(ax, "completed", info.completed, color=BLUE, label="trial", **look)
    drawing.put_line(ax, "front", info.front, **front)
    star = {**_DOTS, "marker": "*", "markersize": 14, "color": VERMILLION, "zorder": 4}
    drawing.put_line(ax, "knee", info.knee, label="knee", **star)
    ring = {**_DOTS, "markersize": 12, "mfc": "none", "mew": 2, "zorder": 4}
    drawing.put_line(
        ax, "chosen", info.chosen, color=drawing.theme_colors(ax).strong, label="selected", **ring
    )
    costs = [cost for cost, _ in info.completed if cost > 0]
    wide = len(costs) == len(info.completed) > 0 and max(costs) > _WIDE * min(costs)
    ax.set_xscale("log" if wide else "linear")
    if wide:
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    title = f"Score against {info.cost}"
    drawing.finish_axes(
        ax, title, info.cost, info.objective, empty=f"no completed trial with {info.cost} yet"
    )
    return ax


def describe_pareto(info: ParetoInfo) -> str:
    """Returns in words what `draw_pareto` draws."""
    text = f"{info.objective} against {info.cost} of {len(info.completed)} trials"
    if not info.front:
        return text
    (low, at_low), (high, at_high) = info.front[0], info.front[-1]
    knee = "" if info.knee_trial is None else f"; its knee is trial {info.knee_trial}"
    return (
        f"{text}; {len(info.front)} of them form the front, from {at_low:.4g} at "
        f"{cost_text(low)} to {at_high:.4g} at {cost_text(high)}{knee}"
    )


class VolumeInfo(NamedTuple):
    """The hypervolume over trials."""

    objectives: tuple[str, ...]
    line: Points  # its corners
    reference: str
    total: int


def volume_info(context: PlotContext) -> VolumeInfo:
    """Returns what `draw_volume` draws."""
    front = context.history.front
    names = [context.history.objective, *front.objectives[1:]]
    at = front.reference.values()
    told = ", ".join(f"{n} {cost_text(x)}" for n, x in zip(names, at, strict=False))
    volumes = front.volumes
    corners = (at for before, at in pairwise(((-1, -1.0), *volumes)) if at[1] != before[1])
    line = tuple(dict.fromkeys((*corners, *volumes[-1:])))
    return VolumeInfo(tuple(names), line, told, len(volumes))


def draw_volume(info: VolumeInfo, ax: Axes) -> Axes:
    """Draws the hypervolume as steps."""
    steps = {"drawstyle": "steps-post", "linewidth": 2, "color": VERMILLION}
    drawing.put_line(ax, "volume", info.line, label="hypervolume", **steps)
    title = f"Hypervolume of {', '.join(info.objectives)}"
    drawing.finish_axes(ax, title, "trial", "hypervolume", empty="no completed trial yet")
    drawing.whole_ticks(ax)
    return ax


def describe_volume(info: VolumeInfo) -> str:
    """Returns in words what `draw_volume` draws."""
    text = f"hypervolume of {', '.join(info.objectives)} over {info.total} trials"
    return f"{text}: {info.line[-1][1]:.4g} up to {info.reference}" if info.line else text


class FidelitiesInfo(NamedTuple):
    """How many trials reached each fidelity."""

    levels: tuple[tuple[int, int], ...]


def fidelities_info(context: PlotContext) -> FidelitiesInfo:
    """Returns what `draw_fidelities` draws."""
    completed = context.history.completed
    granted = sorted({t.epochs_granted for t in completed if t.epochs_granted})
    reached = [trial.epochs for trial in completed]
    counts = ((level, sum(epochs >= level for epochs in reached)) for level in granted)
    return FidelitiesInfo(tuple((level, count) for level, count in counts if count))


def draw_fidelities(info: FidelitiesInfo, ax: Axes) -> Axes:
    """Draws a bar a fidelity, shortest training on top, in place of what an earlier call drew."""
    if not drawing.begin_axes(ax, "Trials by fidelity", info.levels, "no completed trial yet"):
        return ax
    rows, counts = range(len(info.levels)), [count for _, count in info.levels]
    bars = ax.barh(rows, counts, color=BLUE, alpha=0.85)
    # Beside the bars, and not in them: one may be narrower than its number.
    look: dict[str, Any] = {"fontsize": 9, "color": drawing.theme_colors(ax).text}
    drawing.mark_ours(ax, *bars, *ax.bar_label(bars, fmt="{:,.0f}", padding=3, **look))
    ax.set(ylim=(len(counts) - 0.5, -0.5), xlim=(0, max(counts) * 1.1), xticks=[])
    ax.set_yticks(rows, [f"{epochs} epoch{'s' if epochs > 1 else ''}" for epochs, _ in info.levels])
    ax.set_xlabel("trials trained so far or further", fontsize=9)
    ax.spines[["left", "bottom"]].set_visible(False)
    return ax


def describe_fidelities(info: FidelitiesInfo) -> str:
    """Returns in words what `draw_fidelities` draws."""
    parts = [f"{count} trained for {epochs} epochs or more" for epochs, count in info.levels]
    return f"trials by fidelity: {', '.join(parts) or 'no completed trial yet'}"


PARETO = Plot(
    "pareto",
    pareto_info,
    draw_pareto,
    describe_pareto,
    "Draws score against a cost, and the front of the trials that no other beats in both.",
    size=(6, 3.6),
    title="Pareto",
    hint="The front: trials that no other beats in both score and cost. The knee is the one "
    "farthest below the line between its ends, costs by their logarithm.",
    marks=lambda info: drawing.dot_marks(info.numbers, info.completed),
    moves=True,
)
HYPERVOLUME = Plot(
    "hypervolume",
    volume_info,
    draw_volume,
    describe_volume,
    "Draws what the Pareto front encloses, after each trial.",
    size=(6, 3),
    title="Hypervolume",
    hint="What the front of all objectives encloses, in units of the score times decades of each "
    "cost, up to its worst values and a tenth of its range beyond.",
    moves=True,
)
FIDELITIES = Plot(
    "fidelities",
    fidelities_info,
    draw_fidelities,
    describe_fidelities,
    "Draws how many trials were trained how far.",
    size=(6, 3),
    height=2.6,
    margins={"left": 0.12, "bottom": 0.16},
)
