"""`nas.replay`: a finished search trial by trial, with a slider."""

from __future__ import annotations

import html
from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import ipywidgets as widgets
from IPython.display import DisplayHandle, display

from nas_nb.errors import JournalError, SearchError, printable
from nas_nb.notebook import output, tables, wording
from nas_nb.notebook.output import css_with_keys, live_bundle, record_bundle
from nas_nb.notebook.plots.drawing import PlotContext
from nas_nb.notebook.plots.figures import overview
from nas_nb.notebook.wording import steering_text
from nas_nb.record.events import Event, EventKind
from nas_nb.record.history import History
from nas_nb.record.journal import (
    JOURNAL_FILE,
    CompressedCopy,
    at_line,
    interpreting,
    parse_lines,
    whole_lines,
)
from nas_nb.record.trial_facts import number_text, score_text
from nas_nb.search.budget import describe_duration
from nas_nb.search.folder import named_folder
from nas_nb.space.domain import Domain

if TYPE_CHECKING:
    from nas_nb.record.trial import Trial


_ENDS = ("completed", "failed")


class Playback:
    """The events of a journal, and the history that any number of the first of them adds up to.

    A step forward costs what the events between cost; a step back folds the journal anew. The
    events are kept compressed, and read when a position needs them.

    Attributes:
        name: What the search is called.
        domain: The space.
        events: How many happened.
        stops: How many events had happened at the start, when each trial ended, and at the end.
        position: How many events `history` is the fold of.
        history: What had happened by then.
    """

    def __init__(self, lines: Iterable[tuple[int, bytes, Event]], path: Path) -> None:
        self._path = path
        self._lines = CompressedCopy()
        self._began = self._time = 0.0
        opening, opened_at, ends = None, 0, array("L")
        self.events = 0
        for number, line, event in lines:
            self._lines.add(line)
            self._began = event["time"] if number == 1 else self._began
            self.events = number
            if opening is None and event["event"] == EventKind.SEARCH_OPENED:
                opening, opened_at = event, number
            elif _ends(event):
                ends.append(number)
        if opening is None or not opening.get("space"):
            raise SearchError(
                f"Expected the journal of a search and its space. Received: {path} without one."
            )
        self.name = str(opening.get("search") or path.parent.name)
        with interpreting("a space", opened_at, path):
            self.domain = Domain.from_json(opening["space"])
        self.stops = (opened_at, *ends)
        self._rewind()
        self.to(len(self.stops) - 1)

    @classmethod
    def open(cls, directory: str | Path) -> Self:
        """Reads a search's folder, or its journal; also while the search runs."""
        path = named_folder(directory)
        path = path / JOURNAL_FILE if path.suffix != ".jsonl" else path
        if not path.exists():
            raise SearchError(
                f"There is no search to play back in {path.parent}: expected a {path.name} there."
            )
        return cls(whole_lines(path), path)

    def _rewind(self) -> None:
        self.history, self.position, self._time = History(), 0, self._began
        self._next = parse_lines(self._lines.lines(), self._path)
        self._steered: tuple[list[Event], list[Event]] = [], []

    def __len__(self) -> int:
        return len(self.stops) - 1

    def at(self, event: int) -> History:
        """Returns the history after so many events; it moves with this object."""
        if not 0 <= event <= self.events:
            raise SearchError(
                f"Expected a number of events from 0 to {self.events}. Received: {event}."
            )
        if event < self.position:
            self._rewind()
        for number, _, happened in islice(self._next, event - self.position):
            try:
                self.history.apply(happened)
            except JournalError as error:
                raise at_line(error, number, self._path) from error
            self._time = happened["time"]
            if _ends(happened):
                self._steered = self._steered[1], []
            elif happened["event"] == EventKind.STEERED:
                self._steered[1].append(happened)
        self.position = event
        return self.history

    def to(self, trials: int) -> History:
        """Returns the history at the moment when so many trials had ended; see `at`."""
        if not 0 <= trials <= len(self):
            raise SearchError(
                f"Expected a number of trials from 0 to {len(self)}. Received: {trials}."
            )
        return self.at(self.stops[trials])

    @property
    def latest(self) -> Trial | None:
        """The trial that ended last, at this position."""
        finished = self.history.finished
        return finished[-1] if finished else None

    @property
    def seconds(self) -> float:
        """Seconds from the first event to this position, as clocks on walls count them."""
        return self._time - self._began

    @property
    def steered(self) -> list[Event]:
        """What was steered since the trial before the latest ended."""
        return [*self._steered[0], *self._steered[1]]


def _ends(event: Event) -> bool:
    return event["event"] == EventKind.TRIAL_ENDED and event.get("status") in _ENDS


_LINES = 40


