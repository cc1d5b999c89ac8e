"""A field for each limit of a budget; empty is no limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from nas_nb.search.budget import LimitKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nas_nb.search.budget import Budget, Limit

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
