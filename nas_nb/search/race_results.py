"""What a race has shown: a tidy frame, and the strategies with means and their errors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from nas_nb.record.history import History


Histories = Mapping[tuple[str, int], "History"]
"""What happened, by strategy and seed."""


class Run(NamedTuple):
    """A search as a line: its ended trials in order.

    Attributes:
        scores: Of each; NaN where it failed.
        incumbents: The best score so far; NaN before there is one.
        epochs: Spent so far.
        times_s: Seconds spent on trials so far.
    """

    scores: list[float]
    incumbents: list[float]
    epochs: list[int]
    times_s: list[float]


def run_of(history: History) -> Run:
    """Returns the line of a search."""
    run = Run([], [], [], [])
    best, epochs, time_s = math.nan, 0, 0.0
    for trial in history.finished:
        score = math.nan if trial.score is None else trial.score
        if history.is_better(score, best):
            best = score
        parent = None if trial.parent is None else history[trial.parent]
        continued = parent is not None and parent.values == trial.values
        epochs += trial.epochs - (parent.epochs if parent is not None and continued else 0)
        time_s += trial.duration_s
        run.scores.append(score)
        run.incumbents.append(best)
        run.epochs.append(epochs)
        run.times_s.append(time_s)
    return run


def frame(histories: Histories) -> pd.DataFrame:
    """Returns one row for each trial that ended; see `Race.frame`."""
    parts = []
    for (label, seed), history in histories.items():
        run = run_of(history)
        parts.append(
            pd.DataFrame(
                {
                    "strategy": label,
                    "seed": seed,
                    "trial": np.arange(1, len(run.scores) + 1),
                    "score": np.array(run.scores, dtype=float),
                    "incumbent": np.array(run.incumbents, dtype=float),
                    "epochs": np.array(run.epochs, dtype=int),
                    "time_s": np.array(run.times_s, dtype=float),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def summary(histories: Histories, direction: str) -> pd.DataFrame:
    """Returns one row for each strategy, the best first; see `Race.summary`."""
    rows = {}
    for label in dict.fromkeys(label for label, _ in histories):
        own = [history for (name, _), history in histories.items() if name == label]
        scores = [h.incumbent.score for h in own if h.incumbent is not None]
        finals = np.array([score for score in scores if score is not None], dtype=float)
        begun = [history for history in own if history.finished]
        rows[label] = {
            "seeds": len(finals),
            "mean": finals.mean() if len(finals) else math.nan,
            "standard_error": _standard_error(finals),
            "best": _best(finals, direction),
            "trials": float(np.mean([len(h.finished) for h in begun])) if begun else 0.0,
            "time_s": float(np.mean([h.busy_s for h in begun])) if begun else 0.0,
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("strategy")
    return table.sort_values("mean", ascending=direction == "min", kind="stable")


def winner(histories: Histories, direction: str) -> str | None:
    """Returns the strategy with the best mean, if any has one; see `Race.winner`."""
    means = summary(histories, direction)["mean"].dropna()
    return None if means.empty else str(means.index[0])


def _standard_error(scores: np.ndarray) -> float:
    if len(scores) < 2:
        return math.nan
    if scores.min() == scores.max():
        return 0.0  # not the rounding error of their mean
    return float(scores.std(ddof=1) / math.sqrt(len(scores)))


def _best(scores: np.ndarray, direction: str) -> float:
    if not len(scores):
        return math.nan
    return float(scores.max() if direction == "max" else scores.min())
