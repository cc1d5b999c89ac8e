"""A domain as text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter


def describe(domain: Domain) -> str:
    """Returns a line with the size, then a line for each parameter: name, values, condition.

    Example:
        >>> print(describe(domain))
        984 architectures, 9 parameters
        <BLANKLINE>
        depth         1, 2, 3
        layer_1       Conv2D, Dense
        layer_2       Conv2D, Dense   if depth is 2 or 3 and layer_1 is Conv2D
    """
    size = "infinitely many" if math.isinf(domain.size) else f"{domain.size:,}"
    architectures = "architecture" if domain.size == 1 else "architectures"
    parameters = "parameter" if len(domain.names) == 1 else "parameters"
    head = f"{size} {architectures}, {len(domain.names)} {parameters}"
    rows = [(p.name, p.range_text(), _condition_text(p)) for p in domain.parameters]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [
        f"{name:{widths[0]}}  {values:{widths[1]}}  {condition}".rstrip()
        for name, values, condition in rows
    ]
    return "\n".join([head, "", *lines])


def _condition_text(parameter: Parameter) -> str:
    parts = [f"{c.parent} is {_alternatives(c.values)}" for c in parameter.conditions]
    return f"if {' and '.join(parts)}" if parts else ""


def _alternatives(values: Sequence[object]) -> str:
    *first, last = map(str, values)
    return f"{', '.join(first)} or {last}" if first else last
