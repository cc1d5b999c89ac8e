"""The plots of a search, each a pair: what will be drawn, and its drawing.

Drawing again on the same Axes moves what is there instead of adding to it, which costs a third of
drawing anew: the live picture lives from that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import AutoLocator, MaxNLocator

from nas_nb.record.trial import TrialStatus

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.record.history import History, Trial

Points = tuple[tuple[float, float], ...]

# Okabe and Ito's palette, which readers with any kind of colour vision can tell apart.
BLUE, VERMILLION, SKY, GREY = "#0072B2", "#D55E00", "#56B4E9", "#595959"
INK, RULE = "#333333", "#E4E4E4"

# Scores this many times further from the median than the best one is leave the scale.
_OFF_SCALE = 30
_ENOUGH = 5
_LEGEND: dict[str, Any] = {
    "loc": "lower left",
    "bbox_to_anchor": (0, 1),
    "borderaxespad": 0.2,
    "borderpad": 0,
    "handlelength": 1.6,
    "handletextpad": 0.4,
    "columnspacing": 1.2,
}
# Up to so many epochs each one gets a dot of its own.
_DOTS = 20


class ScoresInfo(NamedTuple):
    """Score per trial.

    Attributes:
        objective: The name of the score.
        completed: (trial, score) of each completed trial whose score is on the scale.
        off_scale: (trial, 0 or 1) of those far worse: at the lower or the upper edge.
        failed: The failed trials' numbers.
        running: (trial, objective so far) of the running trial; empty before its first epoch.
        incumbent: The corners (trial, score) of the incumbent's line, in time order.
    """

    objective: str
    completed: Points
    off_scale: Points
    failed: tuple[int, ...]
    running: Points
    incumbent: Points


class Curve(NamedTuple):
    """One trial's learning curve.

    Attributes:
        trial: Its number.
        train: (epoch, objective on the training part); empty where it is not measured.
        validation: (epoch, objective on the validation part); empty where it is not measured.
    """

    trial: int
    train: Points
    validation: Points


class CurvesInfo(NamedTuple):
    """Learning curves of the running trial and of the incumbent; None where there is none."""

    objective: str
    running: Curve | None
    best: Curve | None


def scores_info(history: History) -> ScoresInfo:
    """Returns what `draw_scores` draws."""
    scored = [
        (trial.number, trial.score)
        for trial in history.completed
        if trial.score is not None and math.isfinite(trial.score)
    ]
    far = _far_limit([score for _, score in scored], history.direction)
    edge = 0 if history.direction == "max" else 1
    off = tuple((number, edge) for number, score in scored if _beyond(score, far, edge))
    on = tuple((number, score) for number, score in scored if not _beyond(score, far, edge))
    failed = tuple(t.number for t in history.finished if t.status is TrialStatus.FAILED)
    line = _incumbent_line(history, far, edge)
    return ScoresInfo(history.objective, on, off, failed, _so_far(history), line)


def curves_info(history: History) -> CurvesInfo:
    """Returns what `draw_curves` draws."""
    running, best = history.running, history.incumbent
    return CurvesInfo(
        history.objective,
        None if running is None else _curve(running, history.objective),
        None if best is None else _curve(best, history.objective),
    )


def draw_scores(info: ScoresInfo, ax: Axes) -> Axes:
    """Draws score per trial and the incumbent's step line, or moves what an earlier call drew."""
    dots = {"linestyle": "none", "marker": "o", "markersize": 5.5}
    edge_marker = "v" if not info.off_scale or info.off_scale[0][1] == 0 else "^"
    at_edge = tuple((number, 0.03 + 0.94 * edge) for number, edge in info.off_scale)
    failed = tuple((number, 0.04) for number in info.failed)
    line = {"color": VERMILLION, "linewidth": 2, "drawstyle": "steps-post", "zorder": 2}
    _draw(ax, "incumbent", info.incumbent, label="incumbent", **line)
    _draw(ax, "completed", info.completed, color=BLUE, alpha=0.75, label="trial", **dots)
    _draw(ax, "running", info.running, color=BLUE, mfc="white", label="running", **dots)
    edge_style = {**dots, "marker": edge_marker, "transform": ax.get_xaxis_transform()}
    _draw(ax, "off scale", at_edge, color=SKY, label="far worse", **edge_style)
    cross = {**dots, "marker": "x", "mew": 1.8, "transform": ax.get_xaxis_transform()}
    _draw(ax, "failed", failed, color=GREY, label="failed", **cross)
    return _finish(ax, "Score per trial", "trial", info.objective)


def draw_curves(info: CurvesInfo, ax: Axes) -> Axes:
    """Draws the learning curves, or moves what an earlier call drew."""
    for role, curve, color in (("best", info.best, VERMILLION), ("running", info.running, BLUE)):
        known = curve or Curve(-1, (), ())
        dots = "o" if len(known.validation) <= _DOTS else ""
        solid = {"color": color, "linewidth": 2, "marker": dots, "markersize": 4}
        dashed = {"color": color, "linewidth": 1.3, "linestyle": (0, (4, 2)), "alpha": 0.85}
        # One dashed line of the two explains what dashes mean.
        name = "training" if curve is (info.best or info.running) else "_"
        _draw(ax, f"{role}, training", known.train, label=name, **dashed)
        _draw(ax, role, known.validation, label=f"{role}: trial {known.trial}", **solid)
    return _finish(ax, "Learning curves", "epoch", info.objective.removeprefix("val_"))


