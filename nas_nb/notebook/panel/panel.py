"""`Panel`: the tree of widgets.

It only puts parts together. A part is an input, which the browser writes, or a view, a piece of
HTML which the painter alone writes. Of the tabs only the one in view is painted.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from copy import copy
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import ipywidgets as widgets
import psutil
from IPython.display import DisplayHandle, display

from nas_nb.evaluate.backend import MemoryWatch
from nas_nb.notebook import wording
from nas_nb.notebook.output import (
    PANEL_CSS,
    css_with_keys,
    panel_bundle,
    saved_bundle,
)
from nas_nb.notebook.panel.configure_tab import ConfigureTab
from nas_nb.notebook.panel.drawings import Drawings
from nas_nb.notebook.panel.inputs import Buttons, TrialChooser, TrialSelection
from nas_nb.notebook.panel.leaderboard_tab import LeaderboardTab
from nas_nb.notebook.panel.settings_form import SettingsForm
from nas_nb.notebook.panel.steer_tab import SteerTab
from nas_nb.notebook.panel.tabs import PLOT_TABS, PanelContext, Tab, WatchTab
from nas_nb.notebook.panel.trial_tabs import CompareTab, TrialTab
from nas_nb.notebook.report import saved_record
from nas_nb.notebook.snapshot import Snapshot
from nas_nb.workers.control import SearchState

if TYPE_CHECKING:
    from nas_nb.search.search import Search

TABS: tuple[Callable[[PanelContext], Tab], ...] = (
    ConfigureTab,
    WatchTab,
    LeaderboardTab,
    TrialTab,
    CompareTab,
    *PLOT_TABS,
    SteerTab,
)
"""The panel's tabs, from left to right."""


class Panel:
    """One tree of widgets for one search; every cell that shows the panel shows the same tree.

    Args:
        search: The search to show and steer.
        on_input: Called after a click or a change, so that the painter follows.

    Attributes:
        widget: The whole panel.
        controls: Its settings.
        buttons: Its buttons.
        selection: The trial that is looked at.
        tabs: Its tabs, by title.
        inputs: How many clicks and changes there were: it tells the painter about new ones.
    """

    def __init__(self, search: Search, on_input: Callable[[], None]) -> None:
        self._search = search
        self._on_input = on_input
        self._records: list[DisplayHandle] = []
        self.inputs = 0
        self.controls = SettingsForm(search, self._noticed)
        self.buttons = Buttons(search, self._noticed)
        self.selection = TrialSelection(self._noticed)
        chooser = TrialChooser(search, self.selection)
        drawings = Drawings(search)
        context = PanelContext(
            search, self.selection, chooser, self.controls, drawings, self._noticed
        )
        self.tabs: dict[str, Tab] = {tab.title: tab for tab in (make(context) for make in TABS)}
        self.watch = cast("WatchTab", self.tabs["Watch"])
        self._views: dict[str, Any] = {name: widgets.HTML() for name in _VIEWS}
        self._clock = widgets.HTML()
        titles = list(self.tabs)
        self.book = widgets.Tab([tab.widget for tab in self.tabs.values()], titles=titles)
        new = search.state is SearchState.NEW
        self.book.selected_index = titles.index("Configure" if new else "Watch")
        self.book.observe(lambda _: self._noticed(), "selected_index")
        self.widget = widgets.VBox(
            [
                self._views["title"],
                self.buttons.widget,
                self._views["status"],
                self._clock,
                self.book,
            ]
        )
        self.widget.add_class("nas-panel")

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
        display(panel_bundle(self.widget), raw=True)
        self._records.append(display(self._saved(now), raw=True, display_id=True))

    def paint(self) -> Snapshot:
        """Brings everything that is in view up to date; returns the moment that it tells of."""
        now = Snapshot(self._search)
        texts = {name: text(now) for name, text in _VIEWS.items()}
        self.tab.paint(now)
        self.controls.enable(live=now.state.live, started=bool(now.history.opened))
        self.buttons.enable(now.state, legal=self.controls.legal)
        for name, text in texts.items():
            self._views[name].value = text
        self._clock.value = _progress(now)
        return now

    def paint_clock(self, now: Snapshot) -> None:
        """Brings the time that passed and is left up to date; all else is as it was."""
        later = copy(now)
        later.elapsed_s = self._search.elapsed_s
        self._clock.value = _progress(later)

    def on_start(self) -> None:
        """Turns from the settings, which are locked now, to what happens."""
        if self.tab.title == "Configure":
            self.book.selected_index = list(self.tabs).index("Watch")

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

    def _saved(self, now: Snapshot) -> dict[str, Any]:
        self.watch.draw(now)
        return saved_bundle(saved_record(now, self.watch.picture))

    def _noticed(self) -> None:
        self.inputs += 1
        self._on_input()


@lru_cache(maxsize=1)
def _meter(limit_bytes: int | None) -> MemoryMeter:
    """Returns the meter of a limit, kept: to find out what the container gives takes a while."""
    return MemoryMeter(limit_bytes)


def _title(now: Snapshot) -> str:
    about = f"{wording.size_text(now.space.size)}. Data {now.data.describe()}."
    return (
        f"{css_with_keys(PANEL_CSS)}"
        f'<p class="nas-title">Architecture search <strong>{html.escape(now.name)}</strong></p>'
        f'<p class="nas-about">{html.escape(about)}</p>'
    )


def _status(now: Snapshot) -> str:
    text = html.escape(wording.status_line(now))
    choice = html.escape(wording.choice_text(now))
    about = f'<p class="nas-about nas-choice">{choice}</p>' if choice else ""
    return f'<p role="status" aria-live="polite" class="nas-status">{text}</p>{about}'


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
    """Reads the kernel's memory.

    Args:
        limit_bytes: Resident bytes at which a search pauses; None for 90 % of the container's.
    """

    def __init__(self, limit_bytes: int | None) -> None:
        self._limit_bytes = MemoryWatch(limit_bytes).limit_bytes
        self._process = psutil.Process()

    def text(self) -> str:
        """Returns what is used and what may be: 'memory 0.9 of 1.8 GB'."""
        used = f"{self._process.memory_info().rss / 1e9:.1f}"
        limit = "" if self._limit_bytes is None else f" of {self._limit_bytes / 1e9:.1f}"
        return f"memory {used}{limit} GB"
