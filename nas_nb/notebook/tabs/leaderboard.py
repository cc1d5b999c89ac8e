"""The leaderboard: all trials in pages of twenty, filtered and sorted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from nas_nb.errors import NasError
from nas_nb.notebook.alert import alert
from nas_nb.notebook.filtering import HELP, matching
from nas_nb.notebook.layout import named, row
from nas_nb.notebook.tables import ranking, trials_table
from nas_nb.notebook.tabs.tab import Tab
from nas_nb.notebook.wording import number_text

if TYPE_CHECKING:
    from nas_nb.notebook.tabs.tab import Desk
    from nas_nb.record.history import History, Trial

PAGE = 20
_SORTS: dict[str, Callable[[History], list[Trial]]] = {
    "score": lambda history: [*ranking(history), *_unscored(history)],
    "latest first": lambda history: [*reversed(history.trials)],
    "fewest params": lambda history: sorted(history.trials, key=_params),
    "longest first": lambda history: sorted(history.trials, key=lambda t: -t.duration_s),
}


class LeaderboardTab(Tab):
    """Twenty trials at a time, with a filter, and a way to choose one of them.

    Args:
        desk: What it works with.
    """

    title = "Leaderboard"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
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

    def paint(self, *, pictures: bool = True) -> None:
        """Shows the page that is asked for, if it is another one or trials have ended."""
        history = self._desk.search.history
        trial = self._desk.selection.trial(history)
        asked = (self.filter.value, self.sort.value, self._page, trial and trial.number)
        seen = (len(history), len(history.finished), *asked)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            found = matching(_SORTS[self.sort.value](history), self.filter.value)
        except NasError as error:
            self._refusal.value = alert(error)
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
        self._table.value = trials_table(caption, shown, history.objective, chosen)

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
            self._desk.chooser.number.value = str(number)

    def _turn(self, pages: int) -> None:
        self._page = min(max(self._page + pages, 0), self._pages - 1)
        self._desk.on_input()


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
