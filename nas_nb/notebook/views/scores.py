"""Score per trial, with the incumbent's line, failures, and what its user did."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from nas_nb.notebook.deeds import steering_text
from nas_nb.notebook.views import ink
from nas_nb.notebook.views.ink import BLUE, GREY, PURPLE, SKY, VERMILLION, Points
from nas_nb.notebook.views.scale import Scale, scale_of, scored
from nas_nb.record.trial import TrialStatus

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.record.history import History

_DOTS = {"linestyle": "none", "marker": "o", "markersize": 5.5}
_MANY = 500
_CLOCK = ("pause", "resume")


class ScoresInfo(NamedTuple):
    """Score per trial.

    Attributes:
        objective: The name of the score.
        completed: (trial, score) of each completed trial whose score is on the scale.
        off_scale: (trial, 0 or 1) of those far worse: at the lower or the upper edge.
        failed: The failed trials' numbers.
        running: (trial, objective so far) of the running trial; empty before its first epoch.
        incumbent: The corners (trial, score) of the incumbent's line, in time order.
        steered: (trial, what was done) of each steering action but pauses; half a trial after the
            last that had started.
        chosen: (trial, score) of the chosen trial, if it is on the scale.
    """

    objective: str
    completed: Points
    off_scale: Points
    failed: tuple[int, ...]
    running: Points
    incumbent: Points
    steered: tuple[tuple[float, str], ...] = ()
    chosen: Points = ()


def scores_info(history: History, chosen: int | None = None) -> ScoresInfo:
    """Returns what `draw_scores` draws."""
    known = scored(history)
    scale = scale_of([score for _, score in known], history.direction)
    off = tuple((number, scale.edge) for number, score in known if scale.beyond(score))
    on = tuple((number, score) for number, score in known if not scale.beyond(score))
    return ScoresInfo(
        history.objective,
        on,
        off,
        tuple(t.number for t in history.finished if t.status is TrialStatus.FAILED),
        _so_far(history),
        _incumbent_line(history, scale),
        _steered(history),
        tuple(point for point in on if point[0] == chosen),
    )


def draw_scores(info: ScoresInfo, ax: Axes) -> Axes:
    """Draws score per trial and the incumbent's step line, or moves what an earlier call drew."""
    size = 5.5 if len(info.completed) < _MANY else 2.5
    # Thousands of dots without edges take half the time.
    dots = {**_DOTS, "markersize": size, "mew": 1.0 if size > 3 else 0.0}
    edge_marker = "v" if not info.off_scale or info.off_scale[0][1] == 0 else "^"
    at_edge = tuple((number, 0.03 + 0.94 * edge) for number, edge in info.off_scale)
    failed = tuple((number, 0.04) for number in info.failed)
    line = {"color": VERMILLION, "linewidth": 2, "drawstyle": "steps-post", "zorder": 2}
    ink.put(ax, "incumbent", info.incumbent, label="incumbent", **line)
    ink.put(ax, "completed", info.completed, color=BLUE, alpha=0.75, label="trial", **dots)
    ink.put(ax, "running", info.running, color=BLUE, mfc="white", label="running", **_DOTS)
    edge_style = {**dots, "marker": edge_marker, "transform": ax.get_xaxis_transform()}
    ink.put(ax, "off scale", at_edge, color=SKY, label="far worse", **edge_style)
    cross = {**dots, "marker": "x", "mew": 1.8, "transform": ax.get_xaxis_transform()}
    ink.put(ax, "failed", failed, color=GREY, label="failed", **cross)
    ring = {**_DOTS, "markersize": 12, "mfc": "none", "mew": 2, "zorder": 4}
    ink.put(ax, "chosen", info.chosen, color="black", label="chosen", **ring)
    _draw_steering(info, ax)
    ink.finish(ax, "Score per trial", "trial", info.objective)
    ink.whole_numbers(ax)
    return ax


def describe_scores(info: ScoresInfo) -> str:
    """Returns in words what `draw_scores` draws."""
    counts = f"{len(info.completed) + len(info.off_scale)} completed"
    if info.failed:
        counts += f" and {len(info.failed)} failed"
    text = f"{info.objective} per trial, {counts} trials"
    if info.incumbent:
        text += f", best {info.incumbent[-1][1]:.4g}"
    if info.steered:
        times = "once" if len(info.steered) == 1 else f"{len(info.steered)} times, at last"
        text += f", steered {times}: {info.steered[-1][1]}"
    return text


def _draw_steering(info: ScoresInfo, ax: Axes) -> None:
    """Draws a mark at the upper edge and a thin line below it for each steering action."""
    style = {"color": PURPLE, "transform": ax.get_xaxis_transform()}
    heads = tuple((place, 0.985) for place, _ in info.steered)
    ink.put(ax, "steered", heads, label="steered", **{**_DOTS, "marker": "v"}, **style)
    # One line with gaps, however many actions there were.
    gaps = [((place, 0.0), (place, 0.985), (math.nan, math.nan)) for place, _ in info.steered]
    stems = tuple(point for three in gaps for point in three)
    thin = {"linewidth": 1, "linestyle": (0, (2, 2)), "alpha": 0.7, "zorder": 1}
    ink.put(ax, "steered, stems", stems, label="_stems", **thin, **style)


def _incumbent_line(history: History, scale: Scale) -> Points:
    """Returns the corners, with an end half a trial past the latest, so that each level shows."""
    path = tuple(corner for corner in history.incumbent_path if not scale.beyond(corner[1]))
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


def _steered(history: History) -> tuple[tuple[float, str], ...]:
    actions = [event for event in history.steering if event["action"] not in _CLOCK]
    if not actions:
        return ()
    starts = sorted((t.started, t.number) for t in history.trials if t.started is not None)
    marks, place, at = [], -1, 0
    for event in actions:
        while at < len(starts) and starts[at][0] <= event["time"]:
            place, at = max(place, starts[at][1]), at + 1
        marks.append((place + 0.5, steering_text(event)))
    return tuple(marks)
