"""The options of a strategy as input widgets, made from its fields and its docstring."""

from __future__ import annotations

import dataclasses
import html
import inspect
import re
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from nas_nb.errors import StrategyError

if TYPE_CHECKING:
    from nas_nb.strategy.strategy import Strategy

_ENTRY = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)
_MOST = 10**9


class OptionsForm:
    """A field for each option of a strategy, with what its docstring says about it.

    Args:
        on_change: Called after every change that its user makes.
        without: Options that have a control elsewhere.

    Attributes:
        widget: All fields.
        inputs: The fields by the options' names.
    """

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
        self.inputs = {name: _field(name, kind) for name, kind in kinds.items()}
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
        """Returns the options as they were entered.

        Raises:
            StrategyError: A field that may be empty holds no whole number.
        """
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


def option_help(strategy: type[Strategy]) -> dict[str, str]:
    """Returns what the docstrings of a strategy and its bases say about each option."""
    told: dict[str, str] = {}
    for kind in reversed(strategy.__mro__):
        for name, text in _ENTRY.findall(_arguments(kind)):
            told[name] = " ".join(text.replace("`", "").split())
    return told


def about(strategy: type[Strategy]) -> str:
    """Returns the first paragraphs of a strategy's docstring: what it does, and when to use it."""
    paragraphs = inspect.cleandoc(strategy.__doc__ or "").split("\n\n")
    return " ".join(" ".join(paragraph.split()) for paragraph in paragraphs[:2])


def _arguments(kind: type) -> str:
    text = inspect.cleandoc(kind.__doc__ or "")
    return text.partition("\nArgs:\n")[2].partition("\n\n")[0]


def _as_text(value: int | None) -> str:
    return "" if value is None else str(value)


def _number(**look: Any) -> Any:
    return widgets.BoundedIntText(min=0, max=_MOST, **look)


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


def _field(name: str, kind: str) -> Any:
    label = name.replace("_", " ")
    field = _FIELDS[kind](
        description=label[:1].upper() + label[1:],
        style={"description_width": "100px"},
        layout={"width": "230px"},
    )
    if kind != "bool":
        field.continuous_update = False
    return field
