"""Choosing a trial: by its number, or by steps along the leaderboard."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from nas_nb.errors import NasError
from nas_nb.notebook.alert import alert
from nas_nb.notebook.layout import named, row
from nas_nb.notebook.tables import ranking
from nas_nb.notebook.wording import number_text

if TYPE_CHECKING:
    from nas_nb.notebook.selection import Selection
    from nas_nb.search.search import Search


class Chooser:
    """A field for a trial's number, and buttons. The same widgets stand in several tabs.

    Args:
        search: The search whose trials are chosen from.
        selection: What to choose with.

    Attributes:
        widget: All of it.
        number: The field; empty while the incumbent is followed.
    """

    def __init__(self, search: Search, selection: Selection) -> None:
        self._search = search
        self._selection = selection
        self.number = number_field("Trial", "the best", 140)
        self.buttons = {
            "Best": self._best,
            "Better": lambda: self._step(-1),
            "Worse": lambda: self._step(1),
            "Latest": self._latest,
        }
        self.refusal, self._about = widgets.HTML(), widgets.HTML()
        pressed = [_button(name, action) for name, action in self.buttons.items()]
        self.widget = row(self.number, *pressed, self._about, self.refusal)
        self.number.observe(lambda _: self._typed(), "value")

    def paint(self) -> None:
        """Says which trial is looked at."""
        history = self._search.history
        trial = self._selection.trial(history)
        if trial is None:
            text = "no trial yet"
        else:
            order = ranking(history)
            rank = (
                f", number {order.index(trial) + 1:,} of {len(order):,}" if trial in order else ""
            )
            score = f", {history.objective} {number_text(trial.score)}" if rank else ""
            text = f"trial {trial.number}: {trial.status}{score}{rank}"
        self._about.value = f"<p>{html.escape(text)}</p>"

    def _typed(self) -> None:
        try:
            self._selection.choose(read_number(self.number.value, len(self._search.history)))
            self.refusal.value = ""
        except NasError as error:
            self.refusal.value = alert(error)

    def _best(self) -> None:
        self.number.value = ""

    def _latest(self) -> None:
        if trials := self._search.history.trials:
            self.number.value = str(trials[-1].number)

    def _step(self, ranks: int) -> None:
        order = ranking(self._search.history)
        trial = self._selection.trial(self._search.history)
        if not order or trial is None:
            return
        numbers = [one.number for one in order]
        at = numbers.index(trial.number) + ranks if trial.number in numbers else 0
        self.number.value = str(numbers[min(max(at, 0), len(order) - 1)])


def number_field(name: str, placeholder: str, width: int) -> Any:
    """Returns a field for a trial's number that may be left empty."""
    field = widgets.Text(placeholder=placeholder, **named(name, width))
    field.continuous_update = False
    return field


def read_number(text: str, count: int) -> int | None:
    """Returns the number of a trial that was typed; None for an empty field.

    Args:
        text: What was typed.
        count: How many trials there are.

    Raises:
        NasError: It is not the number of one of them.
    """
    stripped = text.strip()
    if not stripped:
        return None
    if stripped.isascii() and stripped.isdigit() and int(stripped) < count:
        return int(stripped)
    known = f"a trial from 0 to {count - 1}" if count else "nothing: there is no trial yet"
    raise NasError(f"Expected {known}. Received: {stripped}.")


def _button(name: str, action: Callable[[], None]) -> Any:
    button = widgets.Button(description=name, layout={"width": "70px"})
    button.on_click(lambda _: action())
    return button
