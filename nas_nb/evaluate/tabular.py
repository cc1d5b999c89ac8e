"""Scores that are known already, as what a race is run over: then it takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nas_nb.errors import SearchError
from nas_nb.record.history import History
from nas_nb.record.journal import JOURNAL_FILE, read_history
from nas_nb.record.trial import Trial, TrialStatus, Values, values_key

if TYPE_CHECKING:
    from nas_nb.record.trial import Value

TableLike = Any
"""A mapping, a callable or an object with `score(values)`; a history, a search or its folder."""


@dataclass(frozen=True)
class TabularResult:
    """What a table knows of one architecture; the score is None where its training failed."""

    score: float | None
    duration_s: float = 0.0
    reason: str | None = None


class TabularBenchmark(Protocol):
    """What a race asks of known scores."""

    points: list[dict[str, Value]] | None  # all that it knows; None: all of the space
    epochs: int | None  # behind its scores

    def measure(self, values: Values, epochs: int | None) -> TabularResult:
        """Returns what is known of an architecture after so many epochs; None for all."""


class ScoreTable:
    """A table that a function, an object with `score(values)`, or a mapping makes."""

    # A mapping's keys are what `values_key` returns, or tuples of values in the order of the
    # choices. `duration_s(values)`, if there is one, sets the time axis; with `epochs` both take
    # an argument of that name, and strategies with fidelities can race.

    def __init__(self, source: Any) -> None:
        self.points: list[dict[str, Value]] | None = None
        self.epochs: int | None = getattr(source, "epochs", None)
        self._duration_s: Callable[..., float] | None = getattr(source, "duration_s", None)
        if isinstance(source, Mapping):
            try:
                self._known = {_key(key): float(score) for key, score in source.items()}
            except (TypeError, ValueError) as error:
                raise SearchError(
                    f"Expected a number for each architecture, a tuple of values. Received: {error}"
                ) from error
        self._score: Callable[..., float] = getattr(source, "score", source)
        if isinstance(source, Mapping):
            self._score = self._look_up
        elif not callable(self._score):
            raise SearchError(
                "Expected `table` as scores by architecture, a function of its values, a search or "
                f"its folder. Received: {source!r}."
            )

    def measure(self, values: Values, epochs: int | None) -> TabularResult:
        """Returns the score; an architecture that the table lacks, or that raises, has failed."""
        grant = {} if self.epochs is None else {"epochs": epochs or self.epochs}
        try:
            score = float(self._score(values, **grant))
        except (LookupError, ArithmeticError, ValueError) as error:
            return TabularResult(None, 0.0, f"{type(error).__name__}: {error}")
        return TabularResult(score, self._duration_s(values, **grant) if self._duration_s else 0.0)

    def _look_up(self, values: Values) -> float:
        for key in (values_key(values), _key(tuple(values.values()))):
            if key in self._known:
                return self._known[key]
        raise LookupError(f"the table has no score of {dict(values)}")


class HistoryTable:
    """A finished search as a table: its architectures, and what each scored epoch by epoch."""

    def __init__(self, history: History) -> None:
        self._objective = history.objective
        self._better = max if history.direction == "max" else min
        self._trials: dict[str, Trial] = {}
        for trial in sorted(history.finished, key=lambda trial: trial.epochs):
            self._trials[trial.key] = trial  # of one architecture's trials the longest
        if not history.completed:
            raise SearchError("Expected a search with completed trials as a table. Received: none.")
        self.points: list[dict[str, Value]] | None = [t.values for t in self._trials.values()]
        self.epochs = history.full_epochs

    def measure(self, values: Values, epochs: int | None) -> TabularResult:
        """Returns what the trial had reached after so many epochs."""
        trial = self._trials[values_key(values)]
        if trial.status is not TrialStatus.COMPLETED:
            return TabularResult(None, trial.duration_s, trial.reason)
        curve = [logs[self._objective] for logs in trial.curve if self._objective in logs]
        if epochs is None or epochs >= len(curve):
            return TabularResult(trial.score, trial.duration_s)
        share = epochs / len(curve)
        return TabularResult(self._better(curve[:epochs]), trial.duration_s * share)


def history_of(source: TableLike) -> History | None:
    """Returns the history of a search, of its folder or of a journal; None if it is none."""
    if isinstance(source, History):
        return source
    if isinstance(source, str | Path):
        path = Path(source).expanduser()
        path = path / JOURNAL_FILE if path.is_dir() else path
        if not path.is_file():
            raise SearchError(
                f"Expected the folder of a search. Received: {source}. No {JOURNAL_FILE} there."
            )
        return read_history(path)
    history = getattr(source, "history", None)
    return history if isinstance(history, History) else None


def _key(key: Any) -> str:
    return key if isinstance(key, str) else repr(tuple(key))
