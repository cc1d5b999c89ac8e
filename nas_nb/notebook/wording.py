"""What is said about a search, in the panel, the record and the terminal alike: plain sentences."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

from nas_nb.search.budget import describe_duration
from nas_nb.workers.control import SearchState

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Value, Values
    from nas_nb.search.search import Search

_NUMBERED = re.compile(r"(.+)_(\d+)")


def status_line(search: Search) -> str:
    """Returns what the search does and has found; it changes with trials, not with seconds."""
    parts = [_state(search), _counts(search), _best(search.history)]
    return " ".join(part for part in parts if part)


def time_line(search: Search) -> str:
    """Returns the time that passed, and the time that is left where that can be told."""
    if search.state is SearchState.NEW:
        return ""
    progress = search.progress
    passed = describe_duration(progress.elapsed_s)
    if not search.state.live:
        return f"{passed} in all"
    if progress.eta_s is None:
        return f"{passed} so far"
    return f"{passed} so far, about {describe_duration(progress.eta_s)} left"


def epoch_text(search: Search) -> str:
    """Returns where the running trial, or what precedes the first one, is: 'epoch 3 of 10'."""
    running = search.history.running
    if running is None:
        return _preparation(search)
    granted = running.epochs_granted
    epoch = running.epochs + 1 if granted is None else min(running.epochs + 1, granted)
    return f"epoch {epoch}{'' if granted is None else f' of {granted}'}"


def _preparation(search: Search) -> str:
    """Returns which epoch a strategy trains before it proposes; '' when it doesn't."""
    events = search.history.prepared
    detail = events[-1].get("detail") if events and search.state.live else None
    epoch, epochs = (detail or {}).get("epoch", 0), (detail or {}).get("epochs", 0)
    if not epoch < epochs:
        return ""
    return f"{events[-1]['strategy']} prepares: epoch {epoch + 1} of {epochs}"


def progress_text(search: Search) -> str:
    """Returns the trials that ended, with the most that may: '3 of 12 trials'."""
    progress = search.progress
    total = "" if progress.total is None else f" of {progress.total:,}"
    noun = "trial" if (progress.total or progress.done) == 1 else "trials"
    return f"{progress.done:,}{total} {noun}"


def choice_text(search: Search) -> str:
    """Returns what the strategy says of itself, 'auto: grid, because ...'; '' if nothing."""
    return f"{search.strategy.name}: {search.strategy_reason}" if search.strategy_reason else ""


def budget_text(search: Search) -> str:
    """Returns what may be spent, and on each trial."""
    return f"{search.budget.described()}; {search.settings.fidelity.epochs} epochs a trial"


def folder_text(search: Search) -> str:
    """Returns the path of the search's folder, as short as it may be written here."""
    here, folder = Path.cwd(), search.directory
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


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


def by_number(values: Values) -> tuple[dict[str, dict[str, Value]], dict[str, Value]]:
    """Sorts the choices into those of a numbered layer and the others.

    Returns:
        The choices by number and name, and the others. A number with one choice is no layer.

    Example:
        >>> by_number({"depth": 1, "layer_1": "Conv2D", "units_1": 64})
        ({'1': {'layer': 'Conv2D', 'units': 64}}, {'depth': 1})
    """
    layers: dict[str, dict[str, Value]] = {}
    for name, value in values.items():
        if match := _NUMBERED.fullmatch(name):
            layers.setdefault(match[2], {})[match[1]] = value
    if max(map(len, layers.values()), default=0) < 2:
        return {}, dict(values)
    return layers, {name: v for name, v in values.items() if not _NUMBERED.fullmatch(name)}


def values_text(values: Values) -> str:
    """Returns the choices in one line; those of one layer (`units_2`, `layer_2`) stand together.

    Example:
        >>> values_text({"depth": 2, "layer_1": "Conv2D", "units_1": 64, "units_2": 32})
        'depth=2, 1: Conv2D 64, 2: 32'
    """
    layers, others = by_number(values)
    pieces = [f"{name}={value_text(value)}" for name, value in others.items()]
    pieces += [
        f"{number}: {' '.join(value_text(value) for value in layer.values())}"
        for number, layer in layers.items()
    ]
    return ", ".join(pieces)


def _state(search: Search) -> str:
    running = search.history.running
    trial = f" trial {running.number}" if running is not None else ""
    reason = (search.reason or "").removesuffix(".")
    if search.state is SearchState.NEW:
        return "Ready to start."
    if search.state is SearchState.RUNNING:
        return f"Running{trial}." if trial else "Running: the next trial is being prepared."
    if search.state is SearchState.PAUSED:
        why = f" {reason}. Resume goes on." if reason else ""
        return f"Paused{f' in{trial}' if trial else ''}.{why}"
    state = search.state.value.capitalize()
    if reason.lower().startswith(state.lower()):
        return f"{reason[0].upper()}{reason[1:]}."
    return f"{state}: {reason}." if reason else f"{state}."


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
