"""Which worker trained which trial when, and when it had none."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nas_nb.notebook.plots import drawing
from nas_nb.notebook.plots.drawing import BLUE, GREY, SKY, Plot
from nas_nb.record.trial import TrialStatus

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.notebook.plots.drawing import PlotContext
    from nas_nb.record.trial import Trial

_MOST = 500
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
    mine = [t for t in history.trials if t.started is not None and t.started >= opened][-_MOST:]
    origin = min((trial.started or 0.0 for trial in mine), default=0.0)
    return TimelineInfo(tuple(_span(trial, origin) for trial in mine))


def _span(trial: Trial, origin: float) -> Span:
    begin = (trial.started or origin) - origin
    # A running trial is known as far as its epochs.
    end = begin + trial.duration_s if trial.ended is None else trial.ended - origin
    return Span(trial.number, trial.worker, begin, max(begin, end), trial.status)


def draw_timeline(info: TimelineInfo, ax: Axes) -> Axes:
    """Draws a row for each worker and a bar for each trial, in place of an earlier drawing."""
    drawing.remove_ours(ax)
    drawing.style_axes(ax, "Timeline")
    drawing.say_empty(ax, "" if info.spans else "no trial yet")
    if not info.spans:
        return ax
    colors = [_COLOURS.get(span.status, GREY) for span in info.spans]
    bars = ax.barh(
        [span.worker for span in info.spans],
        [span.end - span.begin for span in info.spans],
        left=[span.begin for span in info.spans],
        height=0.7,
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
