"""What a parameter may be declared with: a range or choices, checked and brought to one type."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nas_nb.errors import SpaceError
from nas_nb.record.values import plain

if TYPE_CHECKING:
    from nas_nb.record.values import Value
    from nas_nb.space.parameter import Parameter


def checked_range(parameter: Parameter, *, whole: bool) -> tuple[float, float, float | None]:
    """Returns the low end, the high end and the step of a numeric parameter.

    Args:
        parameter: What was declared.
        whole: Whether only whole numbers count; on a linear scale their step is 1 by default.

    Raises:
        SpaceError: The range is empty or infinite, or an end or the step can't be.
    """
    name, low, high, step = parameter.name, parameter.low, parameter.high, parameter.step
    if low is None or high is None or not low <= high:
        raise SpaceError(
            f"Expected '{name}' to run from a low to a higher number, "
            f"got low={low!r}, high={high!r}."
        )
    if not (math.isfinite(low) and math.isfinite(high)):
        raise SpaceError(f"Expected finite ends of '{name}', got {low!r} and {high!r}.")
    if parameter.log and low <= 0:
        raise SpaceError(f"Expected '{name}' to start above 0 on a log scale, got low={low!r}.")
    convert = int if whole else float
    if convert(low) != low or convert(high) != high:
        raise SpaceError(f"Expected whole ends of '{name}', got {low!r} and {high!r}.")
    if step is None and whole and not parameter.log:
        step = 1
    least = 1 if parameter.log else 0
    if step is not None and step <= least:
        raise SpaceError(f"Expected the step of '{name}' above {least}, got {step!r}.")
    return convert(low), convert(high), step


def checked_choices(name: str, given: Sequence[Value]) -> tuple[Value, ...]:
    """Returns the values of a parameter as plain Python's, numbers of both types as floats.

    Raises:
        SpaceError: There is none, or a value is of the wrong type or given twice.
    """
    choices = tuple(plain(choice) for choice in given)
    if not choices:
        raise SpaceError(f"Expected '{name}' to have a value to choose, got none.")
    types = {type(choice) for choice in choices}
    if types == {int, float}:
        choices = tuple(float(choice) for choice in choices)
    elif len(types) > 1 or not types <= {str, int, float, bool}:
        raise SpaceError(
            f"Expected the values of '{name}' to be all strings, all numbers or all "
            f"booleans, got {list(given)!r}."
        )
    if len(set(choices)) < len(choices):
        twice = next(c for n, c in enumerate(choices) if c in choices[:n])
        raise SpaceError(
            f"Expected the values of '{name}' to differ, got {twice!r} twice: remove one of them."
        )
    return choices
