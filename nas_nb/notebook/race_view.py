"""What a cell shows of a race: a status line, a picture of both axes, and a table."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
from IPython.display import DisplayHandle, display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nas_nb.notebook import figures, tables, wording
from nas_nb.notebook.bundle import live_bundle, record_bundle
from nas_nb.notebook.look import STYLE
from nas_nb.notebook.picture import image
from nas_nb.notebook.race_plot import RaceInfo, describe_race, draw_race, race_info

if TYPE_CHECKING:
    from nas_nb.search.race import Race

_SIZE = (9.6, 3.6)
_MARGINS = {"left": 0.07, "right": 0.985, "bottom": 0.15, "top": 0.8, "wspace": 0.2}
_HEADER = ("strategy", "mean", "standard error", "best", "seeds", "trials", "seconds")


class RaceView:
    """One figure and one tree of widgets for one race; one thread at a time may draw.

    Attributes:
        status: How far it is.
    """

    def __init__(self) -> None:
        self._figure = Figure(figsize=_SIZE, dpi=100, facecolor="white")
        FigureCanvasAgg(self._figure)
        self._axes = self._figure.subplots(1, 2)
        self._figure.subplots_adjust(**_MARGINS)
        self._png, self._alt = b"", ""
        self._handle: DisplayHandle | None = None
        self.status, self._image, self._table = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._widget = widgets.VBox([self.status, self._image, self._table])
        self._widget.add_class("nas-panel")

    def draw(self, race: Race) -> None:
        """Draws the picture of what happened so far."""
        info: RaceInfo = race_info(race)
        draw_race(info, self._axes[0], "trials")
        draw_race(info, self._axes[1], "time")
        self._axes[1].set_visible(bool(info.time))
        self._png, self._alt = figures.png(self._figure), describe_race(info)

    def show(self, race: Race) -> None:
        """Shows the race in the running cell."""
        self.paint(race)
        bundle = live_bundle(self._widget, self.record(race))
        self._handle = display(bundle, raw=True, display_id=True)

    def paint(self, race: Race) -> None:
        """Brings what is shown up to date."""
        self.draw(race)
        line = html.escape(status_line(race))
        self.status.value = (
            f'<style>{STYLE}</style><p role="status" aria-live="polite" class="nas-status">'
            f"{line}</p>"
        )
        self._image.value = image(self._png, self._alt, *_SIZE)
        self._table.value = summary_table(race)

    def keep(self, race: Race) -> None:
        """Replaces what is shown by the record, which needs no kernel, and lets the widgets go."""
        self.draw(race)
        if self._handle is not None:
            self._handle.update(self.record(race), raw=True)
        for one in (self.status, self._image, self._table, self._widget):
            one.close()

    def record(self, race: Race) -> dict[str, Any]:
        """Returns the record as HTML, picture and text."""
        parts = [
            f"<p><strong>{html.escape(status_line(race))}</strong></p>",
            f"<p>{image(self._png, self._alt, *_SIZE)}</p>",
            summary_table(race),
            f"<p>Journals: {html.escape(race.directory.name)}</p>",
        ]
        return record_bundle("\n".join(parts), self._png, repr(race))


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
    leader = race.winner
    if leader is None:
        return f"{text}."
    found: dict[Any, Any] = race.summary().to_dict("index")[leader]
    error = found["standard_error"]
    spread = "" if math.isnan(error) else f" ± {error:.2g}"
    mean = wording.number_text(found["mean"])
    return f"{text}. Best mean {race.objective}: {leader}, {mean}{spread}."


def summary_table(race: Race) -> str:
    """Returns the strategies, the best first, as an HTML table."""
    rows = []
    for label, row in race.summary().iterrows():
        numbers = [row["mean"], row["standard_error"], row["best"]]
        texts = ["" if math.isnan(number) else wording.number_text(number) for number in numbers]
        counts = [f"{row['seeds']:.0f}", f"{row['trials']:.1f}", f"{row['time_s']:.1f}"]
        rows.append((label, *texts, *counts))
    return tables.table(f"Incumbents' {race.objective}, over seeds", _HEADER, rows)
