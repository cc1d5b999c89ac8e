"""Trials one by one: scores, learning curves, the winner's ancestors, when each was trained."""

from __future__ import annotations

import math
from functools import lru_cache, partial
from itertools import accumulate
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from nas_nb.notebook.plots import drawing
from nas_nb.notebook.plots.drawing import (
    BLUE,
    GREEN,
    GREY,
    PURPLE,
    SKY,
    VERMILLION,
    Plot,
    Points,
    ScoreScale,
    grown,
    scale_of,
    scored_trials,
)
from nas_nb.notebook.wording import steering_text
from nas_nb.record.trial import TrialStatus
from nas_nb.record.trial_facts import LineageStep, ancestry, ancestry_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from matplotlib.axes import Axes

    from nas_nb.notebook.plots.drawing import PlotContext
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial

_DOT_STYLE = {"linestyle": "none", "marker": "o", "markersize": 5.5}
_MANY = 500
_CLOCK = ("pause", "resume")
OVER = ("trials", "seconds")
_NOWHERE: Points = ((math.nan, math.nan),)


class ScoresInfo(NamedTuple):
    """Score per trial, over trials or over seconds of training."""

    objective: str
    completed: Points  # (place, score)
    off_scale: Points  # (place, 0 or 1): at the lower or the upper edge
    failed: tuple[float, ...]
    running: Points
    incumbent: Points  # the corners of its line
    trials: tuple[int, ...] = ()  # the numbers of the completed and of the running trial
    steered: tuple[tuple[float, str], ...] = ()
    chosen: Points = ()
    over: str = "trials"
    live: bool = False


def scores_info(context: PlotContext) -> ScoresInfo:
    """Returns what `draw_scores` draws."""
    history = context.history
    known = scored_trials(history)
    scale = scale_of([score for _, score in known], history.direction)
    off: Points = ()
    on: Points = known
    if scale.limit is not None:
        off = tuple((number, scale.edge) for number, score in known if scale.beyond(score))
        on = tuple((number, score) for number, score in known if not scale.beyond(score))
    failed = grown(history.finished, _failed)
    line, steered = _incumbent_line(history, scale), _steered(history)
    running = _within([score for _, score in on], _so_far(history), history.direction)
    at = _seconds(history) if context.over == "seconds" else None
    return ScoresInfo(
        history.objective,
        _placed(on, at),
        _placed(off, at),
        failed if at is None else tuple(map(at, failed)),
        _placed(running, at),
        _placed(line, at),
        tuple(map(_first, (*on, *running))),
        tuple(steered if at is None else ((at(place), what) for place, what in steered)),
        _placed([point for point in on if point[0] == context.chosen], at),
        context.over,
        context.live and bool(on),
    )


_first, _number = itemgetter(0), attrgetter("number")


def _failed(trial: Trial) -> int | None:
    return trial.number if trial.status is TrialStatus.FAILED else None


def _within(known: Sequence[float], points: Points, direction: str) -> Points:
    """Puts scores so far that are worse than all known ones, as most are at first, beside these."""
    # A scale that followed them would be drawn anew twice a trial, and move all other marks.
    if not known:
        return points
    if direction == "max":
        return tuple((place, max(score, min(known))) for place, score in points)
    return tuple((place, min(score, max(known))) for place, score in points)


def _placed(points: Iterable[tuple[float, float]], at: Callable[[float], float] | None) -> Points:
    return tuple(points if at is None else ((at(place), score) for place, score in points))


def _seconds(history: History) -> Callable[[float], float]:
    """Returns what tells when a trial ended, in seconds of training since the search's start."""
    spent = list(accumulate((trial.duration_s for trial in history.trials), initial=0.0))
    return lambda place: spent[min(math.floor(place) + 1, len(spent) - 1)]