def describe_plots(scores: ScoresInfo, curves: CurvesInfo) -> str:
    """Returns in words what the two pictures show, for readers who don't see them."""
    counts = f"{len(scores.completed) + len(scores.off_scale)} completed"
    if scores.failed:
        counts += f" and {len(scores.failed)} failed"
    text = f"Left: {scores.objective} per trial, {counts} trials"
    if scores.incumbent:
        text += f", best {scores.incumbent[-1][1]:.4g}"
    shown = [
        f"{'running' if curve is curves.running else 'best'} trial {curve.trial}"
        for curve in (curves.running, curves.best)
        if curve is not None
    ]
    return f"{text}. Right: learning curves of {' and '.join(shown) or 'no trial yet'}."


def _far_limit(scores: Sequence[float], direction: str) -> float | None:
    """Returns the score from which on the rest would be squeezed flat; None if none is so bad.

    Shares, such as accuracies, are always on the scale: their readers know it.
    """
    if len(scores) < _ENOUGH or all(0 <= score <= 1 for score in scores):
        return None
    middle = median(scores)
    best = max(scores) if direction == "max" else min(scores)
    return middle - _OFF_SCALE * (best - middle) if best != middle else None


def _beyond(score: float, limit: float | None, edge: int) -> bool:
    return limit is not None and (score < limit if edge == 0 else score > limit)


def _incumbent_line(history: History, far: float | None, edge: int) -> Points:
    """Returns the corners, with an end half a trial past the latest, so that each level shows."""
    path = tuple(corner for corner in history.incumbent_path if not _beyond(corner[1], far, edge))
    if not path:
        return ()
    latest = max(trial.number for trial in history.finished)
    return (*path, (max(latest, path[-1][0]) + 0.5, path[-1][1]))


def _so_far(history: History) -> Points:
    trial = history.running
    if trial is None or not trial.curve:
        return ()
    score = trial.curve[-1].get(history.objective)
    return ((trial.number, score),) if score is not None and math.isfinite(score) else ()


def _curve(trial: Trial, objective: str) -> Curve:
    train = objective.removeprefix("val_")
    parts = (
        tuple((epoch, logs[name]) for epoch, logs in enumerate(trial.curve, 1) if name in logs)
        for name in (train, f"val_{train}")
    )
    return Curve(trial.number, *parts)


def _draw(ax: Axes, gid: str, points: Points, **style: Any) -> None:
    """Puts a line's points where they are now; an empty one shows in no legend."""
    line = next((line for line in ax.lines if line.get_gid() == gid), None)
    if line is None:
        line = Line2D([], [], gid=gid)
        style.setdefault("transform", ax.transData)
        ax.add_line(line)
    if not points:
        style["label"] = f"_{style['label']}"
    line.set(data=tuple(zip(*points, strict=True)) or ([], []), **style)


def _finish(ax: Axes, title: str, x: str, y: str) -> Axes:
    """Names the axes, keeps ink for the data, and fits scale and legend to what is drawn."""
    ax.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK, pad=22)
    ax.set_xlabel(x, fontsize=10, color=INK)
    ax.set_ylabel(y, fontsize=10, color=INK)
    ax.tick_params(labelsize=9, colors=INK, length=3)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.grid(visible=True, axis="y", color=RULE, linewidth=0.8)
    ax.set_axisbelow(True)
    _tell_emptiness(ax, empty=not any(np.size(line.get_xdata()) for line in ax.lines))
    ax.relim()
    ax.margins(x=0.04, y=0.12)
    ax.autoscale_view()
    _legend(ax)
    return ax


def _tell_emptiness(ax: Axes, *, empty: bool) -> None:
    """Says that nothing is there yet, instead of inventing a scale."""
    words = next((text for text in ax.texts if text.get_gid() == "empty"), None)
    if words is None:
        words = ax.text(0.5, 0.5, "no trial yet", transform=ax.transAxes, ha="center", color=GREY)
        words.set_gid("empty")
    words.set_visible(empty)
    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    ax.yaxis.set_major_locator(AutoLocator())
    if empty:
        ax.set(xticks=[], yticks=[], ylabel="")


def _legend(ax: Axes) -> None:
    """Puts the legend between title and picture, where it hides nothing and never jumps."""
    handles, labels = ax.get_legend_handles_labels()
    old = ax.get_legend()
    if old is not None:
        old.remove()
    if handles:
        order = sorted(range(len(labels)), key=lambda place: labels[place] == "training")
        shown = ([handles[place] for place in order], [labels[place] for place in order])
        ax.legend(*shown, fontsize=9, ncols=5, frameon=False, **_LEGEND)
