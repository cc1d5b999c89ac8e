"""One trial: what it is, how it was trained, what it costs, and its code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets as widgets

from nas_nb.notebook.layout import sides
from nas_nb.notebook.picture import Picture
from nas_nb.notebook.tables import values_tables
from nas_nb.notebook.tabs.tab import Tab
from nas_nb.notebook.wording import number_text
from nas_nb.record.trial import TrialStatus
from nas_nb.search.budget import describe_duration

if TYPE_CHECKING:
    from nas_nb.notebook.drawings import Drawings
    from nas_nb.notebook.tabs.tab import Desk
    from nas_nb.record.history import History, Trial

_MARGINS = {"left": 0.12, "top": 0.8}


class TrialTab(Tab):
    """The chosen trial.

    Args:
        desk: What it works with.
        drawings: Where diagrams and code come from.
    """

    title = "Trial"

    def __init__(self, desk: Desk, drawings: Drawings) -> None:
        self._desk = desk
        self._drawings = drawings
        self._picture: Picture | None = None
        self.code = widgets.ToggleButton(
            description="Show its Keras code", layout={"width": "180px"}
        )
        self.code.observe(lambda _: desk.on_input(), "value")
        self._facts, self._curve, self._diagram, self._code = (widgets.HTML() for _ in range(4))
        self._facts.add_class("nas-side-by-side")
        picture = sides(widgets.VBox([self._facts, self._curve]), self._diagram)
        self.widget = widgets.VBox([desk.chooser.widget, picture, self.code, self._code])

    def paint(self, *, pictures: bool = True) -> None:
        """Shows the trial that is chosen."""
        self._desk.chooser.paint()
        history = self._desk.search.history
        trial = self._desk.selection.trial(history)
        if trial is None:
            self._facts.value = (
                "<p>No completed trial yet; any other can be chosen by its number.</p>"
            )
            self._curve.value = self._diagram.value = self._code.value = ""
            return
        # The slow part, after which all is shown together; a diagram takes a model to be built.
        curve = self._drawn() if pictures else self._curve.value
        diagram = self._drawings.diagram(trial)
        self._facts.value = values_tables(
            f"Trial {trial.number}", trial_facts(trial, history), trial
        )
        self._curve.value, self._diagram.value = curve, diagram
        self._code.value = self._drawings.code(trial) if self.code.value else ""

    def _drawn(self) -> str:
        if self._picture is None:
            self._picture = Picture("chosen curves", width=5.6, height=3.2, margins=_MARGINS)
        self._picture.draw(self._desk.scene()._replace(other=None))
        return self._picture.html()


def trial_facts(trial: Trial, history: History) -> list[tuple[str, object]]:
    """Returns what is known of a trial, by name, in the order in which it is told."""
    granted = "" if trial.epochs_granted is None else f" of {trial.epochs_granted}"
    facts: list[tuple[str, object]] = [
        ("status", _status(trial)),
        (history.objective, number_text(trial.score)),
        ("epochs", f"{trial.epochs}{granted}"),
        *(
            (name, f"{cost:,.4g}" if cost < 1 else f"{cost:,.0f}")
            for name, cost in trial.costs.items()
        ),
        ("time", describe_duration(trial.duration_s)),
        ("proposed by", trial.origin),
        ("note", trial.note or ""),
    ]
    return [(name, fact) for name, fact in facts if fact != ""]


def _status(trial: Trial) -> str:
    failed = trial.status is not TrialStatus.COMPLETED and trial.reason
    return f"{trial.status}: {trial.reason}" if failed else str(trial.status)
