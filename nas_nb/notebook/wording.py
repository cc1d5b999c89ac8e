"""What is said about a search, in the panel, the record and the terminal alike: plain sentences."""

from __future__ import annotations

import math
import re
from itertools import groupby
from typing import TYPE_CHECKING

from nas_nb.search.budget import describe_duration
from nas_nb.search.state import SearchState

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.values import Value, Values
    from nas_nb.search.search import Search

_NUMBERED = re.compile(r"(.+)_(\d+)")
_ALIKE = 3  # so many failures with one reason are worth saying


def status_line(search: Search) -> str:
    """Returns what the search does and has found; it changes with trials, not with seconds."""
    parts = [_state(search), _counts(search), _best(search.history)]
    return " ".join(part for part in parts if part)


def time_line(search: Search) -> str:
    """Returns the time that passed, and the time that is left where that can be told."""
    progress = search.progress
    passed = f"{describe_duration(progress.elapsed_s)} so far"
    if not search.state.live or progress.eta_s is None:
        return passed
    return f"{passed}, about {describe_duration(progress.eta_s)} left"


def progress_text(search: Search) -> str:
    """Returns the trials that ended, with the most that may: '3 of 12 trials'."""
    progress = search.progress
    total = "" if progress.total is None else f" of {progress.total:,}"
    noun = "trial" if (progress.total or progress.done) == 1 else "trials"
    return f"{progress.done:,}{total} {noun}"


def budget_text(search: Search) -> str:
    """Returns what may be spent, and on each trial."""
    budget = search.budget
    limits = [
        f"{budget.max_trials:,} trials" if budget.max_trials is not None else "",
        describe_duration(budget.max_time_s) if budget.max_time_s is not None else "",
        f"{budget.max_epochs:,} epochs" if budget.max_epochs is not None else "",
    ]
    text = " or ".join(limit for limit in limits if limit)
    if budget.max_params is not None:
        text += f"; at most {budget.max_params:,} params a model"
    return f"{text}; {search.settings.fidelity.epochs} epochs a trial"


def size_text(size: float) -> str:
    """Returns the size of a space: '15,625 architectures'."""
    if math.isinf(size):
        return "infinitely many architectures"
    if size < 1e9:
        return f"{int(size):,} architecture{'' if size == 1 else 's'}"
    return f"about 10^{math.log10(size):.0f} architectures"


def number_text(number: float | None) -> str:
    """Returns a score or another measured number with four digits that count; '' for None."""
    if number is None:
        return ""
    return f"{number:.4f}" if 1e-3 <= abs(number) < 1e3 or number == 0 else f"{number:.3e}"


def value_text(value: Value) -> str:
    """Returns the value of a choice without the noise of binary fractions."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def values_text(values: Values) -> str:
    """Returns the choices in one line; those of one layer (`units_2`, `layer_2`) stand together.

    Example:
        >>> values_text({"depth": 2, "layer_1": "Conv2D", "units_1": 64, "rate": 0.5})
        'depth=2, 1: Conv2D 64, rate=0.5'
    """
    pieces = []
    for number, names in groupby(values, key=_number_of):
        group = list(names)
        if number is not None and len(group) > 1:
            pieces.append(f"{number}: {' '.join(value_text(values[name]) for name in group)}")
        else:
            pieces += [f"{name}={value_text(values[name])}" for name in group]
    return ", ".join(pieces)


def _number_of(name: str) -> str | None:
    match = _NUMBERED.fullmatch(name)
    return match[2] if match else None


def _state(search: Search) -> str:
    running = search.history.running
    trial = f" trial {running.number}" if running is not None else ""
    if search.state is SearchState.NEW:
        return "Ready to start."
    if search.state is SearchState.RUNNING:
        return f"Running{trial}." if trial else "Running: the next trial is being prepared."
    if search.state is SearchState.PAUSED:
        return f"Paused{f' in{trial}' if trial else ''}.{_why_paused(search.history)}"
    reason = f": {search.reason}" if search.reason else ""
    return f"{search.state.value.capitalize()}{reason}."


def _why_paused(history: History) -> str:
    count, reason = history.failures_in_a_row
    if count < _ALIKE:
        return ""
    return f" The last {count} trials failed alike: {reason}. Resume goes on all the same."


def _counts(search: Search) -> str:
    history = search.history
    if not history.trials:
        return ""
    failed = len(history.finished) - len(history.completed)
    return f"{progress_text(search)} ended{f', {failed:,} of them failed' if failed else ''}."


def _best(history: History) -> str:
    best = history.incumbent
    if best is None:
        return ""
    return f"Best {history.objective} {number_text(best.score)} in trial {best.number}."
