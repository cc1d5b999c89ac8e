"""Settings, limits of the budget and strategy options as input widgets."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Callable, Collection, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from nas_nb.errors import NasError, SearchError, StrategyError
from nas_nb.notebook.panel.inputs import alert_html, row
from nas_nb.notebook.wording import folder_text
from nas_nb.search.budget import LIMITS, LimitKind, LimitScope
from nas_nb.search.objective import logged_metrics
from nas_nb.strategy.base import option_help
from nas_nb.strategy.evolution import COSTS
from nas_nb.strategy.optuna_samplers import OptunaStrategy
from nas_nb.strategy.registry import STRATEGIES, make_strategy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nas_nb.search.budget import Budget, Limit
    from nas_nb.search.search import Search
    from nas_nb.strategy.base import Strategy


_EXAMPLES = {LimitKind.COUNT: "", LimitKind.DURATION: ", or 2 min", LimitKind.BYTES: ", or 1.8 GB"}


class LimitFields:
    """Shows the limits that hold, and tells which of them its user has edited."""

    def __init__(self, limits: Iterable[Limit]) -> None:
        self._limits = {limit.name: limit for limit in limits}
        self.inputs: dict[str, Any] = {n: _field(limit) for n, limit in self._limits.items()}
        self._held = dict.fromkeys(self.inputs, "")

    def show(self, budget: Budget, *, edited_too: bool = False) -> None:
        """Shows a budget; fields whose limit is as it was may be edited and stay as they are."""
        for name, limit in self._limits.items():
            value = getattr(budget, limit.field)
            text = "" if value is None else limit.text(value)
            if edited_too or text != self._held[name]:
                self._held[name] = self.inputs[name].value = text

    def edited(self) -> dict[str, Any]:
        """Returns what its user has written into fields, by argument; None for an emptied one."""
        texts = {name: field.value.strip() for name, field in self.inputs.items()}
        return {n: _read(text) for n, text in texts.items() if text != self._held[n]}


def _read(text: str) -> str | int | None:
    """Returns what is meant; what is no number is left to the budget, which says what is wrong."""
    plain = text.replace(",", "")
    return int(plain) if plain.isdigit() else plain or None


def _field(limit: Limit) -> Any:
    name = limit.name.replace("_", " ").capitalize()
    field = widgets.Text(
        description=name,
        placeholder=f"no limit{', or 5 ms' if 'latency' in name else _EXAMPLES[limit.kind]}",
        tooltip=limit.about,
        style={"description_width": "120px"},
        layout={"width": "250px"},
    )
    field.continuous_update = False  # each letter would be a change, most of them no duration yet
    return field


NO_COST = "none"
"""Stands beside what may be weighed against the objective: nothing is."""
PRESETS = {
    "Quick": {"max_trials": 10, "epochs": 5},
    "Balanced": {"max_trials": 50, "epochs": 10},
    "Thorough": {"max_trials": 200, "epochs": 30},
}
_DEFINING = ("objective", "cost", "epochs", "batch_size", "seed", "directory")
_USUAL = ("val_accuracy", "val_loss", "val_mae")
_MOST_COUNT = 1_000_000
_GROUPS = {
    "Strategy": ("strategy", "options"),
    "Budget (empty = no limit)": ("max_trials", "max_time"),
    "Training": ("objective", "epochs"),
}
_ADVANCED = {
    "More of the budget (empty = no limit)": ("max_epochs", "max_memory"),
    "Model constraints (empty = none)": (
        *(limit.name for limit in LIMITS if limit.scope is LimitScope.TRIAL),
    ),
    "More of the training": ("cost", "batch_size", "seed"),
    "Project": ("directory",),
}


class SettingsForm:
    """Everything that can be set before the start. What fits is the search's at once.

    So what the panel shows and what `search.start()` in a cell does are the same thing. A value
    that does not fit stays in its control, with a sentence beside it, and the search keeps the
    last that did. Only what its user has edited is changed.
    """

    def __init__(self, search: Search, on_change: Callable[[], None]) -> None:
        self._search = search
        self._on_change = on_change
        self._strategies: dict[str, Any] = {name: name for name in STRATEGIES}
        self._held: dict[str, Any] = {}
        self._syncing, self._reason = False, ""
        self.about = widgets.HTML()
        self.options = OptionsForm(lambda: self._changed("options"), without=("cost",))
        self._limits = LimitFields(LIMITS)
        self.inputs: dict[str, Any] = {**_made_fields(search), **self._limits.inputs}
        self._complaints = {name: widgets.HTML() for name in ("options", *self.inputs)}
        self.presets = {name: self._preset(name) for name in PRESETS}
        self.advanced = widgets.ToggleButton(description="Advanced", layout={"width": "110px"})
        self._more = self._arranged(_ADVANCED)
        self._more.layout.display = "none"
        self.advanced.observe(lambda _: self._unfold(), "value")
        buttons = row(*self.presets.values(), self.advanced)
        self.widget = widgets.VBox([buttons, self._arranged(_GROUPS), self._more])
        self.sync()
        for name, control in self.inputs.items():
            control.observe(lambda _, name=name: self._changed(name), "value")

    @property
    def legal(self) -> bool:
        """Whether every control holds a value that fits."""
        return not self.reason

    @property
    def reason(self) -> str:
        """Why a control does not fit; '' if all do."""
        return self._reason

    def sync(self) -> None:
        """Shows the search's settings as they are, after something has changed them."""
        self._syncing = True
        try:
            self._held = self._holds()
            for name, value in self._held.items():
                self.inputs[name].value = value
            self._limits.show(self._search.budget, edited_too=True)
            self.options.show(self._search.settings.strategy)
            self._complain("", None)
        finally:
            self._syncing = False

    def enable(self, *, live: bool, started: bool) -> None:
        """Locks what can't be changed now: all in a live search, later what defines trials."""
        for name, control in self.inputs.items():
            control.disabled = live or (started and name in _DEFINING)
        for button in self.presets.values():
            button.disabled = live or started
        self.options.enable(enabled=not live)

    def _preset(self, name: str) -> Any:
        changes = PRESETS[name]
        about = f"{changes['max_trials']} trials, {changes['epochs']} epochs per trial"
        button = widgets.Button(description=name, tooltip=about, layout={"width": "110px"})
        button.on_click(lambda _: self._configure("epochs", **changes))
        return button

    def _unfold(self) -> None:
        self._more.layout.display = "" if self.advanced.value else "none"

    def _arranged(self, groups: Mapping[str, tuple[str, ...]]) -> Any:
        columns = []
        for title, names in groups.items():
            fields = [widgets.HTML(f'<p class="nas-caption">{title}</p>')]
            for name in names:
                control = self.options.widget if name == "options" else self.inputs[name]
                fields += [control, self._complaints[name]]
                if name == "strategy":
                    fields.append(self.about)
            columns.append(widgets.VBox(fields))
        first, *others = columns
        form = widgets.HBox([first, widgets.HBox(others)])
        for box in (form, form.children[1]):
            box.add_class("nas-controls")
        return form

    def _holds(self) -> dict[str, Any]:
        """Returns what each control but those of limits has to show."""
        settings = self._search.settings
        # One given with options, or of the user's own, can be chosen again.
        name, own = settings.strategy.name, settings.strategy.options.get("cost", NO_COST)
        cost = ", ".join(settings.minimised) or str(own)
        self._strategies[name] = settings.strategy
        held = {"strategy": name, "objective": str(settings.objective.name), "cost": cost}
        for control, value in held.items():
            offered = self.inputs[control].options
            if value not in (one if isinstance(one, str) else one[1] for one in offered):
                self.inputs[control].options = [*offered, value]
        return {
            **held,
            "directory": folder_text(self._search.directory),
            "epochs": settings.fidelity.epochs,
            "batch_size": settings.fidelity.batch_size,
            "seed": settings.seed,
        }

    def _changed(self, name: str) -> None:
        if self._syncing:
            return
        try:
            # All that is edited together: whether one fits can depend on another.
            changes = self._edited(name)
        except NasError as error:
            self._complain(name, error)
            self._on_change()
        else:
            self._configure(name, **changes)

    def _configure(self, name: str, **changes: Any) -> None:
        try:
            self._search.configure(**changes)
        except NasError as error:
            self._complain(name, error)
        else:
            self.sync()
        self._on_change()

    def _edited(self, changed: str) -> dict[str, Any]:
        values = {name: self.inputs[name].value for name in self._held}
        edited = {name: v for name, v in values.items() if v != self._held[name]}
        if changed == "options" or {"strategy", "cost"} & {*edited, changed}:
            edited["strategy"] = self._strategy(values["strategy"], values["cost"], changed=changed)
        weighed = edited.pop("cost", None) or ", ".join(self._search.settings.minimised)
        if "objective" in edited or weighed:
            scored = values["objective"].strip() or None
            costs = [name for name in weighed.split(", ") if name not in ("", NO_COST)]
            edited["objective"] = [scored, *costs] if costs else scored
        if "directory" in edited:
            edited["directory"] = _folder(edited["directory"].strip())
        return {**edited, **self._limits.edited()}

    def _strategy(self, name: str, cost: str, *, changed: str) -> str | Strategy:
        """Returns the strategy that is chosen, with the options that are entered."""
        chosen = self._strategies[name]
        options = self.options.read() if changed == "options" else {}
        weighs = "cost" in option_kinds(type(make_strategy(chosen)))
        if changed == "cost" and weighs and cost == NO_COST:
            raise StrategyError(f"{name} weighs the objective against a cost: choose which.")
        if not options:
            return chosen  # type: ignore[no-any-return]
        made = make_strategy(chosen, **options)
        self._strategies[name] = made
        return made

    def _complain(self, name: str, error: NasError | None) -> None:
        """Says the one thing that does not fit: where it was said before, or beside `name`."""
        self._reason = "" if error is None else str(error)
        text = "" if error is None else alert_html(error)
        said = [place for place, complaint in self._complaints.items() if complaint.value == text]
        place = said[0] if said and text else name
        for other, complaint in self._complaints.items():
            complaint.value = text if other == place else ""


