"""What happens: scores, learning curves, the incumbent, and a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets as widgets

from nas_nb.notebook import tables
from nas_nb.notebook.log import log_html
from nas_nb.notebook.picture import Picture, overview
from nas_nb.notebook.tabs.tab import Tab

if TYPE_CHECKING:
    from nas_nb.notebook.tabs.tab import Desk

BEST_SHOWN = 5


class WatchTab(Tab):
    """The search as it goes.

    Args:
        desk: What it works with.

    Attributes:
        picture: Scores and learning curves, which the record shows too.
    """

    title = "Watch"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.picture = overview()
        self._funnel: Picture | None = None
        parts = (widgets.HTML() for _ in range(5))
        self._image, self._funnel_image, self._incumbent, self._best, self._log = parts
        self._incumbent.add_class("nas-side-by-side")
        self.widget = widgets.VBox(
            [self._image, self._funnel_image, self._incumbent, self._best, self._log]
        )

    def paint(self, *, pictures: bool = True) -> None:
        """Brings pictures, tables and log up to date."""
        history = self._desk.search.history
        incumbent = tables.incumbent_table(history)
        best = tables.leaderboard(history, BEST_SHOWN)
        log = log_html(history)
        # The slow part, after the texts were made and before any is shown: all tell of one moment.
        if pictures:
            self._paint_pictures()
        self._incumbent.value, self._best.value, self._log.value = incumbent, best, log

    def draw(self) -> bool:
        """Draws the picture; returns False if it looks as it did."""
        # The rings of the chosen trial belong to the other tabs: here it would follow the best.
        chosen = self._desk.selection.chosen
        return self.picture.draw(self._desk.scene()._replace(chosen=chosen))

    def _paint_pictures(self) -> None:
        if self.draw() or not self._image.value:
            self._image.value = self.picture.html()
        self._paint_funnel()

    def _paint_funnel(self) -> None:
        history = self._desk.search.history
        if len({t.epochs_granted for t in history.completed}) < 2:
            return
        if self._funnel is None:
            self._funnel = Picture("funnel", height=2.6, margins={"left": 0.12, "bottom": 0.16})
        if self._funnel.draw(self._desk.scene()):
            self._funnel_image.value = self._funnel.html()
