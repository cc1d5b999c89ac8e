"""The tabs that are one picture: Pareto, parallel coordinates, map and importance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import ipywidgets as widgets

from nas_nb.notebook.figures import cost_names
from nas_nb.notebook.picture import Picture
from nas_nb.notebook.tabs.tab import Tab

if TYPE_CHECKING:
    from nas_nb.notebook.tabs.tab import Desk
    from nas_nb.notebook.views.view import Scene


class PictureTab(Tab):
    """One view, with the chosen trial marked in it.

    Args:
        desk: What it works with.
    """

    view: ClassVar[str]
    about: ClassVar[str]
    height: ClassVar[float] = 4.2
    margins: ClassVar[dict[str, float]] = {}

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._picture: Picture | None = None
        self._image = widgets.HTML()
        about = widgets.HTML(f'<p class="nas-about">{self.about}</p>')
        self.widget = widgets.VBox([*self._inputs(), about, self._image])

    def paint(self) -> None:
        """Draws the view anew, if it would look different."""
        self._desk.chooser.paint()
        if self._picture is None:
            self._picture = Picture(self.view, height=self.height, margins=self.margins)
        if self._picture.draw(self._scene()):
            self._image.value = self._picture.html()

    def _inputs(self) -> list[Any]:
        return [self._desk.chooser.widget]

    def _scene(self) -> Scene:
        return self._desk.scene()


class ParetoTab(PictureTab):
    """Score against a cost that its user chooses."""

    title = "Pareto"
    view = "pareto"
    about = "The front: trials that no other beats in both score and cost."

    def _inputs(self) -> list[Any]:
        look = {"style": {"description_width": "initial"}, "layout": {"width": "170px"}}
        self.cost = widgets.Dropdown(options=["params", "flops"], description="Cost", **look)
        self.cost.observe(lambda _: self._desk.on_input(), "value")
        return [self._desk.chooser.widget, self.cost]

    def paint(self) -> None:
        """Offers the costs that trials record, and draws."""
        known = [*dict.fromkeys((*self.cost.options, *cost_names(self._desk.search.history)))]
        if known != list(self.cost.options):
            value = self.cost.value
            self.cost.options = known
            self.cost.value = value
        super().paint()

    def _scene(self) -> Scene:
        return self._desk.scene(self.cost.value)


class ParallelTab(PictureTab):
    """The choices of the best trials, as lines."""

    title = "Parallel"
    view = "parallel"
    about = (
        "Each line is a trial, each axis a choice. Where bright lines meet, good architectures "
        "agree."
    )
    height = 4.6
    margins: ClassVar = {"left": 0.04, "right": 0.985, "bottom": 0.2, "top": 0.85}


class MapTab(PictureTab):
    """Where in the space the trials are."""

    title = "Map"
    view = "map"
    about = (
        "Architectures that are alike stand close. A place belongs to an architecture for good: "
        "nothing moves when the search goes on."
    )
    height = 5.0
    margins: ClassVar = {"left": 0.02, "right": 0.985, "bottom": 0.09, "top": 0.88}


class ImportanceTab(PictureTab):
    """Which choices the score depends on."""

    title = "Importance"
    view = "importance"
    about = (
        "A random forest learns the scores from the choices. A choice matters as much as the "
        "forest errs on unseen trials when that choice is shuffled among them."
    )
    height = 4.4
    margins: ClassVar = {"left": 0.16, "right": 0.97, "bottom": 0.14, "top": 0.88}

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._learned = 0

    def paint(self) -> None:
        """Learns again when there are a tenth more trials than the last time, or at the end."""
        search = self._desk.search
        count = len(search.history.completed)
        due = count > 1.1 * self._learned or (count != self._learned and not search.state.live)
        if self._picture is None or due:
            self._learned = count
            super().paint()

    def _inputs(self) -> list[Any]:
        return []
