"""`Panel`: the tree of widgets.

It only puts parts together. A part is an input, which the browser writes, or a view, a piece of
HTML which the painter alone writes. Of the tabs only the one in view is painted.
"""

from __future__ import annotations

import html
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from copy import copy
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import psutil
from IPython.display import DisplayHandle, display

from nas_nb.evaluate.backend import MemoryWatch
from nas_nb.notebook import wording
from nas_nb.notebook.output import PANEL_CSS, css_with_keys, no_bundle, panel_bundle, saved_bundle
from nas_nb.notebook.panel.inputs import (
    WIDEST,
    Buttons,
    Touch,
    TrialChooser,
    TrialSelection,
    page_fit,
    row,
)
from nas_nb.notebook.panel.settings_form import SettingsForm
from nas_nb.notebook.panel.settings_view import SettingsView
from nas_nb.notebook.panel.steer_tab import SteerTab
from nas_nb.notebook.panel.tabs import InsightsTab, PanelContext, RunTab, Tab
from nas_nb.notebook.panel.trials_tab import TrialsTab
from nas_nb.notebook.plots.diagram import Drawings
from nas_nb.notebook.plots.drawing import PlotContext
from nas_nb.notebook.plots.figures import overview
from nas_nb.notebook.report import saved_record
from nas_nb.notebook.wording import Snapshot
from nas_nb.space.domain import size_text
from nas_nb.workers.control import SearchState

if TYPE_CHECKING:
    from nas_nb.search.search import Search

TABS: tuple[type[Tab], ...] = (RunTab, TrialsTab, InsightsTab, SteerTab)
"""The panel's places, from left to right."""


