"""When a parameter counts: while others have certain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas_nb.errors import SpaceError

if TYPE_CHECKING:
    from nas_nb.record.values import Value


Wanted = tuple[tuple[str, "frozenset[Value]"], ...]
"""Parents, and the values that each of them must have."""


@dataclass(frozen=True)
class Condition:
    """The parameter counts only while `parent` is active and has one of `values`."""

    parent: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise SpaceError(f"Expected the condition on '{self.parent}' to name values, got none.")


def holds(conditions: Iterable[Condition], values: Mapping[str, Value | None]) -> bool:
    """Says whether all `conditions` hold for the active `values`."""
    return all(values.get(condition.parent) in condition.values for condition in conditions)


def wanted(conditions: Iterable[Condition]) -> Wanted:
    """Returns the conditions in the form that `is_met` reads: it is asked thousands of times."""
    return tuple((condition.parent, frozenset(condition.values)) for condition in conditions)


def is_met(wanted: Wanted, values: Mapping[str, Value]) -> bool:
    """Says whether all conditions hold for the active `values`: as `holds`, and sooner."""
    for parent, legal in wanted:  # noqa: SIM110 - a generator would take most of the time
        if values.get(parent) not in legal:
            return False
    return True
