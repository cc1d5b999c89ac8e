"""`Painter`: writes what a panel shows, and what is saved beside it."""

from __future__ import annotations

import threading
import time
import warnings
from typing import TYPE_CHECKING

from nas_nb.notebook.panel.panel import Panel
from nas_nb.workers.control import SearchState

if TYPE_CHECKING:
    from nas_nb.notebook.snapshot import Snapshot
    from nas_nb.search.search import Search

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
