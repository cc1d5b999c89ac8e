"""Score against a cost, and the front of the trials that no other beats in both."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from nas_nb.notebook.views import ink
from nas_nb.notebook.views.ink import BLUE, VERMILLION, Points
from nas_nb.notebook.views.scale import scale_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.record.history import History

_DOTS = {"linestyle": "none", "marker": "o"}
_MANY = 500
# A range of costs whose ends are further apart is drawn on a logarithmic scale.
_WIDE = 8


class ParetoInfo(NamedTuple):
    """Score against cost.

    Attributes:
        objective: The name of the score.
        cost: The name of the cost.
        direction: Which scores are better: "max" or "min".
        completed: (cost, score) of each completed trial that has both, on the scale.
        front: (cost, score) of those that no other beats, cheapest first.
        trials: The numbers of the front's trials.
        chosen: (cost, score) of the chosen trial, if it has both.
    """

    objective: str
    cost: str
    direction: str
    completed: Points
    front: Points
    trials: tuple[int, ...]
    chosen: Points


def pareto_info(history: History, cost: str = "params", chosen: int | None = None) -> ParetoInfo:
    """Returns what `draw_pareto` draws; nothing, if no trial has a cost of that name."""
    known = [t for t in history.completed if t.score is not None and cost in t.costs]
    scale = scale_of([t.score or 0.0 for t in known], history.direction)
    points = {t.number: (t.costs[cost], t.score or 0.0) for t in known}
    shown = {number: at for number, at in points.items() if not scale.beyond(at[1])}
    best = history.pareto_front("score", cost) if known else ()
    front = sorted((shown[t.number], t.number) for t in best if t.number in shown)
    return ParetoInfo(
        history.objective,
        cost,
        history.direction,
        tuple(shown.values()),
        tuple(at for at, _ in front),
        tuple(number for _, number in front),
        (shown[chosen],) if chosen in shown else (),
    )


def draw_pareto(info: ParetoInfo, ax: Axes) -> Axes:
    """Draws a dot for each trial and the front as steps, or moves what an earlier call drew."""
    many = len(info.completed) >= _MANY
    look = {**_DOTS, "markersize": 2.5 if many else 5.0, "mew": 0.0 if many else 1.0}
    steps = {"drawstyle": "steps-post", "linewidth": 2, "marker": "o", "markersize": 6}
    front = {**steps, "label": "front", "color": VERMILLION, "zorder": 3}
    ink.put(ax, "completed", info.completed, color=BLUE, alpha=0.6, label="trial", **look)
    ink.put(ax, "front", info.front, **front)
    ring = {**_DOTS, "markersize": 12, "mfc": "none", "mew": 2, "zorder": 4}
    ink.put(ax, "chosen", info.chosen, color="black", label="chosen", **ring)
    costs = [cost for cost, _ in info.completed if cost > 0]
    wide = len(costs) == len(info.completed) > 0 and max(costs) > _WIDE * min(costs)
    ax.set_xscale("log" if wide else "linear")
    if wide:
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    title = f"Score against {info.cost}"
    ink.finish(
        ax, title, info.cost, info.objective, empty=f"no completed trial with {info.cost} yet"
    )
    return ax


def describe_pareto(info: ParetoInfo) -> str:
    """Returns in words what `draw_pareto` draws."""
    text = f"{info.objective} against {info.cost} of {len(info.completed)} trials"
    if not info.front:
        return text
    (low, at_low), (high, at_high) = info.front[0], info.front[-1]
    return (
        f"{text}; {len(info.front)} of them form the front, from {at_low:.4g} at {low:,.0f} "
        f"to {at_high:.4g} at {high:,.0f}"
    )
