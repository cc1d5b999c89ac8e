"""Options of strategies: default, meaning and legal values in one declaration."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from nas_nb.errors import StrategyError, nearest

_KINDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "int": ("a whole number", (int,)),
    "float": ("a number", (int, float)),
    "bool": ("True or False", (bool,)),
    "str": ("text", (str,)),
}


class Legal(NamedTuple):
    """Which values an option takes; `words` are the texts to choose from, none for any text."""

    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    words: tuple[str, ...] = ()

    def admits(self, value: Any) -> bool:
        """Whether a value of the right type is within the limits."""
        if isinstance(value, str):
            return value in self.words if self.words else bool(value)
        return (
            math.isfinite(value)
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        """The limits in words, as in ", above 0 and below 1"."""
        if self.words:
            return f", one of {', '.join(self.words)}"
        limits = {
            "{:g} or more": self.low,
            "above {:g}": self.above,
            "{:g} at most": self.high,
            "below {:g}": self.below,
        }
        told = [text.format(limit) for text, limit in limits.items() if limit is not None]
        return f", {' and '.join(told)}" if told else ""


def option(default: Any, about: str, **legal: Any) -> Any:
    """Declares an option of a strategy, a field of its dataclass."""
    return dataclasses.field(default=default, metadata={"about": about, "legal": Legal(**legal)})


def option_fields(strategy: type) -> dict[str, dataclasses.Field[Any]]:
    """Returns the fields of a class that are options, even before it is a dataclass itself."""
    found: dict[str, dataclasses.Field[Any]] = {f.name: f for f in dataclasses.fields(strategy)}
    found |= {n: own for n, own in vars(strategy).items() if isinstance(own, dataclasses.Field)}
    return {name: field for name, field in found.items() if name != "domain"}


def option_help(strategy: type) -> dict[str, str]:
    """Returns what each option of a strategy means, and its limits, in a sentence."""
    told = {name: field.metadata for name, field in option_fields(strategy).items()}
    return {n: f"{own['about'].removesuffix('.')}{own['legal']}." for n, own in told.items() if own}


def check_options(strategy: type, name: str, options: Mapping[str, Any]) -> None:
    """Raises a `StrategyError` for a value of another type than its field's, or out of limits."""
    fields = option_fields(strategy)
    for own, value in options.items():
        kind, _, optional = _written(fields[own].type).partition(" | ")
        if kind not in _KINDS or optional not in ("", "None") or (value is None and optional):
            continue
        wanted, types = _KINDS[kind]
        legal: Legal = fields[own].metadata.get("legal", Legal())
        # True is an int to Python, and a mistake here.
        fits = isinstance(value, types) and (kind == "bool" or not isinstance(value, bool))
        if not fits or not legal.admits(value):
            raise StrategyError(
                f"Strategy '{name}' expected `{own}` to be {wanted}{legal}"
                f"{' or None' if optional else ''}. Received: {own}={value!r}."
                f"{nearest(str(value), legal.words)}"
            )


def _written(kind: Any) -> str:
    return kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