def _folder(text: str) -> Path:
    if not text:
        raise SearchError("Expected a folder to keep the search in. Received: nothing.")
    return Path(text)


def strategies_offered() -> list[tuple[str, str]]:
    """Returns (label, name) of each strategy; a page disables those whose label names a need."""
    installed = find_spec("optuna") is not None
    needing = [n for n, kind in STRATEGIES.items() if issubclass(kind, OptunaStrategy)]
    missing = [] if installed else needing
    return [(f"{n} (needs the extra optuna)" if n in missing else n, n) for n in STRATEGIES]


def _made_fields(search: Search) -> dict[str, Any]:
    known, now = logged_metrics(search.space, search.data), str(search.settings.objective.name)
    told = dict.fromkeys(n for n in (now, *(known or _USUAL)) if n == now or n.startswith("val_"))
    # What a model logs that can't be looked into is for its user to say.
    kind = widgets.Combobox if known is None else widgets.Dropdown
    objective = kind(options=list(told), **_described("Objective"))
    folder = widgets.Text(placeholder="where the search is kept", **_described("Folder", 420))
    folder.continuous_update = False
    if known is None:
        objective.continuous_update = False
    second = {"tooltip": "minimised beside the objective", **_described("Second objective")}
    return {
        "strategy": widgets.Dropdown(options=strategies_offered(), **_described("Strategy")),
        "cost": widgets.Dropdown(options=[NO_COST, *COSTS], **second),
        "objective": objective,
        "epochs": _count("Epochs per trial", "", 1, _MOST_COUNT),
        "batch_size": _count("Batch size", "Samples per batch", 1, _MOST_COUNT),
        "seed": _count("Seed", "Decides all that is drawn", 0, 2**31 - 1),
        "directory": folder,
    }


