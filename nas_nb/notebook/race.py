"""`nas.race`: live picture and table of a race; searches side by side."""

from __future__ import annotations

import html
import inspect
import math
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import ipywidgets as widgets
import numpy as np
from IPython import get_ipython
from IPython.display import DisplayHandle, display
from matplotlib.ticker import AutoLocator

from nas_nb.errors import SearchError, shown
from nas_nb.notebook import output, tables
from nas_nb.notebook.output import (
    PANEL_CSS,
    css_with_keys,
    no_bundle,
    panel_bundle,
    record_bundle,
    saved_bundle,
)
from nas_nb.notebook.panel.inputs import Touch, page_fit
from nas_nb.notebook.plots import drawing
from nas_nb.notebook.plots.drawing import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    Marks,
    Plot,
)
from nas_nb.notebook.plots.figures import Picture
from nas_nb.record.trial_facts import measured_text, number_text
from nas_nb.search import race as search_race
from nas_nb.search.race import incumbent_curve, leaders_text
from nas_nb.search.runs import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.search.race import Race
    from nas_nb.search.race_runs import RaceRun

PERIOD_S = 0.5
# Of one core, for the picture: the race is what the cell is for.
SHARE, LONGEST_S = 0.015, 15.0


class NotebookRace(search_race.Race):  # noqa: D101 - as documented below it
    __doc__ = search_race.Race.__doc__
    _shown_in: int | None = None

    def plot(self, over: str = "trials", ax: Axes | None = None) -> Axes:
        """Draws the incumbents' means, with a standard error to both sides; returns the Axes."""
        return _plotted(self, over, ax)

    def run(self) -> Self:  # noqa: D102 - likewise
        if not output.in_notebook():
            return super().run()
        self._shown_in = _cell()
        with _Live(self):
            return super().run()

    run.__doc__ = search_race.Race.run.__doc__

    def _on_race_run(self, race_run: RaceRun) -> None:
        if output.in_notebook() or not sys.stdout.isatty():
            return
        best, trials = race_run.history.incumbent, len(race_run.history.finished)
        score = "no incumbent" if best is None else f"{race_run.history.objective} {best.score:.4g}"
        place = f"{self.race_runs.index(race_run) + 1} of {len(self.race_runs)}"
        output.say(
            f"{place}: {race_run.label}, seed {race_run.seed}: {score} after {trials} trials"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return record(self)

    def _ipython_display_(self) -> None:
        if not output.in_notebook():
            output.say(repr(self))
        elif _cell() != self._shown_in:  # else its cell shows it already
            display(self._repr_mimebundle_(), raw=True)


def _cell() -> int:
    """Returns the number of the running cell."""
    return getattr(get_ipython(), "execution_count", 0)


class _Live:
    """Shows a race in the running cell while it runs, and leaves its record there."""

    def __init__(self, race: NotebookRace) -> None:
        self._race = race
        self._view = RaceView(race)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="nas_nb-race", daemon=True)

    def __enter__(self) -> None:
        self._view.show()
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        while self._thread.is_alive():
            self._thread.join(PERIOD_S)
        self._view.keep()

    def _follow(self) -> None:
        seen, pause_s = -1, PERIOD_S
        while not self._over.wait(pause_s):
            now = sum(history.version for history in self._race.histories.values())
            if now == seen:
                continue
            seen, before_s = now, time.thread_time()
            try:
                self._view.paint()
                pause_s = min(max(PERIOD_S, (time.thread_time() - before_s) / SHARE), LONGEST_S)
            except Exception as error:  # noqa: BLE001 - the race goes on without its picture
                self._view.status.value = f"<p>{html.escape(f'No picture: {error!r}')}</p>"
                return


def race(*args: Any, **kwargs: Any) -> NotebookRace:
    """Runs a race of strategies and returns it: `.frame()`, `.summary()`, `.winner`, `.plot()`.

    In a notebook the cell shows it live, and keeps the picture and the table; an interrupt stops
    it gracefully, and `.run()` goes on. The arguments are those of `NotebookRace`.

    Args:
        *args: The space, and the data.
        **kwargs: `strategies`, `seeds`, `max_trials`, `max_time`, `epochs`, `table`, ...

    Raises:
        NasError: Something does not fit; said before anything runs.

    Example:
        ```python
        race = nas.race(space, data, strategies=["random", "evolution"], seeds=3, max_trials=20)
        race.winner
        nas.race(strategies=["random", "local_search"], table="nas_nb_runs/finished", max_trials=50)
        ```
    """
    return NotebookRace(*args, **kwargs).run()


