"""What the budget will cover: how much of the space, and in what time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nas_nb.notebook.wording import size_text
from nas_nb.search.budget import describe_duration

if TYPE_CHECKING:
    from nas_nb.search.search import Search


def coverage_text(search: Search) -> str:
    """Returns the line '60 of 15,625 architectures, about 4 min'.

    A time is told where trials of this search were measured; else what decides it.
    """
    return f"{_share(search)}, {_time(search)}."


def _share(search: Search) -> str:
    most, size = _trials(search), search.space.size
    if most is None:
        return f"As many of {size_text(size)} as the budget allows"
    shown = min(most, size)
    return f"{int(shown):,} of {size_text(size)}{_part(shown, size)}"


def _part(shown: float, size: float) -> str:
    if math.isinf(size) or size <= 0:
        return ""
    share = 100 * shown / size
    return f" ({share:.0f} %)" if share >= 1 else f" ({share:.1g} %)"


def _trials(search: Search) -> int | None:
    budget, epochs = search.budget, search.settings.fidelity.epochs
    by_epochs = None if budget.max_epochs is None else math.ceil(budget.max_epochs / epochs)
    known = [count for count in (budget.max_trials, by_epochs) if count is not None]
    return min(known) if known else None


def _time(search: Search) -> str:
    history, limit_s = search.history, search.budget.max_time_s
    spent, left = history.busy_s, _trials(search)
    at_most = "" if limit_s is None else f"at most {describe_duration(limit_s)}"
    if not history.epochs_spent or left is None:
        return at_most or "in the time that the models take to train"
    # Epochs, not trials: those that failed early took next to no time.
    needed = spent / history.epochs_spent * left * search.settings.fidelity.epochs
    if limit_s is not None and needed >= limit_s:
        return at_most
    return f"about {describe_duration(max(1, needed))} by what was measured so far"
