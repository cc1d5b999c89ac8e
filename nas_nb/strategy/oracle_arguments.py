"""What an oracle is given, and what the journal says where nothing is."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import keras_tuner as kt

from nas_nb.errors import StrategyError

if TYPE_CHECKING:
    from nas_nb.record.history import History


def one_objective(objective: Any, history: History) -> Any:
    """Returns the objective as KerasTuner takes it: one, and by default that of the journal.

    Raises:
        StrategyError: There are several.
    """
    if isinstance(objective, list) or hasattr(objective, "objectives"):
        raise StrategyError(
            "Expected one objective, a metric's name or a kt.Objective. Received: several "
            f"({objective}). Choose the one to compare trials by."
        )
    if objective is None and history.opened:
        return kt.Objective(history.objective, history.direction)
    return objective


def known_seed(seed: int | None, history: History) -> int:
    """Returns the seed that was given, or that of the journal, or a random one."""
    if seed is None:
        return history.seed if history.opened else random.randrange(2**31)
    return seed
