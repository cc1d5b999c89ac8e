"""The picture of a race: incumbents against trials and against time, with their spread."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.ticker import AutoLocator

from nas_nb.notebook.views import ink
from nas_nb.notebook.views.ink import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION
from nas_nb.search.race_results import run_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.search.race import Race

_COLORS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY)
# Colours alone don't tell the eighth strategy from the first.
_DASHES: tuple[object, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)))
_TIMES = 80
_THICK, _THINNER = 3.2, 0.5


class Line(NamedTuple):
    """One strategy's incumbents.

    Attributes:
        label: The strategy's name.
        x: Trials that ended, and half a one past the last; or seconds of training.
        mean: Over the seeds that have come so far.
        low: Mean less one standard error; as the mean where there is one seed.
        high: Mean and one standard error.
    """

    label: str
    x: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class RaceInfo(NamedTuple):
    """What `draw_race` draws.

    Attributes:
        objective: The name of the score.
        seeds: How many there are.
        trials: Incumbents against trials that ended.
        time: Incumbents against seconds; empty where scores took no time.
    """

    objective: str
    seeds: int
    trials: tuple[Line, ...]
    time: tuple[Line, ...]


def race_info(race: Race) -> RaceInfo:
    """Returns what `draw_race` draws."""
    trials, times = [], []
    histories = race.histories
    for label in race.labels:
        runs = [run_of(h) for (name, _), h in histories.items() if name == label and h.finished]
        if not runs:
            continue
        ends = [len(run.scores) for run in runs]
        grid = np.arange(1.0, max(ends) + 1)
        counts = [np.arange(1.0, end + 1) for end in ends]
        trials.append(_line(label, grid, counts, [run.incumbents for run in runs], hold=False))
        longest = max(run.times_s[-1] for run in runs)
        if longest > 0:
            grid = np.linspace(0, longest, _TIMES)
            spent = [np.asarray(run.times_s) for run in runs]
            times.append(_line(label, grid, spent, [run.incumbents for run in runs], hold=True))
    return RaceInfo(race.objective, len(race.seeds), tuple(trials), tuple(times))


def draw_race(info: RaceInfo, ax: Axes, over: str = "trials") -> Axes:
    """Draws the incumbents' means as lines, and a standard error to both sides.

    Args:
        info: What to draw.
        ax: Where. What an earlier call drew is moved.
        over: "trials" or "time".
    """
    ink.wipe(ax)
    lines = info.trials if over == "trials" else info.time
    order = [line.label for line in info.trials]
    for line in lines:
        place = order.index(line.label)
        color = _COLORS[place % len(_COLORS)]
        dash = _DASHES[place // len(_COLORS) % len(_DASHES)]
        # Thinner ones on top: strategies that draw alike at first hide each other otherwise.
        width = max(_THICK - _THINNER * place, 1.5)
        style = {"color": color, "linestyle": dash, "linewidth": width}
        points = tuple(zip(line.x, line.mean, strict=True))
        ink.put(ax, line.label, points, label=line.label, drawstyle="steps-post", **style)
        if line.low != line.high:
            look: dict[str, Any] = {"color": color, "alpha": 0.15, "linewidth": 0}
            band = ax.fill_between(line.x, line.low, line.high, step="post", **look)
            ink.anew(ax, band)
    spread = f": mean and standard error of {info.seeds} seeds" if info.seeds > 1 else ""
    x = "trials" if over == "trials" else "seconds of training"
    ink.finish(ax, f"Incumbent{spread}", x, info.objective)
    if over == "trials":
        ink.whole_numbers(ax)
    elif lines:
        ax.xaxis.set_major_locator(AutoLocator())
    return ax


def describe_race(info: RaceInfo) -> str:
    """Returns in words what `draw_race` draws."""
    ends = [f"{line.label} {line.mean[-1]:.4g}" for line in info.trials if line.mean]
    return f"Mean {info.objective} of the incumbents, against trials: {', '.join(ends) or 'none'}."


def _line(
    label: str,
    grid: np.ndarray,
    places: Sequence[np.ndarray],
    incumbents: Sequence[Sequence[float]],
    *,
    hold: bool,
) -> Line:
    """Returns mean and error over runs at each place of the grid, where any run has come so far.

    Args:
        label: The strategy's name.
        grid: Where to look.
        places: Of each run, where its incumbents are from.
        incumbents: Of each run.
        hold: Whether a run keeps its last incumbent beyond its end.
    """
    rows = np.full((len(places), len(grid)), math.nan)
    for row, at, best in zip(rows, places, incumbents, strict=True):
        found = np.searchsorted(at, grid, side="right") - 1
        there = found >= 0 if hold else (found >= 0) & (grid <= at[-1])
        row[there] = np.asarray(best, dtype=float)[found[there]]
    known = ~np.isnan(rows)
    counts = known.sum(axis=0)
    shown = counts > 0
    if known.all(axis=0).any():
        shown[: known.all(axis=0).argmax()] = False  # a seed that joins must not lower the mean
    rows, counts, known = rows[:, shown], counts[shown], known[:, shown]
    mean = np.where(known, rows, 0).sum(axis=0) / counts
    squares = (np.where(known, rows - mean, 0) ** 2).sum(axis=0)
    error = np.sqrt(squares / np.maximum(counts - 1, 1) / counts)
    columns = [grid[shown], mean, mean - error, mean + error]
    if not hold and len(mean):
        # Half a trial past the latest, so that its level shows.
        columns = [np.append(column, column[-1:]) for column in columns]
        columns[0][-1] += 0.5
    return Line(label, *(tuple(map(float, column)) for column in columns))
