"""Options of a wrong type, refused for all strategies in one place."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nas_nb.errors import StrategyError

if TYPE_CHECKING:
    from nas_nb.strategy.strategy import Strategy

_KINDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "int": ("a whole number", (int,)),
    "float": ("a number", (int, float)),
    "bool": ("True or False", (bool,)),
    "str": ("text", (str,)),
}
_CHECKED_BY_CLASS = ("int", "str")
"""Our own classes refuse these by themselves: they know the range, or the words."""


def check_types(strategy: type[Strategy], options: Mapping[str, Any]) -> None:
    """Raises a `StrategyError` for an option whose value is not of the type of its field.

    Fields of other types than int, float, bool and str, or None beside them, take anything.

    Args:
        strategy: The class; its fields say the types.
        options: Values by name, all of them fields of the class.
    """
    types = {field.name: _written(field.type) for field in dataclasses.fields(strategy)}
    own = strategy.__module__.startswith("nas_nb.")
    for option, value in options.items():
        kind, _, optional = types[option].partition(" | ")
        if kind not in _KINDS or optional not in ("", "None"):
            continue
        if (own and kind in _CHECKED_BY_CLASS) or (value is None and optional):
            continue
        wanted, legal = _KINDS[kind]
        # True is an int to Python, and a mistake here.
        if not isinstance(value, legal) or (isinstance(value, bool) and kind != "bool"):
            raise StrategyError(
                f"Strategy '{strategy.name}' expected `{option}` to be {wanted}"
                f"{' or None' if optional else ''}. Received: {option}={value!r}."
            )


def _written(kind: Any) -> str:
    return kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
