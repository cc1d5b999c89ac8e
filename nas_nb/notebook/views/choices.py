"""The choices of a space as axes: where on a line from 0 to 1 each value stands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas_nb.space.encoding import scale

if TYPE_CHECKING:
    from nas_nb.record.values import Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.numeric import NumericRange
    from nas_nb.space.parameter import Parameter

_LISTED = 12
ABSENT = -0.2
"""Where an architecture stands that does not make the choice."""


@dataclass(frozen=True)
class Choice:
    """One choice of a space, with one place for each value it may ever have.

    Attributes:
        name: Its name.
        values: Its values in order; empty for a long or continuous range.
        line: That range; None where values are listed.
        conditional: Whether there are architectures that don't make it.
    """

    name: str
    values: tuple[Value, ...]
    line: NumericRange | None
    conditional: bool

    def place(self, values: Values) -> float:
        """Returns where the architecture stands: from 0 to 1, or `ABSENT`."""
        value = values.get(self.name)
        if value is None:
            return ABSENT
        if self.line is not None and not isinstance(value, str):
            return self.line.to_unit(min(max(value, self.line.low), self.line.high))
        if value not in self.values:
            return ABSENT
        return self.values.index(value) / max(1, len(self.values) - 1)

    @property
    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Places with what to write there."""
        if self.line is None:
            return tuple((self.place({self.name: v}), _short(v)) for v in self.values)
        middle = self.line.from_unit(0.5)
        return tuple(
            (self.line.to_unit(v), f"{v:.3g}") for v in (self.line.low, middle, self.line.high)
        )


def choices_of(domain: Domain) -> tuple[Choice, ...]:
    """Returns the choices of a space that have more than one value, in its order."""
    named: dict[str, list[Parameter]] = {}
    for parameter in domain.parameters:
        named.setdefault(parameter.name, []).append(parameter)
    choices = (_choice(name, parameters) for name, parameters in named.items())
    return tuple(choice for choice in choices if choice.line or len(choice.values) > 1)


def _choice(name: str, parameters: list[Parameter]) -> Choice:
    conditional = all(parameter.conditions for parameter in parameters)
    if all(p.choices or p.count <= _LISTED for p in parameters):
        values = dict.fromkeys(value for p in parameters for value in p.values())
        ordered = all(not isinstance(value, str) for value in values)
        listed = sorted(values) if ordered else list(values)
        return Choice(name, tuple(listed), None, conditional)
    longest = max((p for p in parameters if not p.choices), key=_length)
    return Choice(name, (), scale(longest), conditional)


def _length(parameter: Parameter) -> float:
    return float(parameter.high or 0) - float(parameter.low or 0)


def _short(value: Value) -> str:
    text = f"{value:.4g}" if isinstance(value, float) and math.isfinite(value) else str(value)
    return text if len(text) <= 14 else f"{text[:13]}…"