class Panel:
    """One tree of widgets for one search; every cell that shows the panel shows the same tree."""

    def __init__(self, search: Search, on_input: Callable[[], None]) -> None:
        self._search = search
        self._on_input = on_input
        self._records: list[DisplayHandle] = []
        self._panels: list[DisplayHandle] = []
        self._placed = True
        self.inputs = 0
        self.controls = SettingsForm(search, self._noticed)
        self.buttons = Buttons(search, self._noticed)
        self.selection = TrialSelection(self._noticed)
        self.chooser = TrialChooser(search, self.selection)
        self._pictures: dict[str, Any] = {}
        self._page: dict[str, Any] = {"width": WIDEST, "sharpness": 1.0, "dark": False}
        self._record = overview()
        self._asked: list[Callable[[], None]] = []
        shown = (Drawings(search, self._page), self._pictures, self._page)
        context = PanelContext(search, self.selection, *shown, self._noticed)
        self.tabs: dict[str, Tab] = {tab.title: tab(context) for tab in TABS}
        self.run, self._trials = RunTab.of(self.tabs), TrialsTab.of(self.tabs)
        self._configure = SettingsView(self.controls)
        self.settings = widgets.ToggleButton(description="Settings", layout={"width": "100px"})
        self.settings.value = search.state is SearchState.NEW
        self.settings.observe(lambda _: self._noticed(), "value")
        self.touch = self._make_touch()
        self._views: dict[str, Any] = {name: widgets.HTML() for name in _VIEWS}
        self._clock = widgets.HTML()
        self.book = widgets.Tab([tab.widget for tab in self.tabs.values()], titles=list(self.tabs))
        self.book.selected_index = 0
        self.book.observe(lambda _: self._noticed(), "selected_index")
        self.widget = self._arrange_widgets()

    def _make_touch(self) -> Touch:
        actions: dict[str, Callable[..., None]] = {
            "select": self.chooser.select,
            "sort": self._trials.board.sort_by,
            "zoom": self._zoom,
            "here": self._place,
            "width": self._fit,
            "dark": self._theme,
        }
        return Touch(actions)

    def _arrange_widgets(self) -> Any:
        buttons = (self.buttons.widget, self.settings, self.buttons.refusal)
        head = row(*buttons, self._views["status"])
        parts = (self._clock, self._configure.widget, self.chooser.widget, self.book, self.touch)
        panel = widgets.VBox([self._views["title"], head, *parts])
        names = {"panel": panel, "buttons": self.buttons.widget, "clock": self._clock}
        for name, widget in {**names, "touch": self.touch}.items():
            widget.add_class(f"nas-{name}")
        return panel

    @property
    def closed(self) -> bool:
        """Whether somebody has closed the widgets, so that no page can show them again."""
        return self.widget.comm is None

    @property
    def tab(self) -> Tab:
        """The tab in view."""
        return list(self.tabs.values())[self.book.selected_index or 0]

    def show(self, now: Snapshot) -> None:
        """Shows the panel in the running cell, and below it the record, which a page hides."""
        self._panels.append(display(panel_bundle(self.widget), raw=True, display_id=True))
        self._records.append(display(self._saved(now), raw=True, display_id=True))

    def paint(self) -> Snapshot:
        """Brings everything that is in view up to date; returns the moment that it tells of."""
        while self._asked:  # pictures are the painter's
            self._asked.pop(0)()
        now = Snapshot(self._search)
        with ExitStack() as held:  # one message beside the other, so that they tell of one moment
            for view in _texts_in(self.widget):
                held.enter_context(view.hold_sync())
            self._paint(now)
        return now

    def _paint(self, now: Snapshot) -> None:
        texts = {name: text(now) for name, text in _VIEWS.items()}
        self._show_parts(now)
        if self.settings.value:
            self._configure.paint(now)
        self.tab.paint(now)
        self.chooser.paint(now)
        self.controls.enable(live=now.state.live, started=bool(now.history.opened))
        self.buttons.enable(now.state, legal=self.controls.legal)
        if self.controls.reason and not now.state.live:
            texts["status"] = _not_ready(self.controls.reason)
        for name, text in texts.items():
            self._views[name].value = text
        self._clock.value = _progress(now)
        self.touch.tell(now)

    def paint_clock(self, now: Snapshot) -> None:
        """Brings the time that passed and is left up to date; all else is as it was."""
        later = copy(now)
        later.elapsed_s = self._search.elapsed_s
        self._clock.value = _progress(later)
        if self.tab is self.run:
            self.run.paint_diagram(now)
        self.touch.tell(now)

    def on_start(self) -> None:
        """Folds the settings, which are locked now."""
        self.settings.value = False

    def complain(self, error: Exception) -> None:
        """Says why the panel no longer follows the search."""
        text = f"The panel can't be drawn any more ({type(error).__name__}: {error})."
        self._views["status"].value = f'<p role="alert">{html.escape(text)}</p>'

    def refresh(self, now: Snapshot) -> None:
        """Brings the record that is saved below the panel up to date; nobody sees it now."""
        if self._records:
            record = self._saved(now)
            for handle in self._records:
                handle.update(record, raw=True)
        self._place(seen=self.touch.seen or now.state.live or now.state is SearchState.NEW)

    def _place(self, seen: bool) -> None:
        """Takes an ended search's panel out of the cell if no page has ever shown it."""
        if seen != self._placed:
            self._placed = seen
            for handle in self._panels:
                handle.update(panel_bundle(self.widget) if seen else no_bundle(), raw=True)

    def _saved(self, now: Snapshot) -> dict[str, Any]:
        if self.run.is_printable(now):
            return saved_bundle(saved_record(now, self.run.picture.printed()))
        context = PlotContext(now.history, now.space.domain, live=now.state.live)
        return saved_bundle(saved_record(now, self._record.printed(context)))

    def _show_parts(self, now: Snapshot) -> None:
        """Shows the settings while *Settings* is pressed, and the tabs once there are trials."""
        _show(self._configure.widget, shown=self.settings.value)
        some = bool(now.history.trials)
        _show(self.book, shown=some or not self.settings.value)
        _show(self.chooser.widget, shown=some)

    def _zoom(self, picture: str, box: Sequence[Sequence[float]] | None) -> None:
        if picture in self._pictures:
            self._asked.append(lambda: self._pictures[picture].zoom(box))
            self._noticed()

    def _fit(self, page: Sequence[float]) -> None:
        """Makes the pictures as wide as the page has room for, and as sharp as its screen."""
        asked = page_fit(page)
        if asked.items() - self._page.items():
            self._page |= asked
            self._asked += [partial(p.fit, **asked) for p in self._pictures.values()]
            self._noticed()

    def _theme(self, dark: bool) -> None:
        """Draws the pictures in the colours of the page's theme."""
        if dark != self._page["dark"]:
            self._page["dark"] = dark
            self._asked += [partial(p.theme, dark=dark) for p in self._pictures.values()]
            self._noticed()

    def _noticed(self) -> None:
        self.inputs += 1
        self._on_input()