def draw_scores(info: ScoresInfo, ax: Axes) -> Axes:
    """Draws score per trial and the incumbent's step line, or moves what an earlier call drew."""
    size = 5.5 if len(info.completed) < _MANY else 2.5
    colors, put = drawing.theme_colors(ax), partial(drawing.put_line, ax)
    # Thousands of dots without edges take half the time.
    dots = {**_DOT_STYLE, "markersize": size, "mew": 1.0 if size > 3 else 0.0}
    edge_marker = "v" if not info.off_scale or info.off_scale[0][1] == 0 else "^"
    at_edge = tuple((place, 0.03 + 0.94 * edge) for place, edge in info.off_scale)
    failed = tuple((place, 0.04) for place in info.failed)
    line = {"color": VERMILLION, "linewidth": 2, "drawstyle": "steps-post", "zorder": 2}
    put("incumbent", info.incumbent, label="incumbent", **line)
    look = {"color": BLUE, "alpha": drawing.dot_alpha(ax, 0.75), "label": "trial", **dots}
    drawing.put_dots(ax, "completed", info.completed, **look)
    hollow = {**_DOT_STYLE, "color": BLUE, "mfc": colors.ground}
    put("running", info.running or _NOWHERE * info.live, label="running", **hollow)
    edge_style = {**dots, "marker": edge_marker, "transform": ax.get_xaxis_transform()}
    put("off scale", at_edge, color=SKY, label="far worse", **edge_style)
    cross = {**dots, "marker": "x", "mew": 1.8, "transform": ax.get_xaxis_transform()}
    put("failed", failed, color=GREY, label="failed", **cross)
    ring = {**_DOT_STYLE, "markersize": 12, "mfc": "none", "mew": 2, "zorder": 4}
    put("chosen", info.chosen, color=colors.strong, label="selected", **ring)
    _draw_steering(info, ax)
    x = "trial" if info.over == "trials" else "seconds of training"
    drawing.finish_axes(ax, "Score per trial", x, info.objective, grows=info.live)
    drawing.whole_ticks(ax, grows=info.live)
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
    style = {"color": GREEN, "transform": ax.get_xaxis_transform()}
    heads = tuple((place, 0.985) for place, _ in info.steered)
    drawing.put_line(
        ax, "steered", heads, label="steered", **{**_DOT_STYLE, "marker": "v"}, **style
    )
    # One line with gaps, however many actions there were.
    gaps = [((place, 0.0), (place, 0.985), (math.nan, math.nan)) for place, _ in info.steered]
    stems = tuple(point for three in gaps for point in three)
    thin = {"linewidth": 1, "linestyle": (0, (2, 2)), "alpha": 0.7, "zorder": 1}
    drawing.put_line(ax, "steered, stems", stems, label="_stems", **thin, **style)


def _incumbent_line(history: History, scale: ScoreScale) -> Points:
    """Returns the corners, with an end half a trial past the latest, so that each level shows."""
    path = tuple(corner for corner in history.incumbent_path if not scale.beyond(corner[1]))
    if not path:
        return ()
    latest = max(map(_number, history.finished))
    return (*path, (max(latest, path[-1][0]) + 0.5, path[-1][1]))


def _so_far(history: History) -> Points:
    last = ((t.number, t.curve[-1].get(history.objective)) for t in history.pending if t.curve)
    return tuple(
        (number, score) for number, score in last if score is not None and math.isfinite(score)
    )


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


# Up to so many epochs each one gets a dot of its own.
_MOST_DOTS = 20
_MOST_OTHERS = 200
_COLORS = {"best": VERMILLION, "running": BLUE, "chosen": PURPLE, "other": GREEN}


class Curve(NamedTuple):
    """One trial's learning curve."""

    role: str
    trial: int
    train: Points
    validation: Points


class CurvesInfo(NamedTuple):
    """Learning curves, in the order of the legend."""

    objective: str
    curves: tuple[Curve, ...]
    others: Points = ()
    live: bool = False

    def of(self, role: str) -> Curve | None:
        """Returns the curve shown for a reason, or None."""
        return next((curve for curve in self.curves if curve.role == role), None)


def curves_info(context: PlotContext) -> CurvesInfo:
    """Returns the curves of the incumbent, the running and the selected trial, and all others."""
    history, chosen = context.history, context.chosen
    picked = history[chosen] if chosen is not None and chosen < len(history) else None
    named = {"best": history.incumbent, "running": history.running, "chosen": picked}
    shown = {role: trial for role, trial in named.items() if trial is not None}
    if picked is not None and picked in (named["best"], named["running"]):
        del shown["chosen"]
    numbers = {trial.number for trial in shown.values()}
    others: list[tuple[float, float]] = []
    for trial in history.completed[-_MOST_OTHERS:]:
        if trial.number not in numbers:
            others += _thin_curve(trial, history.objective)
    live = context.live and bool(shown)
    return _info(history, **shown)._replace(others=tuple(others), live=live)


