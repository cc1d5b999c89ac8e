"""Trials: the leaderboard and its filter, the selected trial beside it, and another to compare."""

from __future__ import annotations

import html
import operator
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from nas_nb.errors import NasError
from nas_nb.notebook.panel.inputs import alert_html, named, number_field, read_number, row, sides
from nas_nb.notebook.panel.steer_tab import TrainingSection
from nas_nb.notebook.panel.tabs import Tab
from nas_nb.notebook.plots.drawing import goodness, scored_trials
from nas_nb.notebook.plots.scores import CHOSEN_CURVES
from nas_nb.notebook.tables import COLUMNS, ranking, table, trials_table, values_tables
from nas_nb.notebook.wording import folder_text, value_text, values_text
from nas_nb.record.trial import TrialStatus
from nas_nb.record.trial_facts import (
    cost_text,
    number_text,
    origin_text,
    score_error,
    score_text,
)
from nas_nb.search.budget import describe_duration
from nas_nb.strategy.evolution import COSTS

if TYPE_CHECKING:
    from nas_nb.notebook.panel.tabs import PanelContext
    from nas_nb.notebook.wording import Snapshot
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Value


PAGE = 10
_MARGINS = {"left": 0.15, "top": 0.8}
_FACTS = ("score", "trial", "params", "seconds", "epochs", "status", "origin")
_LARGEST_FIRST = ("trial", "seconds", "epochs")


class TrialsTab(Tab):
    """All trials, the selected one in full, and, unfolded, another one beside it."""

    title = "Trials"

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.board = Leaderboard(context)
        self.code = widgets.ToggleButton(description="Keras code", layout={"width": "110px"})
        self.compare = widgets.ToggleButton(description="Compare", layout={"width": "110px"})
        self.other = number_field("With trial", "the best other one", 210)
        self.save = widgets.Button(description="Save model", layout={"width": "110px"})
        self.save.on_click(lambda _: self._save())
        self.training = TrainingSection(context)
        parts = (widgets.HTML() for _ in range(7))
        self._facts, self._curve, self._diagram, self._code, self._differ, self._two, refusal = (
            parts
        )
        self._refusal = refusal
        self._facts.add_class("nas-side-by-side")
        for control in (self.code, self.compare):
            control.observe(lambda _: context.on_input(), "value")
        self.other.observe(lambda _: self._compare_with(), "value")
        bar = row(self.save, self.code, self.compare, self.other, self._refusal)
        diagrams = sides(self._diagram, self._two)
        trial = (bar, self._facts, self._differ, self._curve, diagrams, self._code)
        detail = widgets.VBox([*trial, self.training.widget])
        self.widget = sides(self.board.widget, detail)
        self.widget.add_class("nas-halves")

    def paint(self, now: Snapshot) -> None:
        """Shows the page of trials, and the one that is selected."""
        history, selection = now.history, self._context.selection
        one = selection.trial(history)
        two = selection.compared(history) if self.compare.value else None
        # The slow part, after which all is shown together; a diagram takes a model to be built.
        curve = "" if one is None else self._drawn(now, two)
        drawings = self._context.drawings
        diagram, other = self._captioned(one, two), self._captioned(two, one)
        code = drawings.code(one) if one is not None and self.code.value else ""
        facts = "<p>No completed trial yet: select any trial by its number.</p>"
        if one is not None:
            facts = values_tables(f"Trial {one.number}", trial_facts(one, history), one)
        self.board.paint(now)
        self._differ.value = _comparison(one, two, history) if self.compare.value else ""
        self._facts.value, self._curve.value, self._code.value = facts, curve, code
        self._diagram.value, self._two.value = diagram, other
        self.other.layout.display = "" if self.compare.value else "none"
        self.training.paint(now)

    def _captioned(self, trial: Trial | None, other: Trial | None) -> str:
        if trial is None:
            return ""
        diagram = self._context.drawings.diagram(trial, other)
        return f'<p class="nas-caption">Trial {trial.number}</p>{diagram}'

    def _drawn(self, now: Snapshot, other: Trial | None) -> str:
        picture = self._context.picture(CHOSEN_CURVES, width=4.4, height=3.0, margins=_MARGINS)
        compared = None if other is None else other.number
        picture.draw(self._context.plot_context(now)._replace(other=compared))
        return picture.html()

    def _save(self) -> None:
        """Saves the selected trial's model in the search's folder, and says where."""
        search = self._context.search
        trial = self._context.selection.trial(search.history)
        try:
            if trial is None:
                raise NasError("Expected a completed trial to save. Received: none.")
            file = search.directory / f"trial-{trial.number}.keras"
            search.trial(trial.number).save(file)
            self._refusal.value = f"<p>Saved as <code>{html.escape(folder_text(file))}</code></p>"
        except NasError as error:
            self._refusal.value = alert_html(error)

    def _compare_with(self) -> None:
        try:
            number = read_number(self.other.value, len(self._context.search.history))
            self._context.selection.compare_with(number)
            self._refusal.value = ""
        except NasError as error:
            self._refusal.value = alert_html(error)


