"""What holds from now on: another strategy, another budget."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import ipywidgets as widgets

from nas_nb.errors import StrategyError
from nas_nb.notebook.layout import named, row
from nas_nb.notebook.options import OptionsForm
from nas_nb.notebook.steering.section import Section
from nas_nb.notebook.wording import budget_text
from nas_nb.search.budget import describe_duration, parse_duration
from nas_nb.strategy.names import STRATEGIES, make_strategy

if TYPE_CHECKING:
    from nas_nb.notebook.tabs.tab import Desk


class StrategySection(Section):
    """Lets another strategy propose from the next trial on.

    Args:
        desk: What it works with.

    Attributes:
        options: The options of the strategy that is chosen.
    """

    title = "Change the strategy"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.options = OptionsForm(lambda: None)
        now = desk.search.strategy
        names = [*dict.fromkeys([now.name, *STRATEGIES])]
        self.name = widgets.Dropdown(options=names, value=now.name, **named("Strategy", 200))
        self.change = self.button("Change", self._change, 90)
        self.options.show(now)
        self.name.observe(lambda _: self._named(), "value")
        self._now = widgets.HTML()
        who = row(self.name, self.change, self._now)
        self.widget = self.arranged(widgets.VBox([who, self.options.widget]))

    def paint(self) -> None:
        """Says who proposes now."""
        self._now.value = f"<p>Now: {html.escape(self.desk.search.strategy.name)}.</p>"

    def _named(self) -> None:
        self.do(self._show_options)

    def _show_options(self) -> None:
        name, now = self.name.value, self.desk.search.strategy
        self.options.show(now if name == now.name else make_strategy(name))

    def _change(self) -> None:
        name = self.name.value
        if name not in STRATEGIES:
            raise StrategyError(
                f"'{name}' is a function of yours: change to it with `search.steer.strategy(...)`."
            )
        self.steer.strategy(name, **self.options.read())


class BudgetSection(Section):
    """Raises or lowers what the search may spend.

    Args:
        desk: What it works with.
    """

    title = "Change the budget"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        budget = desk.search.budget
        self.trials = widgets.BoundedIntText(
            value=budget.max_trials or 0,
            min=0,
            max=10**6,
            tooltip="0 is no limit",
            **named("Max trials", 170),
        )
        time = "" if budget.max_time_s is None else describe_duration(budget.max_time_s)
        self.time = widgets.Text(value=time, placeholder="no limit", **named("Max time", 190))
        self.change = self.button("Change", self._change, 90)
        self._now = widgets.HTML()
        self.widget = self.arranged(self.trials, self.time, self.change, self._now)

    def paint(self) -> None:
        """Says what may be spent now."""
        self._now.value = f"<p>Now: {html.escape(budget_text(self.desk.search))}.</p>"

    def _change(self) -> None:
        time = parse_duration(self.time.value.strip() or None)
        self.steer.budget(max_trials=self.trials.value or None, max_time=time)