def _show(widget: Any, *, shown: bool) -> None:
    widget.layout.display = "" if shown else "none"


@lru_cache(maxsize=1)
def _meter(limit_bytes: int | None) -> MemoryMeter:
    """Returns the meter of a limit, kept: to find out what the container gives takes a while."""
    return MemoryMeter(limit_bytes)


def _title(now: Snapshot) -> str:
    about = f"{size_text(now.space.size)}. Data {now.data.describe()}."
    return (
        f"{css_with_keys(PANEL_CSS)}"
        f'<p class="nas-about">Architecture search <strong>{html.escape(now.name)}</strong>: '
        f"{html.escape(about)}</p>"
    )


def _status(now: Snapshot) -> str:
    text = html.escape(wording.status_line(now))
    reason = html.escape(wording.choice_text(now))
    about = f'<p class="nas-about nas-choice">{reason}</p>' if reason else ""
    state = f'<span class="nas-dot nas-{now.state.value}"></span>'
    return f'<p role="status" aria-live="polite" class="nas-status">{state}{text}</p>{about}'


def _texts_in(widget: widgets.Widget) -> Iterator[widgets.HTML]:
    """The texts in view: a frame changes no others."""
    if isinstance(widget, widgets.HTML):
        yield widget
    elif isinstance(widget, widgets.Box) and widget.layout.display != "none":
        place = slice(None)
        if isinstance(widget, widgets.Tab):
            place = slice(widget.selected_index, (widget.selected_index or 0) + 1)
        for child in widget.children[place]:
            yield from _texts_in(child)


def _not_ready(reason: str) -> str:
    text = html.escape(f"Not ready to start: {reason}")
    return f'<p role="status" class="nas-status nas-alert">{text}</p>'


def _progress(now: Snapshot) -> str:
    memory = _meter(now.budget.max_memory_bytes).text() if now.state.live else ""
    parts = (wording.progress_text, wording.epoch_text, wording.time_line)
    text = html.escape(", ".join(text for text in (*(part(now) for part in parts), memory) if text))
    return (
        f'<p class="nas-progress"><progress max="100" value="{100 * now.progress.fraction:.0f}" '
        f'aria-label="Share of the budget that is spent"></progress> {text}</p>'
    )


_VIEWS: dict[str, Callable[[Snapshot], str]] = {"title": _title, "status": _status}


class MemoryMeter:
    """Reads the kernel's memory."""

    def __init__(self, limit_bytes: int | None) -> None:
        self._limit_bytes = MemoryWatch(limit_bytes).limit_bytes
        self._process = psutil.Process()

    def text(self) -> str:
        """Returns what is used and what may be: 'memory 0.9 of 1.8 GB'."""
        used = f"{self._process.memory_info().rss / 1e9:.1f}"
        limit = "" if self._limit_bytes is None else f" of {self._limit_bytes / 1e9:.1f}"
        return f"memory {used}{limit} GB"


PERIOD_S = 0.1
"""How often it looks for changes."""
FRAME_S = 0.3
"""Least seconds between two frames of a running search."""
FRAME_LONGEST_S = 0.9
"""Most: what happened shows within a second."""
SHARE = 0.015
"""Of a core, that frames may take."""
RECORD_S = 10.0
"""Seconds after which the saved record is written anew."""
CLOCK_S = 1.0
"""Seconds between two updates of the time."""