def _count(name: str, tooltip: str, low: int, high: int) -> Any:
    return widgets.BoundedIntText(min=low, max=high, tooltip=tooltip, **_described(name))


def _described(name: str, width: int = 250) -> dict[str, Any]:
    look = {"style": {"description_width": "120px"}, "layout": {"width": f"{width}px"}}
    return {"description": name, **look}


_MOST_OPTION = 10**9


class OptionsForm:
    """A field for each option of a strategy, with the sentence that explains it."""

    def __init__(self, on_change: Callable[[], None], without: Collection[str] = ()) -> None:
        self._on_change = on_change
        self._without = without
        self._optional: frozenset[str] = frozenset()
        self._of: type[Strategy] | None = None
        self._showing = False
        self.inputs: dict[str, Any] = {}
        self.widget = widgets.VBox()

    def show(self, strategy: Strategy) -> None:
        """Shows the options of a strategy as they are set."""
        known = option_kinds(type(strategy))
        kinds = {name: kind for name, kind in known.items() if name not in self._without}
        if self._of is not type(strategy):
            self._of = type(strategy)
            self._make(kinds, option_help(type(strategy)))
        self._showing = True
        try:
            for name, control in self.inputs.items():
                value = getattr(strategy, name)
                control.value = _as_text(value) if name in self._optional else value
        finally:
            self._showing = False

    def _changed(self) -> None:
        if not self._showing:
            self._on_change()

    def _make(self, kinds: Mapping[str, str], told: Mapping[str, str]) -> None:
        """Makes new fields in place of those of another strategy."""
        old = self.widget.children
        self._optional = frozenset(name for name, kind in kinds.items() if kind.endswith("| None"))
        self.inputs = {name: _option_field(name, kind) for name, kind in kinds.items()}
        rows = []
        for name, control in self.inputs.items():
            control.observe(lambda _: self._changed(), "value")
            about = f'<p class="nas-help">{html.escape(told.get(name, ""))}</p>'
            row = widgets.HBox([control, widgets.HTML(about)])
            row.add_class("nas-option")
            rows.append(row)
        self.widget.children = rows
        for row in old:
            for part in (*row.children, row):
                part.close()

    def read(self) -> dict[str, Any]:
        """Returns the options as they were entered."""
        return {name: self._value(name, control.value) for name, control in self.inputs.items()}

    def enable(self, *, enabled: bool) -> None:
        """Lets the fields be changed, or locks them."""
        for control in self.inputs.values():
            control.disabled = not enabled

    def _value(self, name: str, value: Any) -> Any:
        if name not in self._optional:
            return value
        text = value.strip()
        if not text:
            return None
        try:
            return int(text)
        except ValueError as error:
            raise StrategyError(
                f"Expected `{name}` to be a whole number or empty. Received: {text}."
            ) from error


def option_kinds(strategy: type[Strategy]) -> Mapping[str, str]:
    """Returns the options that a field can hold, with their types as they are written."""
    kinds = {field.name: str(field.type) for field in dataclasses.fields(strategy)}
    names = strategy.option_names()
    return {name: kinds[name] for name in names if kinds[name] in _FIELDS}


def _as_text(value: int | None) -> str:
    return "" if value is None else str(value)


def _number(**look: Any) -> Any:
    return widgets.BoundedIntText(min=0, max=_MOST_OPTION, **look)


def _empty_or_number(**look: Any) -> Any:
    return widgets.Text(placeholder="automatic", **look)


def _yes_or_no(**look: Any) -> Any:
    return widgets.Checkbox(indent=False, **look)


_FIELDS: dict[str, Callable[..., Any]] = {
    "int": _number,
    "float": widgets.FloatText,
    "bool": _yes_or_no,
    "str": widgets.Text,
    "int | None": _empty_or_number,
}


def _option_field(name: str, kind: str) -> Any:
    label = name.replace("_", " ")
    field = _FIELDS[kind](
        description=label[:1].upper() + label[1:],
        style={"description_width": "120px"},
        layout={"width": "250px"},
    )
    if kind != "bool":
        field.continuous_update = False
    return field
