"""How sure a score is: the binomial error of an accuracy, and the trials that it can't rank."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial

_ACCURACY = re.compile(r"val_(\w+_)?acc(uracy)?")


def share_error(share: float, rows: int) -> float:
    """Returns the standard error of a share p of n rows: sqrt(p (1 - p) / n).

    At 0 and 1, where that is 0, p is taken half a row further in: n right rows are no proof.
    """
    inside = min(max(share, 0.5 / rows), 1 - 0.5 / rows)
    return math.sqrt(inside * (1 - inside) / rows)


def score_error(history: History, trial: Trial) -> float | None:
    """Returns the standard error of a trial's score; None where it is no accuracy on known rows."""
    score, rows = trial.score, history.validation_rows
    if not rows or score is None or not 0 <= score <= 1:
        return None
    return share_error(score, rows) if _ACCURACY.fullmatch(history.objective) else None


def tied(history: History) -> tuple[Trial, ...]:
    """Returns the other completed trials with the incumbent's score."""
    best = history.incumbent
    if best is None:
        return ()
    return tuple(t for t in history.completed if t.score == best.score and t.number != best.number)


def within_error(history: History) -> int:
    """Returns how many other completed trials are at most one standard error from the incumbent."""
    best = history.incumbent
    error = None if best is None else score_error(history, best)
    if best is None or best.score is None or error is None:
        return 0
    scores = (trial.score for trial in history.completed if trial.number != best.number)
    return sum(score is not None and abs(best.score - score) <= error for score in scores)