def chosen_curves_info(context: PlotContext) -> CurvesInfo:
    """Returns the curves of the chosen trial and of one to compare it with."""
    history, other = context.history, context.other
    known = {"chosen": context.chosen, "other": other if other != context.chosen else None}
    trials = {
        role: history[number] if number is not None and number < len(history) else None
        for role, number in known.items()
    }
    return _info(history, **trials)


def draw_curves(info: CurvesInfo, ax: Axes) -> Axes:
    """Draws the learning curves, or moves what an earlier call drew."""
    alpha = 0.35 if drawing.theme_colors(ax) is drawing.LIGHT else 0.7
    faint = {"color": GREY, "linewidth": 0.8, "alpha": alpha, "zorder": 1}
    drawing.put_line(ax, "others", info.others, label="_others", **faint)
    # One dashed line of them explains what dashes mean.
    explained = info.curves[0].role if info.curves else None
    for role, color in _COLORS.items():
        known = info.of(role) or Curve(role, -1, (), ())
        dots = "o" if len(known.validation) <= _MOST_DOTS else ""
        solid = {"color": color, "linewidth": 2, "marker": dots, "markersize": 4}
        dashed = {"color": color, "linewidth": 1.3, "linestyle": (0, (4, 2)), "alpha": 0.85}
        name = "training" if role == explained else "_"
        stays = _NOWHERE if info.live and role == "running" else ()
        drawing.put_line(ax, f"{role}, training", known.train, label=name, **dashed)
        # One that changes with each trial would have all that stays drawn anew.
        best = "best" if info.live else f"best: trial {known.trial}"
        label = {"running": role, "best": best}.get(role, f"trial {known.trial}")
        drawing.put_line(ax, role, known.validation or stays, label=label, **solid)
    y = info.objective.removeprefix("val_")
    drawing.finish_axes(ax, "Learning curves", "epoch", y, empty="no epoch yet", grows=info.live)
    drawing.whole_ticks(ax, grows=info.live)
    return ax


def describe_curves(info: CurvesInfo) -> str:
    """Returns in words whose curves `draw_curves` draws."""
    shown = [f"{curve.role} trial {curve.trial}" for curve in info.curves]
    return f"learning curves of {' and '.join(shown)}" if shown else "learning curves: no epoch yet"


def _info(history: History, **trials: Trial | None) -> CurvesInfo:
    curves = [_curve(role, t, history.objective) for role, t in trials.items() if t is not None]
    return CurvesInfo(history.objective, tuple(curves))


def _curve(role: str, trial: Trial, objective: str) -> Curve:
    train = objective.removeprefix("val_")
    parts = (
        tuple((epoch, logs[name]) for epoch, logs in enumerate(trial.curve, 1) if name in logs)
        for name in (train, f"val_{train}")
    )
    return Curve(role, trial.number, *parts)


@lru_cache(maxsize=2 * _MOST_OTHERS)
def _thin_curve(trial: Trial, objective: str) -> Points:
    """Returns the curve of a trial that is over, with the gap behind it."""
    curve = _curve("", trial, objective)
    return (*(curve.validation or curve.train), (math.nan, math.nan))


def _ends(info: CurvesInfo) -> list[tuple[int, float, float]]:
    curves = [(curve.trial, curve.validation or curve.train) for curve in info.curves]
    return [(trial, *points[-1]) for trial, points in curves if points]


SCORES = Plot(
    "scores",
    scores_info,
    draw_scores,
    describe_scores,
    "Draws the score of each trial, with the incumbent's as a line and failures marked.",
    size=(7.2, 3.4),
    marks=lambda info: drawing.dot_marks(info.trials, (*info.completed, *info.running)),
    moves=True,
)
CURVES = Plot(
    "learning_curves",
    curves_info,
    draw_curves,
    describe_curves,
    "Draws the learning curves, those of the incumbent and of the running trial by name.",
    size=(6, 3.4),
    marks=_ends,
    moves=True,
)
CHOSEN_CURVES = Plot(
    "chosen curves",
    chosen_curves_info,
    draw_curves,
    describe_curves,
    "Draws the learning curves of the selected trial and of one to compare it with.",
    moves=True,
)


