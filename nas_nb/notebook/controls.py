"""The settings of a search as input widgets, which say beside themselves what does not fit."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from nas_nb.errors import NasError
from nas_nb.search.budget import describe_duration, parse_duration
from nas_nb.strategy.names import STRATEGIES

if TYPE_CHECKING:
    from nas_nb.search.search import Search

_MOST = 1_000_000


class Controls:
    """Strategy, budget, epochs and seed. A change that fits is the search's at once.

    So what the panel shows and what `search.start()` in a cell does are the same thing. A value
    that does not fit stays in its control, with a sentence beside it, and the search keeps the
    last that did.

    Args:
        search: The search to configure.
        on_change: Called after every change, also one that does not fit.

    Attributes:
        widget: All controls.
    """

    def __init__(self, search: Search, on_change: Callable[[], None]) -> None:
        self._search = search
        self._on_change = on_change
        self._strategies: dict[str, Any] = {name: name for name in STRATEGIES}
        # One given with options, or of the user's own, can be chosen again.
        self._strategies[search.strategy.name] = search.strategy
        self._time: tuple[str, float | None] = ("", None)
        self._syncing = False
        self.inputs: dict[str, Any] = _inputs(list(self._strategies))
        self._complaints = {name: widgets.HTML() for name in self.inputs}
        fields = [
            widgets.VBox([control, self._complaints[name]]) for name, control in self.inputs.items()
        ]
        self.widget = widgets.HBox(fields)
        self.widget.add_class("nas-controls")
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
            self._complain("", None)
        finally:
            self._syncing = False

    def enable(self, *, live: bool, started: bool) -> None:
        """Locks what can't be changed now: everything in a live search, seed and epochs later."""
        for name, control in self.inputs.items():
            control.disabled = live or (started and name in ("epochs", "seed"))

    def _shown(self) -> dict[str, Any]:
        """Returns what each control has to show."""
        settings = self._search.settings
        name, seconds = settings.strategy.name, settings.budget.max_time_s
        self._strategies[name] = settings.strategy
        if name not in self.inputs["strategy"].options:
            self.inputs["strategy"].options = list(self._strategies)
        if seconds != self._time[1]:  # else it stays as its user wrote it
            self._time = ("" if seconds is None else describe_duration(seconds), seconds)
        return {
            "strategy": name,
            "max_trials": settings.budget.max_trials or 0,
            "max_time": self._time[0],
            "epochs": settings.fidelity.epochs,
            "seed": settings.seed,
        }

    def _changed(self, name: str) -> None:
        if self._syncing:
            return
        try:
            # All together: whether one fits can depend on another.
            self._search.configure(**self._settings())
        except NasError as error:
            self._complain(name, error)
        else:
            self._complain(name, None)
        self._on_change()

    def _settings(self) -> dict[str, Any]:
        values = {name: control.value for name, control in self.inputs.items()}
        text = values["max_time"].strip()
        if text != self._time[0]:
            self._time = (text, parse_duration(text or None))
        return {
            **values,
            "strategy": self._strategies[values["strategy"]],
            "max_trials": values["max_trials"] or None,
            "max_time": self._time[1],
        }

    def _complain(self, name: str, error: NasError | None) -> None:
        """Says the one thing that does not fit: where it was said before, or beside `name`."""
        text = "" if error is None else f'<p role="alert">{html.escape(str(error))}</p>'
        said = [place for place, complaint in self._complaints.items() if complaint.value == text]
        place = said[0] if said and text else name
        for other, complaint in self._complaints.items():
            complaint.value = text if other == place else ""


def _inputs(strategies: list[str]) -> dict[str, Any]:
    """Returns the input widgets by the name of what they set, in the order of the panel."""
    trials = widgets.BoundedIntText(
        min=0, max=_MOST, description="Max trials", tooltip="0 is no limit", **_field(150)
    )
    epochs = widgets.BoundedIntText(
        min=1, max=_MOST, description="Epochs a trial", tooltip="Epochs of training", **_field(170)
    )
    # Each letter would be a change of its own, most of them no duration yet.
    time = widgets.Text(description="Max time", placeholder="no limit", **_field(170))
    time.continuous_update = False
    return {
        "strategy": widgets.Dropdown(options=strategies, description="Strategy", **_field(190)),
        "max_trials": trials,
        "max_time": time,
        "epochs": epochs,
        "seed": widgets.BoundedIntText(min=0, max=2**31 - 1, description="Seed", **_field(130)),
    }


def _field(width: int) -> dict[str, Any]:
    return {"style": {"description_width": "initial"}, "layout": {"width": f"{width}px"}}
