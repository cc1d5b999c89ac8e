"""Asking a user's function, and saying what it did wrong where its own error would not."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_nb.errors import StrategyError
from nas_nb.record.frozen import ReadOnlyError
from nas_nb.record.steering import Queued
from nas_nb.record.trial import Trial

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.history import History

_EMPTY = (
    "The history is empty at first: `history.incumbent` is None, and `history.completed` has "
    "nothing in it, until a trial has completed. Begin with, for example, "
    "`if history.incumbent is None: return space.sample(rng)`."
)
_TUPLES = (
    "The history's lists are tuples, which are only for reading: change a copy, as in "
    "`trials = list(history.trials)`."
)


def ask(
    function: Callable[..., Any], name: str, history: History, rng: np.random.Generator
) -> object:
    """Returns what a function proposes, which may be anything.

    Args:
        function: `propose(history, rng)`.
        name: What it is called, for the messages.
        history: What happened so far.
        rng: The source of chance.

    Raises:
        StrategyError: It tried to change the history.
        Exception: What the function raised, with a note where the empty history may be why.
    """
    before = _sums(history)
    try:
        proposed: object = function(history, rng)
    except Exception as error:
        if _is_change(error):
            raise StrategyError(
                f"'{name}' tried to change the history{_where(error)}, which is only for reading: "
                "change a copy, dict(...), as in `values = dict(trial.values)`."
            ) from error
        if "'tuple' object" in str(error):
            error.add_note(_TUPLES)
        if history.incumbent is None and _misses_something(error):
            error.add_note(_EMPTY)
        raise
    if _sums(history) != before:
        raise StrategyError(
            f"'{name}' wrote an event into the history, which is only for reading: return the "
            "architecture, and the search writes it down. What it wrote is not in the journal: "
            "open the search again."
        )
    return proposed


def _sums(history: History) -> tuple[float, ...]:
    """What any event changes but steering, which may come from another thread at any time."""
    return len(history), len(history.opened), history.epochs_spent, history.busy_s


def _is_change(error: Exception) -> bool:
    """Whether somebody tried to change what the history holds, or the history itself."""
    if isinstance(error, ReadOnlyError):
        return True
    if isinstance(error, FrozenInstanceError):
        step = error.__traceback__
        while step is not None and step.tb_next is not None:
            step = step.tb_next
        changed = None if step is None else step.tb_frame.f_locals.get("self")
        return isinstance(changed, (Trial, Queued))
    return isinstance(error, AttributeError) and "'History' object has no setter" in str(error)


def _where(error: Exception) -> str:
    """The user's line: a notebook shows of our errors the sentence alone."""
    own = str(Path(__file__).parents[1])
    steps = traceback.extract_tb(error.__traceback__)
    theirs = [s for s in steps if s.filename != "<string>" and not s.filename.startswith(own)]
    return f" (line {theirs[-1].lineno}: `{theirs[-1].line}`)" if theirs else ""


def _misses_something(error: Exception) -> bool:
    return isinstance(error, IndexError) or "NoneType" in str(error) or "empty" in str(error)
