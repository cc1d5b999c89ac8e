"""The cost that a strategy weighs the score against: is it known, and do trials tell it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas_nb.errors import StrategyError, nearest

if TYPE_CHECKING:
    from nas_nb.record.history import History

COSTS = ("params", "flops", "latency_s")
"""What a `Search` measures. Trials that others record may tell other costs."""

ENOUGH = 3
"""Completed trials that should tell the cost if any does."""


def check_cost(owner: str, cost: object) -> None:
    """Raises a `StrategyError` unless an option `cost` is a name.

    Args:
        owner: The strategy's name, for the message.
        cost: What the user gave.
    """
    if not isinstance(cost, str) or not cost:
        raise StrategyError(
            f"Strategy '{owner}' expected `cost` to be the name of a cost, such as "
            f"{', '.join(COSTS)}. Received: cost={cost!r}."
        )


def refuse_unmeasured(owner: str, cost: str) -> None:
    """Raises a `StrategyError` if a `Search` does not measure a cost.

    Args:
        owner: The strategy's name, for the message.
        cost: The name of the cost.
    """
    if cost not in COSTS:
        raise StrategyError(
            f"Strategy '{owner}' expected `cost` to be one that a search measures: "
            f"{', '.join(COSTS)}. Received: cost={cost!r}.{nearest(cost, COSTS)}"
        )


def untold(cost: str, history: History) -> str | None:
    """Returns that no trial tells the cost, as a sentence; None if one does, or few are known."""
    known = len(history.completed)
    if known < ENOUGH or any(cost in trial.costs for trial in history.completed):
        return None
    return f"by the score alone, because none of {known} completed trials tells the cost '{cost}'."
