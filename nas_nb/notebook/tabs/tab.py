"""What the tabs have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

from nas_nb.notebook.views.view import Scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from nas_nb.notebook.chooser import Chooser
    from nas_nb.notebook.selection import Selection
    from nas_nb.search.search import Search


class Desk(NamedTuple):
    """What every tab works with.

    Attributes:
        search: The search to show and steer.
        selection: The trial that is looked at.
        chooser: Where it is chosen.
        on_input: To be called after a click or a change, so that the painter follows.
    """

    search: Search
    selection: Selection
    chooser: Chooser
    on_input: Callable[[], None]

    def scene(self, cost: str = "params") -> Scene:
        """Returns what the views look at."""
        history = self.search.history
        trial, other = self.selection.trial(history), self.selection.compared(history)
        return Scene(
            history,
            self.search.space.domain,
            None if trial is None else trial.number,
            None if other is None else other.number,
            cost,
        )


class Tab(ABC):
    """One tab. Its inputs are written by the browser, its outputs by the painter alone.

    Attributes:
        title: What the tab says.
        widget: What it shows.
    """

    title: str
    widget: Any

    @abstractmethod
    def paint(self, *, pictures: bool = True) -> None:
        """Brings it up to date. Called by the painter, and only while it is the one in view.

        Args:
            pictures: Whether pictures are drawn anew, too.
        """
