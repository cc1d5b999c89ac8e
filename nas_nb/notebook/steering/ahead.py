"""What holds from now on: another strategy, another budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from nas_nb.errors import StrategyError
from nas_nb.notebook.options import OptionsForm
from nas_nb.notebook.steering.section import Section, field
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
        self.name = widgets.Dropdown(options=names, value=now.name, **field("Strategy", 200))
        self.change = self.button("Change", self._change, 90)
        self.options.show(now)
        self.name.observe(lambda _: self._named(), "value")
        row = widgets.HBox([self.name, self.change])
        row.add_class("nas-row")
        self.widget = self.arranged(row, self.options.widget)

    def paint(self) -> None:
        """Has nothing to say: the status line and the marks on the plot do."""

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
            **field("Max trials", 170),
        )
        time = "" if budget.max_time_s is None else describe_duration(budget.max_time_s)
        self.time = widgets.Text(value=time, placeholder="no limit", **field("Max time", 190))
        self.change = self.button("Change", self._change, 90)
        self.widget = self.arranged(self.trials, self.time, self.change)

    def paint(self) -> None:
        """Has nothing to say: the progress bar does."""

    def _change(self) -> None:
        budget: Any = self.steer.budget
        text = self.time.value.strip()
        budget(max_trials=self.trials.value or None, max_time=parse_duration(text or None))
