"""The odometer that lists the points of a finite domain, each once and in order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from nas_nb.errors import SpaceError

if TYPE_CHECKING:
    from nas_nb.record.values import Value, Values
    from nas_nb.space.domain import Domain

First = Callable[["Values"], "dict[str, Value]"]
"""Returns the first point that has the given values of the foremost active parameters."""


def points(domain: Domain, first: First, after: Values | None) -> Iterator[dict[str, Value]]:
    """Yields the points of a finite domain, in the order of the parameters' values.

    Args:
        domain: Answers which parameters are active: the wheels.
        first: Starts the other wheels anew, at their first values.
        after: A point: only those that follow it. None: from the first.

    Raises:
        SpaceError: The domain is infinite.
    """
    # Here and not in the generator, so that the error comes before the first point is asked for.
    if math.isinf(domain.size):
        raise SpaceError(
            "Expected a finite space to enumerate, got an infinite one: give its continuous "
            "parameters a step, or draw samples instead."
        )
    return _points(domain, first, after)


def _points(domain: Domain, first: First, after: Values | None) -> Iterator[dict[str, Value]]:
    point = first({}) if after is None else _next(domain, first, domain.canonical(after))
    while point is not None:
        yield dict(point)
        point = _next(domain, first, point)


def _next(domain: Domain, first: First, point: dict[str, Value]) -> dict[str, Value] | None:
    # The last wheel that can still turn does, and those after it start anew.
    active = domain.active(point)
    for number in range(len(active) - 1, -1, -1):
        wheel = active[number]
        index = wheel.index_of(point[wheel.name]) + 1
        if index < wheel.count:
            kept = {p.name: point[p.name] for p in active[:number]}
            kept[wheel.name] = wheel.value_at(index)
            return first(kept)
    return None