_ITS = inspect.signature(NotebookRace)
race.__signature__ = _ITS.replace(return_annotation=NotebookRace)  # type: ignore[attr-defined]


_HEADER = ("strategy", "mean", "standard error", "best", "seeds", "trials", "seconds")


class RaceView:
    """The widgets of a race, which stay when it is over."""

    def __init__(self, race: Race) -> None:
        self._race, self._picture = race, race_picture()
        self._handles: list[DisplayHandle] = []
        self._drawing = threading.RLock()  # a page may be heard in a thread of its own
        self.status, self._image, self._table = widgets.HTML(), widgets.HTML(), widgets.HTML()
        picture = self._picture
        self.touch = Touch(
            {
                "dark": lambda dark: self._change(lambda: picture.theme(dark=dark)),
                "width": lambda page: self._change(lambda: picture.fit(**page_fit(page))),
                "zoom": lambda _, box: self._change(lambda: picture.zoom(box)),
            }
        )
        self._widget = widgets.VBox([self.status, self._image, self._table, self.touch])
        self._widget.add_class("nas-panel")
        self.touch.add_class("nas-touch")

    def show(self) -> None:
        """Shows the race in the running cell, and below it the record, which a page hides."""
        self.paint()
        bundles = panel_bundle(self._widget), saved_bundle(record(self._race))
        self._handles = [display(bundle, raw=True, display_id=True) for bundle in bundles]

    def keep(self) -> None:
        """Brings all up to date; where no page runs the cell, only the record stays."""
        self.paint()
        panel, saved = self._handles
        if not output.page_runs_cell():
            panel.update(no_bundle(), raw=True)
        saved.update(saved_bundle(record(self._race)), raw=True)

    def _change(self, change: Callable[[], None]) -> None:
        with self._drawing:
            change()
            self.paint()

    def paint(self) -> None:
        """Brings what is shown up to date."""
        race = self._race
        line = html.escape(status_line(race))
        with self._drawing:
            self._picture.draw(race)
            self.status.value = (
                f'{css_with_keys(PANEL_CSS)}<p role="status" aria-live="polite" '
                f'class="nas-status">{line}</p>'
            )
            self._image.value = self._picture.html()
            self._table.value = summary_table(race)


def race_picture() -> Picture:
    """Returns the picture of a race: incumbents against trials, and against seconds."""
    trials = Plot("trials", race_info, draw_race, describe_race, "", marks=race_marks)
    time = trials._replace(
        draw=partial(draw_race, over="time"),
        describe=lambda _: "the same against seconds",
        marks=partial(race_marks, over="time"),
    )
    return Picture(trials, time, height=3.6, margins={"top": 0.8})


def record(race: Race) -> dict[str, Any]:
    """Returns the record of a race as HTML, picture and text."""
    picture = race_picture().printed(race)
    parts = [
        f"<p><strong>{html.escape(status_line(race))}</strong></p>",
        f"<p>{picture.html()}</p>",
        summary_table(race),
        f"<p>Journals: {html.escape(race.directory.name)}</p>",
    ]
    return record_bundle("\n".join(parts), picture.png, repr(race))


class ComparisonView(Comparison):  # noqa: D101 - as documented below it
    __doc__ = Comparison.__doc__

    def plot(self, over: str = "trials", ax: Axes | None = None) -> Axes:
        """Draws the best score so far of each search, over "trials" or "time"; returns the Axes."""
        return _plotted(self, over, ax)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        plot = Plot("trials", race_info, draw_race, describe_race, "")
        picture = Picture(plot).printed(self)
        body = f"<p>{picture.html()}</p>{self._repr_html_()}"
        return record_bundle(body, picture.png, repr(self))