class Replay(Playback):
    """A search as it was after each of its trials: `replay.to(10)`, `replay.at(event)`.

    In a notebook a slider and a Play button go through the trials, and the picture stays in the
    saved notebook as it was last shown; in a terminal each new incumbent is a line.
    """

    def _ipython_display_(self) -> None:
        if not output.in_notebook():
            output.say(repr(self))
            return
        ReplayView(self).show()

    def status(self) -> str:
        """Returns in a sentence what had happened by this position."""
        ended, best = len(self.history.finished), self.history.incumbent
        text = f"{self.name}, {ended} of {len(self)} trials, {describe_duration(self.seconds)} in."
        if best is not None:
            score = score_text(self.history, best)
            text += f" Best {self.history.objective} {score} in trial {best.number}."
        return text

    def deeds(self) -> str:
        """Returns what its user did since the trial before, or ''."""
        return "; ".join(steering_text(event) for event in self.steered)

    def __repr__(self) -> str:
        lines = list(_incumbents(self))
        more = [f"({len(lines) - _LINES} earlier incumbents)"] if len(lines) > _LINES else []
        return printable("\n".join([self.status(), *more, *lines[-_LINES:]]))


def _incumbents(replay: Replay) -> Iterator[str]:
    history: History = replay.history
    for number, score in history.incumbent_path:
        values = wording.values_text(history[number].values)
        yield f"  trial {number:>4}  {number_text(score)}  {values}"


def replay(directory: str | Path) -> Replay:
    """Plays a search back: the history as it was after each trial, with the plots of then.

    Args:
        directory: The project folder of a search, finished or not, or its journal.

    Returns:
        What a cell shows with a slider and a Play button. `.to(trials)` and `.at(event)` return
        the `History` of that moment.

    Raises:
        SearchError: There is no search in the folder.
    """
    return Replay.open(directory)


_INTERVAL_MS = 500
_HINT = "The slider of this replay needs its kernel: run the cell again."


class ReplayView:
    """A strip of controls, and a record, each an output of its own."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._picture = overview()
        self._strip: DisplayHandle | None = None
        self._shown: DisplayHandle | None = None
        most, at = len(replay), len(replay.history.finished)
        # Its own buttons have no name that a screen reader could say; it runs the clock, unseen.
        self._clock = widgets.Play(
            min=0, max=most, value=at, interval=_INTERVAL_MS, layout={"display": "none"}
        )
        self.play = widgets.Button(description="Play", tooltip="Play the search back")
        self.slider = widgets.IntSlider(
            min=0,
            max=most,
            value=at,
            description="Trials ended",
            continuous_update=False,
            style={"description_width": "initial"},
            layout={"width": "520px"},
        )
        self.close = widgets.Button(description="Close", tooltip="Leave the record alone")
        self._link = widgets.jslink((self._clock, "value"), (self.slider, "value"))
        self._keys = widgets.HTML(css_with_keys(""))
        self.widget = widgets.HBox([self._keys, self.play, self._clock, self.slider, self.close])
        self.widget.add_class("nas-replay")
        self.play.on_click(lambda _: self._play_or_stop())
        self._clock.observe(lambda _: self._name_button(), "playing")
        self.slider.observe(lambda change: self._go(change["new"]), "value")
        self.close.on_click(lambda _: self.end())

    def show(self) -> None:
        """Shows controls and record in the running cell."""
        strip = live_bundle(self.widget, {"text/plain": _HINT})
        self._strip = display(strip, raw=True, display_id=True)
        self._shown = display(self.record(), raw=True, display_id=True)

    def record(self) -> dict[str, Any]:
        """Returns the moment as HTML, picture and text."""
        replay = self._replay
        picture = self._picture.printed(PlotContext(replay.history, replay.domain))
        table = tables.incumbent_table(replay.history)
        page = record_html(replay, picture.html(), table)
        return record_bundle(page, picture.png, replay.status())

    def end(self) -> None:
        """Takes the controls away: what stays needs no kernel."""
        if self._strip is not None:
            self._strip.update({"text/plain": ""}, raw=True)
        # The page still reports the clock's last tick: without a comm it would log an error.
        # So the clock, and the slider that it moves, stay until the kernel ends.
        self._clock.playing = False
        for one in (self.widget, self._keys, self.play, self.close):
            one.close()

    def _play_or_stop(self) -> None:
        if not self._clock.playing and self.slider.value == self.slider.max:
            self._clock.value = self.slider.value = 0
        self._clock.playing = not self._clock.playing

    def _name_button(self) -> None:
        self.play.description = "Stop" if self._clock.playing else "Play"

    def _go(self, trials: int) -> None:
        self._replay.to(trials)
        if self._shown is not None:
            self._shown.update(self.record(), raw=True)


def record_html(replay: Replay, image: str, table: str) -> str:
    """Returns the moment as plain HTML."""
    deeds = replay.deeds()
    parts: list[Any] = [
        f"<p><strong>{html.escape(replay.status())}</strong></p>",
        f"<p>{html.escape(deeds[:1].upper() + deeds[1:])}.</p>" if deeds else "",
        f"<p>{image}</p>",
        table,
    ]
    return "\n".join(part for part in parts if part)
