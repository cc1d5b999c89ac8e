"""When a parameter counts: while others have certain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas_nb.errors import SpaceError

if TYPE_CHECKING:
    from nas_nb.record.values import Value


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
