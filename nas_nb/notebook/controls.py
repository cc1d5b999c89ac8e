"""The settings of a search as input widgets, which say beside themselves what does not fit."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from nas_nb.errors import NasError, SearchError, StrategyError
from nas_nb.notebook.alert import alert
from nas_nb.notebook.fields import GROUPS, NO_COST, make_fields
from nas_nb.notebook.layout import row
from nas_nb.notebook.options import OptionsForm, option_kinds
from nas_nb.notebook.wording import folder_text
from nas_nb.search.budget import describe_duration, parse_duration
from nas_nb.strategy.names import STRATEGIES, make_strategy

if TYPE_CHECKING:
    from nas_nb.search.search import Search
    from nas_nb.strategy.strategy import Strategy

_TIMES = ("max_time", "max_latency")
_COUNTS = ("max_trials", "max_epochs", "max_params", "max_flops")
_DEFINING = ("objective", "epochs", "batch_size", "seed", "directory")


class Controls:
    """Everything that can be set before the start. What fits is the search's at once.

    So what the panel shows and what `search.start()` in a cell does are the same thing. A value
    that does not fit stays in its control, with a sentence beside it, and the search keeps the
    last that did.

    Args:
        search: The search to configure.
        on_change: Called after every change, also one that does not fit.

    Attributes:
        inputs: The controls by the name of what they set.
        options: The options of the strategy.
        widget: All controls but the folder's.
        folder: The folder, which is too long to stand among them.
    """

    def __init__(self, search: Search, on_change: Callable[[], None]) -> None:
        self._search = search
        self._on_change = on_change
        self._strategies: dict[str, Any] = {name: name for name in STRATEGIES}
        # As their user wrote them, with the seconds that they meant.
        self._times: dict[str, tuple[str, float | None]] = dict.fromkeys(_TIMES, ("", None))
        self._syncing = False
        self.options = OptionsForm(lambda: self._changed("options"), without=("cost",))
        self.inputs: dict[str, Any] = make_fields(list(STRATEGIES), _objectives(search))
        places = ("options", *self.inputs)
        self._complaints = {name: widgets.HTML() for name in places}
        self.widget = self._arranged()
        self.folder = row(self.inputs["directory"], self._complaints["directory"])
        self.sync()
        for name, control in self.inputs.items():
            control.observe(lambda _, name=name: self._changed(name), "value")

    @property
    def legal(self) -> bool:
        """Whether every control holds a value that fits."""
        return not any(complaint.value for complaint in self._complaints.values())

    def sync(self) -> None:
        """Shows the search's settings as they are, after code has changed them."""
        self._syncing = True
        try:
            for name, value in self._shown().items():
                self.inputs[name].value = value
            self.options.show(self._search.settings.strategy)
            self._complain("", None)
        finally:
            self._syncing = False

    def enable(self, *, live: bool, started: bool) -> None:
        """Locks what can't be changed now: all in a live search, later what defines trials."""
        for name, control in self.inputs.items():
            control.disabled = live or (started and name in _DEFINING)
        self.options.enable(enabled=not live)

    def _arranged(self) -> Any:
        columns = []
        for title, names in GROUPS.items():
            fields = [widgets.VBox([self.inputs[n], self._complaints[n]]) for n in names]
            columns.append(_group(title, fields))
        strategy = [self.inputs["strategy"], self._complaints["strategy"]]
        options = [*strategy, self.options.widget, self._complaints["options"]]
        form = widgets.HBox([*columns, _group("Strategy", options)])
        form.add_class("nas-controls")
        return form

    def _shown(self) -> dict[str, Any]:
        """Returns what each control has to show."""
        settings = self._search.settings
        budget = settings.budget
        # One given with options, or of the user's own, can be chosen again.
        name = settings.strategy.name
        self._strategies[name] = settings.strategy
        if name not in self.inputs["strategy"].options:
            self.inputs["strategy"].options = list(self._strategies)
        cost = str(settings.strategy.options.get("cost", NO_COST))
        if cost not in self.inputs["cost"].options:
            self.inputs["cost"].options = [*self.inputs["cost"].options, cost]
        for time in _TIMES:
            seconds = getattr(budget, f"{time}_s")
            if seconds != self._times[time][1]:  # else it stays as its user wrote it
                self._times[time] = (_duration_text(seconds), seconds)
        return {
            "strategy": name,
            "objective": str(settings.objective.name),
            "cost": cost,
            "directory": folder_text(self._search),
            **{count: getattr(budget, count) or 0 for count in _COUNTS},
            **{time: text for time, (text, _) in self._times.items()},
            "epochs": settings.fidelity.epochs,
            "batch_size": settings.fidelity.batch_size,
            "seed": settings.seed,
        }

    def _changed(self, name: str) -> None:
        if self._syncing:
            return
        try:
            # All together: whether one fits can depend on another.
            self._search.configure(**self._settings(name))
        except NasError as error:
            self._complain(name, error)
        else:
            self._complain(name, None)
            if name == "strategy":
                self.sync()
        self._on_change()

    def _settings(self, name: str) -> dict[str, Any]:
        values = {name: control.value for name, control in self.inputs.items()}
        cost = values.pop("cost")
        for time in _TIMES:
            text = values[time].strip()
            if text != self._times[time][0]:
                self._times[time] = (text, parse_duration(text or None, time))
        objective = values["objective"].strip()
        # One given as an object may be of a direction that its name does not tell.
        same = objective == str(self._search.settings.objective.name)
        return {
            **values,
            "strategy": self._strategy(values["strategy"], cost, changed=name),
            "directory": self._directory(values["directory"].strip()),
            "objective": self._search.settings.objective if same else objective or None,
            **{count: values[count] or None for count in _COUNTS},
            **{time: seconds for time, (_, seconds) in self._times.items()},
        }

    def _strategy(self, name: str, cost: str, *, changed: str) -> str | Strategy:
        """Returns the strategy that is chosen, with the options that are entered."""
        chosen = self._strategies[name]
        options = self.options.read() if changed == "options" else {}
        weighs = "cost" in option_kinds(type(make_strategy(chosen)))
        if changed == "cost" or (not weighs and changed != "strategy"):
            _check_cost(name, cost, weighs=weighs)
        if weighs and cost != NO_COST:
            options["cost"] = cost
        if not options:
            return chosen  # type: ignore[no-any-return]
        made = make_strategy(chosen, **options)
        self._strategies[name] = made
        return made

    def _directory(self, text: str) -> Path:
        if text == folder_text(self._search):
            return self._search.directory
        if not text:
            raise SearchError("Expected a folder to keep the search in. Received: nothing.")
        return Path(text)

    def _complain(self, name: str, error: NasError | None) -> None:
        """Says the one thing that does not fit: where it was said before, or beside `name`."""
        text = "" if error is None else alert(error)
        said = [place for place, complaint in self._complaints.items() if complaint.value == text]
        place = said[0] if said and text else name
        for other, complaint in self._complaints.items():
            complaint.value = text if other == place else ""


def _check_cost(strategy: str, cost: str, *, weighs: bool) -> None:
    """Checks that a strategy compares by as many objectives as are asked for."""
    if weighs and cost == NO_COST:
        raise StrategyError(f"{strategy} weighs the objective against a cost: choose which.")
    if not weighs and cost != NO_COST:
        raise StrategyError(
            f"{strategy} compares by the objective alone. To weigh {cost}, too, choose the "
            "strategy pareto or nsga2."
        )


def _objectives(search: Search) -> list[str]:
    known = ["val_accuracy", "val_loss", "val_mae"]
    return [*dict.fromkeys([str(search.settings.objective.name), *known])]


def _duration_text(seconds: float | None) -> str:
    if seconds is None:
        return ""
    # Rounded text must not come back as another duration.
    return f"{seconds * 1e3:g} ms" if seconds < 1 else describe_duration(seconds)


def _group(title: str, fields: list[Any]) -> Any:
    group = widgets.VBox([widgets.HTML(f'<p class="nas-caption">{title}</p>'), *fields])
    group.add_class(f"nas-group-{re.sub('[^a-z]', '', title.lower())}")
    return group
