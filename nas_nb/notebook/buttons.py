"""Start, Pause or Resume, and Stop: buttons that only ask, and answer while a model trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from nas_nb.errors import NasError
from nas_nb.notebook.alert import alert
from nas_nb.search.state import SearchState

if TYPE_CHECKING:
    from nas_nb.search.search import Search


class Buttons:
    """The buttons of one search. A refusal is said beside them in one sentence.

    Callbacks may run beside the user's cell, in whatever thread the kernel chooses, so they do no
    more than set the search's flags.

    Args:
        search: The search to steer.
        on_click: Called after every click, so that the panel follows.

    Attributes:
        widget: All buttons.
    """

    def __init__(self, search: Search, on_click: Callable[[], None]) -> None:
        self._search = search
        self._on_click = on_click
        self.start = widgets.Button(description="Start", button_style="success")
        self.pause = widgets.Button(description="Pause", disabled=True)
        self.stop = widgets.Button(description="Stop", disabled=True)
        for button in (self.start, self.pause, self.stop):
            button.layout.width = "110px"
        self._refusal = widgets.HTML()
        self.widget = widgets.HBox([self.start, self.pause, self.stop, self._refusal])
        self.start.on_click(lambda _: self._ask(search.start))
        self.pause.on_click(lambda _: self._ask(self._pause_or_resume))
        self.stop.on_click(lambda _: self._ask(search.stop))

    def enable(self, state: SearchState, *, legal: bool) -> None:
        """Leaves on what may be asked of a search in this state.

        Args:
            state: The search's state.
            legal: Whether every control holds a value that fits.
        """
        self.start.disabled = state.live or not legal
        self.start.description = "Start" if state in (SearchState.NEW, *_LIVE) else "Go on"
        self.pause.disabled = not state.live
        self.pause.description = "Resume" if state is SearchState.PAUSED else "Pause"
        self.stop.disabled = not state.live

    def _pause_or_resume(self) -> None:
        # By what the button says: that is what its user has read.
        if self.pause.description == "Resume":
            self._search.resume()
        else:
            self._search.pause()

    def _ask(self, action: Callable[[], Any]) -> None:
        try:
            action()
            self._refusal.value = ""
        except NasError as error:
            self._refusal.value = alert(error)
        self._on_click()


_LIVE = (SearchState.RUNNING, SearchState.PAUSED)
