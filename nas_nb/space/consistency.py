"""What has to hold for parameters to make a domain, and what is said of values that don't fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nas_nb.errors import SpaceError, nearest

if TYPE_CHECKING:
    from nas_nb.record.values import Values
    from nas_nb.space.parameter import Parameter


def check_parameters(parameters: Sequence[Parameter]) -> None:
    """Checks that parents come first, and that what shares a name has one range.

    Raises:
        SpaceError: There is no parameter, a condition asks about an unknown or later parameter,
            or a name is used twice with different ranges at the same time.
    """
    if not parameters:
        raise SpaceError(
            "Expected a space with at least one parameter, got an empty one: add a choice to it."
        )
    seen: dict[str, list[Parameter]] = {}
    for parameter in parameters:
        for condition in parameter.conditions:
            if condition.parent not in seen or condition.parent == parameter.name:
                raise SpaceError(
                    f"Expected the condition of '{parameter.name}' to ask about another, "
                    f"earlier parameter, got '{condition.parent}'."
                    + nearest(condition.parent, seen)
                )
        for earlier in seen.setdefault(parameter.name, []):
            _check_sharing(earlier, parameter)
        seen[parameter.name].append(parameter)


def illegal(parameter: Parameter, values: Values) -> SpaceError:
    """Returns the error of a value that is missing or not in its range."""
    got = f"got {values[parameter.name]!r}" if parameter.name in values else "got no value"
    return SpaceError(f"Expected '{parameter.name}' to be {parameter.range_text()}, {got}.")


def unknown(values: Values, names: Sequence[str]) -> SpaceError:
    """Returns the error of values of which one has none of the domain's `names`."""
    name = min(set(values) - set(names))
    return SpaceError(
        f"Expected values of the space's own parameters, got '{name}'."
        + (nearest(name, names) or f" They are: {', '.join(names)}.")
    )


def _check_sharing(earlier: Parameter, later: Parameter) -> None:
    mine = {condition.parent: set(condition.values) for condition in later.conditions}
    exclusive = any(
        condition.parent in mine and not mine[condition.parent] & set(condition.values)
        for condition in earlier.conditions
    )
    if not exclusive and earlier.range_text() != later.range_text():
        raise SpaceError(
            f"Expected '{later.name}' to have one range wherever it is active, got "
            f"{earlier.range_text()} and {later.range_text()}: give one of them another name."
        )
