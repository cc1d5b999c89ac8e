"""Values as positions: of a list, or along a range."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from nas_nb.strategy.policy import scale_of

if TYPE_CHECKING:
    from nas_nb.record.values import Value
    from nas_nb.space.parameter import Parameter

_LISTED = 100


def is_listed(parameter: Parameter) -> bool:
    """Says whether a parameter counts as a list: of choices, or of at most 100 numbers."""
    return bool(parameter.choices) or parameter.count <= _LISTED


def inward(parameter: Parameter, value: Value) -> int | float:
    """Returns the position of a value: its number in a list, or 0 to 1 along a range."""
    if is_listed(parameter):
        return parameter.index_of(value)
    if _on_a_grid(parameter):
        return parameter.index_of(value) / (cast(int, parameter.count) - 1)
    return min(max(scale_of(parameter).to_unit(cast(float, value)), 0.0), 1.0)


def outward(parameter: Parameter, position: int | float) -> Value:
    """Returns the value at a position, that `inward` returned or one between."""
    if is_listed(parameter):
        return parameter.value_at(int(position))
    if _on_a_grid(parameter):
        return parameter.value_at(round(position * (cast(int, parameter.count) - 1)))
    value = scale_of(parameter).from_unit(position)
    return value if math.isinf(parameter.count) else round(value)


def _on_a_grid(parameter: Parameter) -> bool:
    """Whether its points are even on its own scale."""
    return parameter.step is not None
