"""The painter: the one that writes what a panel shows, at most twice a second.

While a model trains it keeps to a share of the kernel's work, by what a repaint costs.
"""

from __future__ import annotations

import threading
import time
import warnings
from typing import TYPE_CHECKING

from nas_nb.notebook.output import Throttle
from nas_nb.notebook.panel.panel import Panel
from nas_nb.workers.control import SearchState

if TYPE_CHECKING:
    from nas_nb.search.search import Search

# More often costs a quarter of the training on two cores, and nobody sees the difference.
PERIOD_S = 0.5
# While nobody touches the panel. The first and the last picture come on top of it: what is left of
# the two per cent that all may take is for them, and a short search has few seconds to share.
CLOCK_SHARE, WORDS_SHARE, PICTURES_SHARE = 0.001, 0.002, 0.006
CLOCK_LONGEST_S, WORDS_LONGEST_S, PICTURES_LONGEST_S = 5.0, 15.0, 30.0
# The record that a notebook saved now would keep; JupyterLab saves every two minutes.
STAND_IN_SHARE, STAND_IN_LONGEST_S = 0.002, 60.0
CLOCK_S = 1.0


class Painter:
    """Brings a panel up to date with its search: by a thread of its own while the search lives.

    While nothing runs no thread waits; then a click or a change paints at once, in its own
    callback. A lock keeps the two apart, so that output widgets and figure have one writer.

    Args:
        search: The search to follow.

    Attributes:
        panel: What it paints.
        error: What ended the thread before its time, until someone was told.
    """

    def __init__(self, search: Search) -> None:
        self._search = search
        self._painting = threading.RLock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._seen: tuple[int, SearchState, int] | None = None
        # How far the history was that words and the stand-in tell of; pictures: `_seen`.
        self._told = self._stood_in = -1
        self._clock = Throttle(CLOCK_SHARE, CLOCK_LONGEST_S)
        self._words = Throttle(WORDS_SHARE, WORDS_LONGEST_S)
        self._pictures = Throttle(PICTURES_SHARE, PICTURES_LONGEST_S)
        self._stand_in = Throttle(STAND_IN_SHARE, STAND_IN_LONGEST_S)
        self._clock_painted = 0.0
        self.error: Exception | None = None
        self.panel = Panel(search, self.poke)

    def start(self) -> None:
        """Starts the thread that paints until the search's end, if none does."""
        with self._painting:
            if self._thread is None:
                name = f"nas_nb-painter-{id(self):x}"
                self._thread = threading.Thread(target=self._follow, name=name, daemon=True)
                self._thread.start()

    def poke(self) -> None:
        """Asks for a repaint soon: by the thread, or here and now if there is none."""
        if self._thread is None:
            self.paint_once()
        else:
            self._wake.set()

    def show(self, *, follows: bool) -> None:
        """Shows the panel in the running cell, up to date.

        Args:
            follows: Whether the search was live when the panel was asked for: then the cell holds
                the record after its end, even if that came while the panel was made.
        """
        with self._painting:
            self.paint_once()
            self._stand_in.run(self.panel.show)
            if follows and not self._search.state.live:
                self.panel.keep()
        if self._search.state.live:
            self.start()

    def paint_once(self) -> None:
        """Paints what has changed since the last time; nothing, if nothing has."""
        with self._painting:
            state = self._search.state
            now = (self._search.history.version, state, self.panel.inputs)
            before = self._seen
            if now != before:
                self._pictures.run(self.panel.paint)
                self._told, self._clock_painted = now[0], time.monotonic()
            else:
                self._paint_clock()
            self._seen = now  # before what follows turns a tab, which asks for a repaint
            if before is None or before[1] is not state:
                self._on_state(state)

    def paint_due(self) -> None:
        """Paints what has changed, as far as that takes next to nothing from the training.

        A change of state or a click is answered at once. Trials and epochs are drawn, put into the
        record that would be saved, and told in words, when each of these is due.
        """
        with self._painting:
            now = (self._search.history.version, self._search.state, self.panel.inputs)
            asked = self._seen is None or now[1:] != self._seen[1:]
            if asked or (now != self._seen and self._pictures.due()):
                self.paint_once()
            elif now[0] != self._stood_in and self._stand_in.due():
                self._refresh_stand_in()
            elif now[0] != self._told and self._words.due():
                self._words.run(self.panel.paint_words)
                self._told, self._clock_painted = now[0], time.monotonic()
            else:
                self._paint_clock()

    def settle(self, limit_s: float = 10.0) -> None:
        """Waits for the last paint after the search's end, so that it is in the saved notebook.

        Args:
            limit_s: Seconds after which to return anyway.
        """
        deadline = time.monotonic() + limit_s
        while self._thread is not None and not self._resting() and time.monotonic() < deadline:
            self._wake.set()
            time.sleep(0.02)
        if self._thread is None and self.error is None:
            self.paint_once()
        if self.error is not None:
            error, self.error = self.error, None
            warnings.warn(f"The panel could not be drawn: {error!r}.", RuntimeWarning, stacklevel=3)

    def _resting(self) -> bool:
        """Whether a paused search is painted as paused."""
        paused = self._search.state is SearchState.PAUSED
        return paused and self._seen is not None and self._seen[1] is SearchState.PAUSED

    def _paint_clock(self) -> None:
        passed_s = time.monotonic() - self._clock_painted
        running = self._search.state is SearchState.RUNNING
        if running and passed_s >= CLOCK_S and self._clock.due():
            self._clock.run(self.panel.paint_clock)
            self._clock_painted = time.monotonic()

    def _on_state(self, state: SearchState) -> None:
        if state is SearchState.RUNNING:
            self.panel.turn_to_watch()
            self._refresh_stand_in()
        elif state is SearchState.PAUSED:
            self.panel.refresh()
        elif not state.live and state is not SearchState.NEW:
            self.panel.keep()

    def _refresh_stand_in(self) -> None:
        self._stood_in = self._search.history.version
        self._stand_in.run(self.panel.refresh_stand_in)

    def _follow(self) -> None:
        try:
            poked = True
            while True:
                started = time.monotonic()
                if self._paint_and_end(poked=poked):
                    return
                poked = self._wake.wait(PERIOD_S)
                self._wake.clear()
                time.sleep(max(0.0, started + PERIOD_S - time.monotonic()))
        except Exception as error:  # noqa: BLE001 - the search goes on; whoever waits is told
            self.error, self._thread = error, None
            self.panel.complain(error)

    def _paint_and_end(self, *, poked: bool) -> bool:
        """Paints; returns True, and lets the thread go, when the search had ended before it."""
        with self._painting:
            ended = not self._search.state.live
            if ended or poked:
                self.paint_once()
            else:
                self.paint_due()
            if ended:
                self._thread = None
            return ended
