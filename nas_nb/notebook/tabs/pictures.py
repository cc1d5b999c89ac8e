"""The tabs that are one picture: Pareto, parallel coordinates, map and importance."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import ipywidgets as widgets

from nas_nb.notebook.figures import cost_names
from nas_nb.notebook.layout import named
from nas_nb.notebook.picture import Picture
from nas_nb.notebook.tabs.tab import Tab

if TYPE_CHECKING:
    from nas_nb.notebook.tabs.tab import Desk
    from nas_nb.notebook.views.view import Scene


class Plate(NamedTuple):
    """What tells one such tab from another.

    Attributes:
        title: The tab's title.
        view: The view's name.
        about: How to read the picture.
        height: Of the picture, in inches.
        margins: Where its Axes end, in shares of the picture, where not as usual.
    """

    title: str
    view: str
    about: str
    height: float = 4.2
    margins: Mapping[str, float] = MappingProxyType({})


PARETO = Plate("Pareto", "pareto", "The front: trials that no other beats in both score and cost.")
PARALLEL = Plate(
    "Parallel",
    "parallel",
    "Each line is a trial, each axis a choice. Where bright lines meet, good architectures agree.",
    4.6,
    {"left": 0.04, "right": 0.985, "bottom": 0.2, "top": 0.85},
)
MAP = Plate(
    "Map",
    "map",
    "Architectures that are alike stand close. A place belongs to an architecture for good: "
    "nothing moves when the search goes on.",
    5.0,
    {"left": 0.02, "right": 0.985, "bottom": 0.09, "top": 0.88},
)
IMPORTANCE = Plate(
    "Importance",
    "importance",
    "A random forest learns the scores from the choices. A choice matters as much as the "
    "forest errs on unseen trials when that choice is shuffled among them.",
    4.4,
    {"left": 0.16, "right": 0.97, "bottom": 0.14, "top": 0.88},
)


class PictureTab(Tab):
    """One view, with the chosen trial marked in it.

    Args:
        desk: What it works with.
        plate: Which view.
    """

    def __init__(self, desk: Desk, plate: Plate) -> None:
        self.title = plate.title
        self._desk = desk
        self._plate = plate
        self._picture: Picture | None = None
        self._image = widgets.HTML()
        about = widgets.HTML(f'<p class="nas-about">{plate.about}</p>')
        self.widget = widgets.VBox([*self._inputs(), about, self._image])

    def paint(self, *, pictures: bool = True) -> None:
        """Says which trial is looked at, and draws the view anew if it would look different."""
        self._desk.chooser.paint()
        if pictures:
            self._draw()

    def _draw(self) -> None:
        if self._picture is None:
            plate = self._plate
            self._picture = Picture(plate.view, height=plate.height, margins=plate.margins)
        if self._picture.draw(self._scene()):
            self._image.value = self._picture.html()

    def _inputs(self) -> list[Any]:
        return [self._desk.chooser.widget]

    def _scene(self) -> Scene:
        return self._desk.scene()


class ParetoTab(PictureTab):
    """Score against a cost that its user chooses.

    Args:
        desk: What it works with.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, PARETO)

    def paint(self, *, pictures: bool = True) -> None:
        """Offers the costs that trials record, and draws."""
        known = [*dict.fromkeys((*self.cost.options, *cost_names(self._desk.search.history)))]
        if known != list(self.cost.options):
            value = self.cost.value
            self.cost.options = known
            self.cost.value = value
        super().paint(pictures=pictures)

    def _inputs(self) -> list[Any]:
        self.cost = widgets.Dropdown(options=["params", "flops"], **named("Cost", 170))
        self.cost.observe(lambda _: self._desk.on_input(), "value")
        return [*super()._inputs(), self.cost]

    def _scene(self) -> Scene:
        return self._desk.scene(self.cost.value)


class ImportanceTab(PictureTab):
    """Which choices the score depends on.

    Args:
        desk: What it works with.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, IMPORTANCE)
        self._learned = 0

    def _draw(self) -> None:
        """Learns again when there are a tenth more trials than the last time, or at the end."""
        search = self._desk.search
        count = len(search.history.completed)
        due = count > 1.1 * self._learned or (count != self._learned and not search.state.live)
        if self._picture is None or due:
            self._learned = count
            super()._draw()

    def _inputs(self) -> list[Any]:
        return []
