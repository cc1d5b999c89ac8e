"""The leaderboard: pages, sorting, filter."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from nas_nb.errors import NasError
from nas_nb.notebook.panel.inputs import alert_html, named, row
from nas_nb.notebook.panel.tabs import Tab
from nas_nb.notebook.tables import ranking, trials_table
from nas_nb.notebook.wording import number_text, values_text

if TYPE_CHECKING:
    from nas_nb.notebook.panel.tabs import PanelContext
    from nas_nb.notebook.snapshot import Snapshot
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Value

PAGE = 20
_SORTS: dict[str, Callable[[History], list[Trial]]] = {
    "score": lambda history: [*ranking(history), *_unscored(history)],
    "latest first": lambda history: [*reversed(history.trials)],
    "fewest params": lambda history: sorted(history.trials, key=_params),
    "longest first": lambda history: sorted(history.trials, key=lambda t: -t.duration_s),
}


class LeaderboardTab(Tab):
    """Twenty trials at a time, with a filter, and a way to choose one of them."""

    title = "Leaderboard"

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self._page, self._pages = 0, 1
        self._seen: tuple[object, ...] = ()
        self.filter = widgets.Text(placeholder=HELP, **named("Filter", 470))
        self.filter.continuous_update = False
        self.sort = widgets.Dropdown(options=list(_SORTS), **named("Sort by", 190))
        self.back, self.forth = _page_button("Previous page"), _page_button("Next page")
        self.pick = widgets.Dropdown(options=[_NOBODY], **named("Look at", 260))
        self._refusal, self._where, self._table = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.widget = widgets.VBox(
            [
                row(self.filter, self.sort, self._refusal),
                row(self.back, self.forth, self._where, self.pick),
                self._table,
            ]
        )
        self.filter.observe(lambda _: self._turn(-self._page), "value")
        self.sort.observe(lambda _: self._turn(-self._page), "value")
        self.back.on_click(lambda _: self._turn(-1))
        self.forth.on_click(lambda _: self._turn(1))
        self.pick.observe(lambda _: self._picked(), "value")

    def paint(self, now: Snapshot) -> None:
        """Shows the page that is asked for, if it is another one or trials have ended."""
        history = now.history
        trial = self._context.selection.trial(history)
        asked = (self.filter.value, self.sort.value, self._page, trial and trial.number)
        seen = (len(history), len(history.finished), *asked)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            found = matching(_SORTS[self.sort.value](history), self.filter.value)
        except NasError as error:
            self._refusal.value = alert_html(error)
            return
        self._refusal.value = ""
        self._show(found, history, trial)

    def _show(self, found: list[Trial], history: History, trial: Trial | None) -> None:
        self._pages = max(1, -(-len(found) // PAGE))
        self._page = min(self._page, self._pages - 1)
        first = self._page * PAGE
        shown = found[first : first + PAGE]
        self.back.disabled, self.forth.disabled = first == 0, first + PAGE >= len(found)
        self._where.value = f"<p>page {self._page + 1} of {self._pages}</p>"
        self._offer(shown)
        caption = _caption(first, shown, len(found), len(history), self.sort.value)
        chosen = None if trial is None else trial.number
        self._table.value = trials_table(caption, shown, history, chosen)

    def _offer(self, shown: list[Trial]) -> None:
        """Lets its user choose among the trials on the page."""
        # By number: the page reports a choice by its place in the list, which a better trial that
        # ends meanwhile would shift if the list were sorted by score.
        by_number = sorted(shown, key=lambda trial: trial.number)
        options = [_NOBODY, *((_named(trial), trial.number) for trial in by_number)]
        if list(self.pick.options) != options:
            self.pick.options = options

    def _picked(self) -> None:
        number = self.pick.value
        if number >= 0:
            # Through the chooser, whose field then shows it in every tab.
            self._context.chooser.number.value = str(number)

    def _turn(self, pages: int) -> None:
        self._page = min(max(self._page + pages, 0), self._pages - 1)
        self._context.on_input()


_NOBODY = ("a trial on this page", -1)


def _unscored(history: History) -> list[Trial]:
    return [trial for trial in history.trials if trial.score is None]


def _params(trial: Trial) -> float:
    return trial.costs.get("params", float("inf"))


def _named(trial: Trial) -> str:
    score = number_text(trial.score) if trial.score is not None else trial.status.value
    return f"trial {trial.number}: {score}"


def _caption(first: int, shown: list[Trial], found: int, total: int, order: str) -> str:
    if not shown:
        return f"None of {total:,} trials fits" if total else "No trial yet"
    some = "" if found == total else f" that fit, of {total:,}"
    noun = "trial" if found == 1 else "trials"
    return f"{first + 1:,} to {first + len(shown):,} of {found:,} {noun}{some}, by {order}"


def _page_button(name: str) -> Any:
    return widgets.Button(description=name, disabled=True, layout={"width": "120px"})


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
    """Returns the trials that fit all words and conditions, in the order given.

    Args:
        trials: The trials.
        text: Words, each of which occurs among a trial's values, its status, origin or reason;
            conditions `NAME=VALUE`, `NAME!=VALUE`, `NAME<NUMBER` and so on, where the name is a
            choice, a cost, or `trial`, `score`, `epochs`, `seconds`.

    Raises:
        NasError: A condition compares with what is no number.
    """
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
        return lambda trial: _same(_fact(trial, name), value) == equal
    try:
        number = float(value)
    except ValueError as error:
        raise NasError(
            f"Expected a number after '{name}{sign}'. Received: {value}. "
            f"Write for example {name}{sign}0.9."
        ) from error
    compare = _COMPARE[sign]

    def test(trial: Trial) -> bool:
        fact = _fact(trial, name)
        return isinstance(fact, int | float) and compare(fact, number)

    return test


def _same(fact: Value | None, value: str) -> bool:
    if isinstance(fact, int | float) and not isinstance(fact, bool):
        try:
            return float(value) == fact
        except ValueError:
            return False
    return fact is not None and str(fact).lower() == value.lower()


def _fact(trial: Trial, name: str) -> Value | None:
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
