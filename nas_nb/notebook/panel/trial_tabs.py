"""One trial, and two compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets as widgets

from nas_nb.errors import NasError
from nas_nb.notebook.panel.inputs import alert_html, number_field, read_number, row, sides
from nas_nb.notebook.panel.tabs import Tab
from nas_nb.notebook.plots.figures import Picture
from nas_nb.notebook.plots.scores import CHOSEN_CURVES
from nas_nb.notebook.tables import table, values_tables
from nas_nb.notebook.wording import number_text, score_text, value_text
from nas_nb.record.lineage import origin_text
from nas_nb.record.trial import TrialStatus
from nas_nb.search.budget import describe_duration

if TYPE_CHECKING:
    from nas_nb.notebook.panel.tabs import PanelContext
    from nas_nb.notebook.snapshot import Snapshot
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial

_MARGINS = {"left": 0.12, "top": 0.8}


class TrialTab(Tab):
    """The chosen trial."""

    title = "Trial"

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self._picture: Picture | None = None
        self.code = widgets.ToggleButton(
            description="Show its Keras code", layout={"width": "180px"}
        )
        self.code.observe(lambda _: context.on_input(), "value")
        self._facts, self._curve, self._diagram, self._code = (widgets.HTML() for _ in range(4))
        self._facts.add_class("nas-side-by-side")
        picture = sides(widgets.VBox([self._facts, self._curve]), self._diagram)
        self.widget = widgets.VBox([context.chooser.widget, picture, self.code, self._code])

    def paint(self, now: Snapshot) -> None:
        """Shows the trial that is chosen."""
        self._context.chooser.paint(now)
        history = now.history
        trial = self._context.selection.trial(history)
        if trial is None:
            self._facts.value = (
                "<p>No completed trial yet; any other can be chosen by its number.</p>"
            )
            self._curve.value = self._diagram.value = self._code.value = ""
            return
        # The slow part, after which all is shown together; a diagram takes a model to be built.
        curve = self._drawn(now)
        diagram = self._context.drawings.diagram(trial)
        self._facts.value = values_tables(
            f"Trial {trial.number}", trial_facts(trial, history), trial
        )
        self._curve.value, self._diagram.value = curve, diagram
        self._code.value = self._context.drawings.code(trial) if self.code.value else ""

    def _drawn(self, now: Snapshot) -> str:
        if self._picture is None:
            self._picture = Picture(CHOSEN_CURVES, width=5.6, height=3.2, margins=_MARGINS)
        self._picture.draw(self._context.plot_context(now)._replace(other=None))
        return self._picture.html()


def trial_facts(trial: Trial, history: History) -> list[tuple[str, object]]:
    """Returns what is known of a trial, by name, in the order in which it is told."""
    granted = "" if trial.epochs_granted is None else f" of {trial.epochs_granted}"
    facts: list[tuple[str, object]] = [
        ("status", _status(trial)),
        (history.objective, score_text(history, trial)),
        ("epochs", f"{trial.epochs}{granted}"),
        *(
            (name, f"{cost:,.4g}" if cost < 1 else f"{cost:,.0f}")
            for name, cost in trial.costs.items()
        ),
        ("time", describe_duration(trial.duration_s)),
        ("proposed by", origin_text(trial, history)),
        ("note", trial.note or ""),
    ]
    return [(name, fact) for name, fact in facts if fact != ""]


def _status(trial: Trial) -> str:
    failed = trial.status is not TrialStatus.COMPLETED and trial.reason
    return f"{trial.status}: {trial.reason}" if failed else str(trial.status)


class CompareTab(Tab):
    """The chosen trial and another one."""

    title = "Compare"

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self._picture: Picture | None = None
        self.other = number_field("With trial", "the best other one", 210)
        self._refusal, self._table, self._curves = (widgets.HTML() for _ in range(3))
        self._one, self._two = widgets.HTML(), widgets.HTML()
        self.widget = widgets.VBox(
            [
                context.chooser.widget,
                row(self.other, self._refusal),
                sides(self._table, self._curves),
                sides(self._one, self._two),
            ]
        )
        self.other.observe(lambda _: self._typed(), "value")

    def paint(self, now: Snapshot) -> None:
        """Shows the two trials."""
        self._context.chooser.paint(now)
        history = now.history
        one, two = self._context.selection.trial(history), self._context.selection.compared(history)
        if one is None or two is None:
            self._table.value = "<p>Two trials are needed to compare.</p>"
            self._curves.value = self._one.value = self._two.value = ""
            return
        self._curves.value = self._drawn(now)
        self._table.value = facts_table(one, two, history) + differences_table(one, two)
        self._one.value, self._two.value = self._diagram(one), self._diagram(two)

    def _drawn(self, now: Snapshot) -> str:
        if self._picture is None:
            self._picture = Picture(CHOSEN_CURVES, width=5.6, height=3.2, margins=_MARGINS)
        self._picture.draw(self._context.plot_context(now))
        return self._picture.html()

    def _diagram(self, trial: Trial) -> str:
        diagram = self._context.drawings.diagram(trial)
        return f'<p class="nas-caption">Trial {trial.number}</p>{diagram}'

    def _typed(self) -> None:
        try:
            number = read_number(self.other.value, len(self._context.search.history))
            self._context.selection.compare_with(number)
            self._refusal.value = ""
        except NasError as error:
            self._refusal.value = alert_html(error)


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