_MOST_STEPS = 10


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
    return LineageInfo(
        history.objective, tuple(steps[-_MOST_STEPS:]), ancestry_text(history, trial)
    )


def draw_lineage(info: LineageInfo, ax: Axes) -> Axes:
    """Draws the scores step by step, each with its change, in place of an earlier drawing."""
    if not drawing.begin_axes(ax, "Lineage", info.steps, "no scored ancestors"):
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


_MOST_SPANS = 500
_COLOURS = {TrialStatus.COMPLETED: BLUE, TrialStatus.RUNNING: SKY}


class Span(NamedTuple):
    """A trial's last attempt, in seconds since the session's first."""

    trial: int
    worker: int
    begin: float
    end: float
    status: TrialStatus


class TimelineInfo(NamedTuple):
    """The latest trials of the latest session."""

    spans: tuple[Span, ...]


def timeline_info(context: PlotContext) -> TimelineInfo:
    """Returns what `draw_timeline` draws."""
    history = context.history
    opened = history.opened[-1].get("time") or 0.0 if history.opened else 0.0
    mine = [t for t in history.trials if t.started is not None and t.started >= opened][
        -_MOST_SPANS:
    ]
    origin = min((trial.started or 0.0 for trial in mine), default=0.0)
    return TimelineInfo(tuple(_span(trial, origin) for trial in mine))


def _span(trial: Trial, origin: float) -> Span:
    begin = (trial.started or origin) - origin
    # A running trial is known as far as its epochs.
    end = begin + trial.duration_s if trial.ended is None else trial.ended - origin
    return Span(trial.number, trial.worker, begin, max(begin, end), trial.status)


def draw_timeline(info: TimelineInfo, ax: Axes) -> Axes:
    """Draws a row for each worker and a bar for each trial, in place of an earlier drawing."""
    if not drawing.begin_axes(ax, "Timeline", info.spans, "no trial yet"):
        return ax
    colors = [_COLOURS.get(span.status, GREY) for span in info.spans]
    kinds = [span.status if span.status in _COLOURS else "not completed" for span in info.spans]
    bars = ax.barh(
        [span.worker for span in info.spans],
        [span.end - span.begin for span in info.spans],
        left=[span.begin for span in info.spans],
        height=0.7,
        label=[f"{'_' * (kinds.index(kind) < place)}{kind}" for place, kind in enumerate(kinds)],
        color=colors,
        edgecolor=drawing.theme_colors(ax).ground,
        linewidth=0.8,
    )
    drawing.mark_ours(ax, *bars)
    workers = max(span.worker for span in info.spans) + 1
    ax.set_ylim(workers - 0.4, -0.6)
    ax.set_yticks(range(workers))
    ax.set_xlim(0, max(span.end for span in info.spans) or 1.0)
    ax.set_xlabel("seconds", fontsize=9)
    ax.set_ylabel("worker", fontsize=9)
    drawing.legend(ax)
    return ax


def describe_timeline(info: TimelineInfo) -> str:
    """Returns in words what `draw_timeline` draws."""
    if not info.spans:
        return "timeline: no trial yet"
    whole = max(span.end for span in info.spans) or 1.0
    told = []
    for worker in sorted({span.worker for span in info.spans}):
        mine = [span.end - span.begin for span in info.spans if span.worker == worker]
        count = "one trial" if len(mine) == 1 else f"{len(mine)} trials"
        told.append(f"{worker} had {count} and was idle for {max(0.0, 1 - sum(mine) / whole):.0%}")
    return f"timeline of {whole:.0f} seconds by worker: {'; '.join(told)}"


TIMELINE = Plot(
    "timeline",
    timeline_info,
    draw_timeline,
    describe_timeline,
    "Draws which worker trained which trial when, since the search was started last.",
    size=(8, 2.6),
)
