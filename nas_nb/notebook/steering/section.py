"""What the parts of the steering tab have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import ipywidgets as widgets

from nas_nb.errors import NasError
from nas_nb.notebook.alert import alert
from nas_nb.notebook.layout import row

if TYPE_CHECKING:
    from nas_nb.notebook.tabs.tab import Desk
    from nas_nb.search.steering import Steering


class Section(ABC):
    """One thing that can be done to a search while it runs.

    Args:
        desk: What it works with.

    Attributes:
        widget: Its inputs, and beside them what was refused.
    """

    title: ClassVar[str]
    widget: Any

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.refusal = widgets.HTML()

    @abstractmethod
    def paint(self) -> None:
        """Brings its outputs up to date. Called by the painter."""

    @property
    def steer(self) -> Steering:
        """What steers the search."""
        return self.desk.search.steer

    def button(self, name: str, action: Callable[[], Any], width: int = 140) -> Any:
        """Returns a button; if what it does is refused, the reason is said beside it."""
        button = widgets.Button(description=name, layout={"width": f"{width}px"})
        button.on_click(lambda _: self.do(action))
        return button

    def do(self, action: Callable[[], Any]) -> None:
        """Does what a control asks for."""
        try:
            action()
            self.refusal.value = ""
        except NasError as error:
            self.refusal.value = alert(error)
        self.desk.on_input()

    def arranged(self, *parts: Any) -> Any:
        """Returns the section's widget: a heading, the parts in a row that wraps, the refusal."""
        heading = widgets.HTML(f'<p class="nas-caption">{self.title}</p>')
        box = widgets.VBox([heading, row(*parts), self.refusal])
        box.add_class("nas-section")
        return box
