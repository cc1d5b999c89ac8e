"""The panel of a search: controls, buttons, and what happens, in the cell.

It only puts parts together. A part is an input (`Controls`, `Buttons`), which the browser writes,
or a view, a piece of HTML which the painter alone writes.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
from IPython.display import DisplayHandle, display

from nas_nb.notebook import tables, wording
from nas_nb.notebook.bundle import live_bundle, record_bundle
from nas_nb.notebook.buttons import Buttons
from nas_nb.notebook.controls import Controls
from nas_nb.notebook.look import STYLE
from nas_nb.notebook.picture import LivePicture
from nas_nb.notebook.report import html_record, text_record

if TYPE_CHECKING:
    from nas_nb.search.search import Search

BEST_SHOWN = 5


class Panel:
    """One tree of widgets for one search; every cell that shows the panel shows the same tree.

    Args:
        search: The search to show and steer.
        on_input: Called after a click or a change, so that the painter follows.

    Attributes:
        widget: The whole panel.
        controls: Its settings.
        buttons: Its buttons.
    """

    def __init__(self, search: Search, on_input: Callable[[], None]) -> None:
        self._search = search
        self._picture = LivePicture()
        self._handles: list[DisplayHandle] = []
        self.controls = Controls(search, on_input)
        self.buttons = Buttons(search, on_input)
        self._views: dict[str, Any] = {name: widgets.HTML() for name in _VIEWS}
        self._clock, self._image = widgets.HTML(), widgets.HTML()
        self.widget = self._arranged()

    @property
    def closed(self) -> bool:
        """Whether somebody has closed the widgets, so that no page can show them again."""
        return self.widget.comm is None

    def show(self) -> None:
        """Shows the panel in the running cell."""
        bundle = live_bundle(self.widget, self._record())
        self._handles.append(display(bundle, raw=True, display_id=True))

    def paint(self) -> None:
        """Brings everything up to date with the search."""
        search = self._search
        texts = {name: text(search) for name, text in _VIEWS.items()}
        # The slow part, after the texts were made and before any is shown: all tell of one moment.
        self._picture.draw(search.history)
        self.controls.enable(live=search.state.live, started=bool(search.history.opened))
        self.buttons.enable(search.state, legal=self.controls.legal)
        for name, text in texts.items():
            self._views[name].value = text
        self._image.value = self._picture.html()
        self.paint_clock()

    def paint_clock(self) -> None:
        """Brings the time that passed and is left up to date, and nothing else."""
        self._clock.value = _progress(self._search)

    def complain(self, error: Exception) -> None:
        """Says why the panel no longer follows the search."""
        text = f"The panel can't be drawn any more ({type(error).__name__}: {error})."
        self._views["status"].value = f'<p role="alert">{html.escape(text)}</p>'

    def keep(self) -> None:
        """Replaces the panel, wherever it is shown, by the record, which needs no kernel."""
        handles, self._handles = self._handles, []
        for handle in handles:
            handle.update(self._record(), raw=True)

    def refresh(self) -> None:
        """Brings the record that is saved beside the panel up to date; the panel stays."""
        for handle in self._handles:
            handle.update(live_bundle(self.widget, self._record()), raw=True)

    def _record(self) -> dict[str, Any]:
        html_text = html_record(self._search, self._picture)
        return record_bundle(html_text, self._picture.png, text_record(self._search))

    def _arranged(self) -> Any:
        views = self._views
        views["incumbent"].add_class("nas-incumbent")
        inputs = [self.controls.widget, self.buttons.widget]
        outputs = [views["status"], self._clock, self._image]
        outputs += [views["incumbent"], views["leaderboard"]]
        panel = widgets.VBox([views["title"], *inputs, *outputs])
        panel.add_class("nas-panel")
        return panel


def _title(search: Search) -> str:
    about = f"{wording.size_text(search.space.size)}. Data {search.data.describe()}."
    return (
        f"<style>{STYLE}</style>"
        f'<p class="nas-title">Architecture search <strong>{html.escape(search.name)}</strong></p>'
        f'<p class="nas-about">{html.escape(about)}</p>'
    )


def _status(search: Search) -> str:
    text = html.escape(wording.status_line(search))
    return f'<p role="status" aria-live="polite" class="nas-status">{text}</p>'


def _progress(search: Search) -> str:
    progress = search.progress
    texts = (wording.progress_text(search), wording.epoch_text(search), wording.time_line(search))
    text = html.escape(", ".join(text for text in texts if text))
    return (
        f'<p class="nas-progress"><progress max="100" value="{100 * progress.fraction:.0f}" '
        f'aria-label="Share of the budget that is spent"></progress> {text}</p>'
    )


_VIEWS: dict[str, Callable[[Search], str]] = {
    "title": _title,
    "status": _status,
    "incumbent": lambda search: tables.incumbent_table(search.history),
    "leaderboard": lambda search: tables.leaderboard(search.history, BEST_SHOWN),
}
