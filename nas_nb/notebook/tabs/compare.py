"""Two trials side by side: what differs, and what that was worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets as widgets

from nas_nb.errors import NasError
from nas_nb.notebook.alert import alert
from nas_nb.notebook.chooser import number_field, read_number
from nas_nb.notebook.layout import row, sides
from nas_nb.notebook.picture import Picture
from nas_nb.notebook.tables import table
from nas_nb.notebook.tabs.tab import Tab
from nas_nb.notebook.wording import number_text, value_text

if TYPE_CHECKING:
    from nas_nb.notebook.drawings import Drawings
    from nas_nb.notebook.tabs.tab import Desk
    from nas_nb.record.history import History, Trial

_MARGINS = {"left": 0.12, "top": 0.8}


class CompareTab(Tab):
    """The chosen trial and another one.

    Args:
        desk: What it works with.
        drawings: Where diagrams come from.
    """

    title = "Compare"

    def __init__(self, desk: Desk, drawings: Drawings) -> None:
        self._desk = desk
        self._drawings = drawings
        self._picture: Picture | None = None
        self.other = number_field("With trial", "the best other one", 210)
        self._refusal, self._table, self._curves = (widgets.HTML() for _ in range(3))
        self._one, self._two = widgets.HTML(), widgets.HTML()
        self.widget = widgets.VBox(
            [
                desk.chooser.widget,
                row(self.other, self._refusal),
                sides(self._table, self._curves),
                sides(self._one, self._two),
            ]
        )
        self.other.observe(lambda _: self._typed(), "value")

    def paint(self, *, pictures: bool = True) -> None:
        """Shows the two trials."""
        self._desk.chooser.paint()
        history = self._desk.search.history
        one, two = self._desk.selection.trial(history), self._desk.selection.compared(history)
        if one is None or two is None:
            self._table.value = "<p>Two trials are needed to compare.</p>"
            self._curves.value = self._one.value = self._two.value = ""
            return
        if pictures:
            self._curves.value = self._drawn()
        self._table.value = facts_table(one, two, history) + differences_table(one, two)
        self._one.value, self._two.value = self._diagram(one), self._diagram(two)

    def _drawn(self) -> str:
        if self._picture is None:
            self._picture = Picture("chosen curves", width=5.6, height=3.2, margins=_MARGINS)
        self._picture.draw(self._desk.scene())
        return self._picture.html()

    def _diagram(self, trial: Trial) -> str:
        return f'<p class="nas-caption">Trial {trial.number}</p>{self._drawings.diagram(trial)}'

    def _typed(self) -> None:
        try:
            number = read_number(self.other.value, len(self._desk.search.history))
            self._desk.selection.compare_with(number)
            self._refusal.value = ""
        except NasError as error:
            self._refusal.value = alert(error)


def facts_table(one: Trial, two: Trial, history: History) -> str:
    """Returns score, costs and time of both, and by how much they differ."""
    names = dict.fromkeys([*one.costs, *two.costs])
    rows = [(history.objective, one.score, two.score)]
    rows += [(name, one.costs.get(name), two.costs.get(name)) for name in names]
    rows += [
        ("epochs", one.epochs, two.epochs),
        ("seconds", round(one.duration_s, 1), round(two.duration_s, 1)),
    ]
    header = ("", f"trial {one.number}", f"trial {two.number}", "difference")
    cells = ((name, _told(a), _told(b), _difference(a, b)) for name, a, b in rows)
    return table("What they are worth", header, cells)


def differences_table(one: Trial, two: Trial) -> str:
    """Returns the choices in which they differ."""
    names = dict.fromkeys([*one.values, *two.values])
    pairs = [(name, one.values.get(name), two.values.get(name)) for name in names]
    differ = [pair for pair in pairs if pair[1] != pair[2]]
    if not differ:
        return "<p>They make the same choices.</p>"
    caption = f"{len(differ)} of {len(pairs)} choices differ"
    header = ("choice", f"trial {one.number}", f"trial {two.number}")
    cells = (
        (n, *("none" if v is None else value_text(v) for v in values)) for n, *values in differ
    )
    return table(caption, header, cells)


def _told(number: float | None) -> str:
    if number is None:
        return ""
    if float(number).is_integer():
        return f"{number:,.0f}"
    return f"{number:,.1f}" if round(number, 1) == number else number_text(number)


def _difference(one: float | None, two: float | None) -> str:
    if one is None or two is None:
        return ""
    apart = round(one - two, 4)
    return "0" if apart == 0 else f"{'+' if apart > 0 else '-'}{_told(abs(apart))}"