class Painter:
    """Draws a panel: in a thread while the search runs, else in the callback of the click."""

    # In Colab there is no thread. The lock lets one of them draw at a time.

    def __init__(self, search: Search) -> None:
        self._search = search
        self._painting = threading.RLock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._shown: Snapshot | None = None
        self._recorded: Snapshot | None = None
        self._inputs = 0
        self._due = self._clock_due = self._record_due = 0.0
        self.error: Exception | None = None
        self.panel = Panel(search, self.request_paint)

    def start(self) -> None:
        """Starts the thread that paints until the search's end, if none does."""
        with self._painting:
            if self._thread is None:
                name = f"nas_nb-painter-{id(self):x}"
                self._thread = threading.Thread(target=self._follow, name=name, daemon=True)
                self._thread.start()

    def request_paint(self) -> None:
        """Asks for a repaint soon: by the thread, or here and now if there is none."""
        if self._thread is None:
            self.paint_once()
        else:
            self._wake.set()

    def show(self) -> None:
        """Shows the panel in the running cell, up to date."""
        with self._painting:
            self.paint_once()
            if self._shown is not None:
                self.panel.show(self._shown)
        if self._search.state.live:
            self.start()

    def paint_once(self) -> None:
        """Paints what has changed since the last time; nothing, if nothing has."""
        self._paint(at_once=True)

    def paint_due(self) -> None:
        """Paints a change of state or a click at once, and trials and epochs when they are due."""
        self._paint(at_once=False)

    def settle(self, limit_s: float = 10.0) -> None:
        """Waits for the last paint after the search's end, so that it is in the saved notebook."""
        deadline = time.monotonic() + limit_s
        while self._thread is not None and not self._shows_pause() and time.monotonic() < deadline:
            self._wake.set()
            time.sleep(0.02)
        if self._thread is None and self.error is None:
            self.paint_once()
        if self.error is not None:
            error, self.error = self.error, None
            warnings.warn(f"The panel could not be drawn: {error!r}.", RuntimeWarning, stacklevel=3)

    def _shows_pause(self) -> bool:
        """Whether a paused search is painted as paused."""
        paused = self._search.state is SearchState.PAUSED
        return paused and self._shown is not None and self._shown.state is SearchState.PAUSED

    def _paint(self, *, at_once: bool) -> None:
        with self._painting:
            shown, history = self._shown, self._search.history
            asked = shown is None or self._inputs != self.panel.inputs
            state_changed = shown is None or shown.state is not self._search.state
            changed = shown is None or shown.history.version != history.version
            if asked or state_changed or (changed and (at_once or time.monotonic() >= self._due)):
                self._frame(state_changed=state_changed)
            elif shown is not None and shown.state.live and time.monotonic() >= self._clock_due:
                self.panel.paint_clock(shown)
                self._clock_due = time.monotonic() + CLOCK_S
            self._keep_record()

    def _frame(self, *, state_changed: bool) -> None:
        before_s = time.thread_time()
        self._inputs = self.panel.inputs
        self._shown = self.panel.paint()
        if state_changed and self._shown.state is SearchState.RUNNING:
            self.panel.on_start()
        cost_s = time.thread_time() - before_s
        pause_s = min(max(FRAME_S, cost_s / SHARE), FRAME_LONGEST_S)
        self._due = time.monotonic() + pause_s
        self._clock_due = time.monotonic() + CLOCK_S

    def _keep_record(self) -> None:
        """Brings the record up to date: with a new state or incumbent, and every ten seconds."""
        # A new incumbent is recorded at once, unless the last record took long (`SHARE`).
        shown, kept = self._shown, self._recorded
        if shown is None or shown is kept:
            return
        if kept is not None and kept.state is shown.state:
            best = kept.history.incumbent_path[-1:] != shown.history.incumbent_path[-1:]
            due = best and time.monotonic() >= self._record_due
            # By the clock: an epoch may last minutes, with no frame that could bring it up to date.
            if not due and time.time() - kept.taken < RECORD_S:
                return
        self._recorded, before_s = shown, time.thread_time()
        self.panel.refresh(shown)
        self._record_due = time.monotonic() + (time.thread_time() - before_s) / SHARE

    def _follow(self) -> None:
        try:
            while True:
                due_s = self._due - time.monotonic()
                requested = self._wake.wait(due_s if 0 < due_s < PERIOD_S else PERIOD_S)
                self._wake.clear()
                if self._paint_and_end(requested=requested):
                    return
        except Exception as error:  # noqa: BLE001 - the search goes on; whoever waits is told
            self.error, self._thread = error, None
            self.panel.complain(error)

    def _paint_and_end(self, *, requested: bool) -> bool:
        """Paints; returns True, as the thread's last act, when the search had ended before."""
        with self._painting:
            ended = not self._search.state.live
            self._paint(at_once=ended or requested)
            if ended:
                self._thread = None
                self._paint(at_once=True)  # what was clicked while there was a thread to paint it
            return ended