def status_line(race: Race) -> str:
    """Returns how far the race is, and who leads."""
    histories = race.histories
    trials = sum(len(history.finished) for history in histories.values())
    running = next((name for name, h in histories.items() if h.running is not None), None)
    text = f"Race of {', '.join(race.labels)}: {trials:,} trials"
    if running is not None:
        text += f", now {running[0]} with seed {running[1]}"
    if race.interrupted:
        text += ", interrupted: `.run()` goes on"
    if not race.leaders:
        return f"{text}."
    best = race.summary().iloc[0]
    error = best["standard_error"]
    mean = measured_text(best["mean"], error if error > 0 else None)
    return f"{text}. Best mean {race.objective}: {leaders_text(race)}, {mean}."


def summary_table(race: Race) -> str:
    """Returns the strategies, the best first, as an HTML table."""
    rows = []
    for label, row in race.summary().iterrows():
        numbers = [row["mean"], row["standard_error"], row["best"]]
        texts = ["" if math.isnan(number) else number_text(number) for number in numbers]
        counts = [f"{row['seeds']:.0f}", f"{row['trials']:.1f}", f"{row['time_s']:.1f}"]
        rows.append((label, *texts, *counts))
    return tables.table(f"Incumbents' {race.objective}, over seeds", _HEADER, rows)


_COLORS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY)
# Colours alone don't tell the eighth strategy from the first.
_DASHES: tuple[object, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)))
_TIMES = 80
_THICK, _THINNER = 3.2, 0.5


class Line(NamedTuple):
    """One strategy's incumbents."""

    label: str
    x: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]  # the mean less one standard error
    high: tuple[float, ...]


class RaceInfo(NamedTuple):
    """What `draw_race` draws."""

    objective: str
    seeds: int
    trials: tuple[Line, ...]
    time: tuple[Line, ...]


def race_info(race: Race | Comparison) -> RaceInfo:
    """Returns what `draw_race` draws."""
    trials, times = [], []
    histories = race.histories
    for label in race.labels:
        runs = [
            incumbent_curve(h) for (name, _), h in histories.items() if name == label and h.finished
        ]
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


def _plotted(race: Any, over: str, ax: Axes | None) -> Axes:
    if not isinstance(over, str) or over not in ("trials", "time"):
        raise SearchError(f"Expected over to be trials or time. Received: {shown(over)}.")
    return drawing.as_text(draw_race(race_info(race), drawing.axes_for(ax, 7.2, 3.6), over))


def draw_race(info: RaceInfo, ax: Axes, over: str = "trials") -> Axes:
    """Draws the incumbents' means as lines, and a standard error to both sides."""
    drawing.remove_ours(ax)
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
        drawing.put_line(ax, line.label, points, label=line.label, drawstyle="steps-post", **style)
        if line.low != line.high:
            look: dict[str, Any] = {"color": color, "alpha": 0.15, "linewidth": 0}
            band = ax.fill_between(line.x, line.low, line.high, step="post", **look)
            drawing.mark_ours(ax, band)
    several = info.seeds > 1 and over == "trials"  # beside it there is no room to say it again
    spread = f": mean and standard error of {info.seeds} seeds" if several else ""
    x = "trials" if over == "trials" else "seconds of training"
    drawing.finish_axes(ax, f"Incumbent{spread}", x, info.objective)
    if over == "trials":
        drawing.whole_ticks(ax)
    else:
        ax.set_visible(bool(lines))
        ax.xaxis.set_major_locator(AutoLocator())
    return ax


def race_marks(info: RaceInfo, over: str = "trials") -> Marks:
    """Returns where a mean changes, and its end, with what the page says of each place."""
    marks: list[tuple[Any, ...]] = []
    for line in info.trials if over == "trials" else info.time:
        for at, (x, mean, high) in enumerate(zip(line.x, line.mean, line.high, strict=True)):
            if at == 0 or mean != line.mean[at - 1] or at == len(line.x) - 1:
                score = measured_text(mean, high - mean if high > mean else None)
                after = f"{x:,.3g} s" if over == "time" else f"trial {math.floor(x) - 1:,}"
                told = f"{line.label} after {after}: {score}"
                marks.append((f"{over} {len(marks)}", x, mean, told))
    return marks


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
    """Returns mean and error over runs at each place of the grid, where any run has come so far."""
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