class Leaderboard:
    """Ten trials at a time, with a filter; a click on a row selects, on a header sorts."""

    def __init__(self, context: PanelContext) -> None:
        self._context = context
        self._page, self._pages = 0, 1
        choices = dict.fromkeys(p.name for p in context.search.space.domain.parameters)
        self.filter = widgets.Text(placeholder=HELP, **named("Filter", 470))
        self.filter.continuous_update = False
        self.sort = widgets.Dropdown(options=[*_FACTS, *choices], **named("Sort by", 170))
        self.unfold = widgets.ToggleButton(description="Columns", layout={"width": "110px"})
        offered = [*dict.fromkeys((*COLUMNS, *COSTS, *choices))]
        shown = [name for name in COLUMNS if name != "configuration"]  # it stands beside the table
        self.columns = widgets.SelectMultiple(options=offered, value=shown, rows=8)
        self.columns.description = "Columns shown (several with Ctrl)"
        self.columns.style, self.columns.layout.width = {"description_width": "230px"}, "470px"
        self.back, self.forth = _page_button("Previous page"), _page_button("Next page")
        self._refusal, self._where, self._table = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._table.add_class("nas-board")
        above = row(self.filter, self.sort, self.unfold, self._refusal)
        below = row(self.back, self.forth, self._where)
        self.widget = widgets.VBox([above, self.columns, self._table, below])
        for control in (self.filter, self.sort, self.columns, self.unfold):
            control.observe(lambda _: self._turn(-self._page), "value")
        self.back.on_click(lambda _: self._turn(-1))
        self.forth.on_click(lambda _: self._turn(1))

    def sort_by(self, column: str) -> None:
        """Sorts by a column that was clicked, if it is one to sort by."""
        wanted = "score" if column == self._context.search.objective else column
        if wanted in self.sort.options:
            self.sort.value = wanted

    def paint(self, now: Snapshot) -> None:
        """Shows the page that is asked for."""
        history, trial = now.history, self._context.selection.trial(now.history)
        try:
            found = matching(ordered(history, self.sort.value), self.filter.value)
        except NasError as error:
            self._refusal.value = alert_html(error)
            return
        self._refusal.value = ""
        self._pages = max(1, -(-len(found) // PAGE))
        self._page = min(self._page, self._pages - 1)
        first = self._page * PAGE
        shown = found[first : first + PAGE]
        self.back.disabled, self.forth.disabled = first == 0, first + PAGE >= len(found)
        self._where.value = f"<p>page {self._page + 1} of {self._pages}</p>"
        self.columns.layout.display = "" if self.unfold.value else "none"
        caption = _caption(first, shown, len(found), len(history), self.sort.value)
        known = scored_trials(history)
        shares = goodness([score for _, score in known], history.direction)
        look: dict[str, Any] = {"sort": self.sort.value, "columns": self.columns.value}
        look["bars"] = dict(zip((number for number, _ in known), shares, strict=True))
        chosen = None if trial is None else trial.number
        self._table.value = trials_table(caption, shown, history, chosen, **look)

    def _turn(self, pages: int) -> None:
        self._page = min(max(self._page + pages, 0), self._pages - 1)
        self._context.on_input()


def ordered(history: History, by: str) -> list[Trial]:
    """Returns all trials by a fact, a cost or a choice; those without it come last."""
    if by == "score":
        return [*ranking(history), *(trial for trial in history.trials if trial.score is None)]
    facts = [(fact, trial) for trial in history.trials if (fact := fact_of(trial, by)) is not None]
    facts.sort(key=lambda pair: (isinstance(pair[0], str), pair[0]), reverse=by in _LARGEST_FIRST)
    known = {trial.number for _, trial in facts}
    rest = (trial for trial in history.trials if trial.number not in known)
    return [*(trial for _, trial in facts), *rest]


def _caption(first: int, shown: list[Trial], found: int, total: int, order: str) -> str:
    if not shown:
        return f"None of {total:,} trials fits" if total else "No trial yet"
    some = "" if found == total else f" that fit, of {total:,}"
    noun = "trial" if found == 1 else "trials"
    return f"{first + 1:,} to {first + len(shown):,} of {found:,} {noun}{some}, by {order}"


def _page_button(name: str) -> Any:
    return widgets.Button(description=name, disabled=True, layout={"width": "120px"})


def trial_facts(trial: Trial, history: History) -> list[tuple[str, object]]:
    """Returns what is known of a trial, by name, in the order in which it is told."""
    granted = "" if trial.epochs_granted is None else f" of {trial.epochs_granted}"
    facts: list[tuple[str, object]] = [
        ("status", _status(trial)),
        (history.objective, score_text(history, trial)),
        ("epochs", f"{trial.epochs}{granted}"),
        *((name, cost_text(cost)) for name, cost in trial.costs.items()),
        ("time", describe_duration(trial.duration_s)),
        ("origin", origin_text(trial, history)),
        ("note", trial.note or ""),
    ]
    return [(name, fact) for name, fact in facts if fact != ""]


def _status(trial: Trial) -> str:
    failed = trial.status is not TrialStatus.COMPLETED and trial.reason
    return f"{trial.status}: {trial.reason}" if failed else str(trial.status)


def _comparison(one: Trial | None, two: Trial | None, history: History) -> str:
    if one is None or two is None:
        return "<p>Two trials are needed to compare.</p>"
    return facts_table(one, two, history) + differences_table(one, two)


def facts_table(one: Trial, two: Trial, history: History) -> str:
    """Returns score, costs and time of both, and by how much they differ."""
    names = dict.fromkeys([*one.costs, *two.costs])
    errors = score_error(history, one), score_error(history, two)
    rows: list[tuple[str, float | None, float | None]] = [(history.objective, one.score, two.score)]
    rows += [("±", *errors)] if any(errors) else []
    rows += [(name, one.costs.get(name), two.costs.get(name)) for name in names]
    rows += [
        ("epochs", one.epochs, two.epochs),
        ("seconds", round(one.duration_s, 1), round(two.duration_s, 1)),
    ]
    header = ("", f"trial {one.number}", f"trial {two.number}", "difference")
    cells = ((name, _told(a), _told(b), _difference(a, b)) for name, a, b in rows)
    return table("Score and costs", header, cells)


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
    exact = one - two
    apart = exact if float(exact).is_integer() else float(f"{exact:.4g}")
    return "0" if apart == 0 else f"{'+' if apart > 0 else '-'}{_told(abs(apart))}"


HELP = "words or conditions: Conv2D  depth=2  score>0.9  failed"
_CONDITION = re.compile(r"([^<>=!\s]+)(<=|>=|!=|=|<|>)(\S+)")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}

Test = Callable[["Trial"], bool]


def matching(trials: Iterable[Trial], text: str) -> list[Trial]:
    """Returns the trials that fit all words and conditions, in the order given."""
    tests = [_test(word) for word in text.split()]
    return [trial for trial in trials if all(test(trial) for test in tests)]


def _test(word: str) -> Test:
    condition = _CONDITION.fullmatch(word)
    if condition is None:
        wanted = word.lower()
        return lambda trial: wanted in _words(trial)
    name, sign, value = condition.groups()
    if sign in ("=", "!="):
        equal = sign == "="
        return lambda trial: _same(fact_of(trial, name), value) == equal
    try:
        number = float(value)
    except ValueError as error:
        raise NasError(
            f"Expected a number after '{name}{sign}'. Received: {value}. "
            f"Write for example {name}{sign}0.9."
        ) from error
    compare = _COMPARE[sign]

    def test(trial: Trial) -> bool:
        fact = fact_of(trial, name)
        return isinstance(fact, int | float) and compare(fact, number)

    return test


def _same(fact: Value | None, value: str) -> bool:
    if isinstance(fact, int | float) and not isinstance(fact, bool):
        try:
            return float(value) == fact
        except ValueError:
            return False
    return fact is not None and str(fact).lower() == value.lower()


def fact_of(trial: Trial, name: str) -> Value | None:
    """Returns the value of a choice, a cost or another fact of a trial by its name."""
    if name in trial.values:
        return trial.values[name]
    if name in trial.costs:
        return trial.costs[name]
    facts: dict[str, Value | None] = {
        "trial": trial.number,
        "score": trial.score,
        "epochs": trial.epochs,
        "seconds": trial.duration_s,
        "status": str(trial.status),
        "origin": trial.origin,
    }
    return facts.get(name)


def _words(trial: Trial) -> str:
    parts = (values_text(trial.values), trial.status, trial.origin, trial.reason or "")
    return " ".join(parts).lower()
