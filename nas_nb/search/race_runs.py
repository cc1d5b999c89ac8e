"""The runs of a race: searches, or look-ups in scores that are known already."""

from __future__ import annotations

import itertools
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import keras_tuner as kt
import numpy as np

from nas_nb.errors import SearchError
from nas_nb.oracles.strategy_oracle import NoProposal, StrategyOracle
from nas_nb.record.history import History
from nas_nb.record.journal import JOURNAL_FILE, Journal
from nas_nb.record.journal import read_history as read_journal
from nas_nb.record.trial import Outcome, Trial, TrialStatus, Values, best_score, values_key
from nas_nb.search.folder import (
    folder_name,
    read_history,
    recorded_versions,
    run_differences,
    strategy_identity,
    table_identity,
)
from nas_nb.search.settings import SpaceLike, as_space
from nas_nb.space.domain import Domain
from nas_nb.space.encoding import Encoding
from nas_nb.space.hyperparameters import to_hyperparameters
from nas_nb.space.search_space import SearchSpace
from nas_nb.strategy.registry import StrategyLike, make_strategy
from nas_nb.workers.control import SearchState

if TYPE_CHECKING:
    from nas_nb.record.trial import Value
    from nas_nb.search.budget import Budget
    from nas_nb.search.search import Search
    from nas_nb.strategy.base import Proposal

_END = (SearchState.FINISHED, SearchState.FAILED)


class RaceRun(ABC):
    """A strategy's run with one seed.

    What ran before counts where the same strategy, code and table made it; else the run has a
    folder of its own beside the earlier one.
    """

    def __init__(
        self,
        label: str,
        strategy: StrategyLike,
        seed: int,
        directory: Path,
        table: dict[str, str] | None = None,
    ) -> None:
        self.label = label
        self.strategy = strategy
        self.seed = seed
        self.reason: str | None = None  # why it ended
        self.anew: str | None = None  # what differs from the run that the folder already holds
        made = make_strategy(strategy)
        self._opening = {
            "strategy": made.name,
            "options": json.loads(json.dumps(made.options)),
            "identity": {"strategy": strategy_identity(made), "table": table},
            "versions": recorded_versions(),
        }
        stem = f"{folder_name(label, unique=True)}-seed{seed}"
        for number in itertools.count(1):
            self.folder = directory / (stem if number == 1 else f"{stem}-{number}")
            self._past = read_history(self.folder)
            found = run_differences(self._past, self._opening)
            if not found:
                break
            self.anew = "; ".join(found)
        self.anew = None if self._past.opened else self.anew
        self._live: Search | Journal | None = None  # while it runs

    @property
    def history(self) -> History:
        """What happened so far; it grows while the run goes on."""
        live = self._live
        return self._past if live is None else live.history

    @abstractmethod
    def run(self) -> bool:
        """Runs, or goes on, to the end; returns False if it was stopped before that."""

    @abstractmethod
    def stop(self) -> None:
        """Asks it to end within a batch or a second. From any thread."""


class TrainedRun(RaceRun):
    """A lane in which every candidate is trained."""

    def __init__(self, *args: Any, search: Callable[..., Search]) -> None:
        super().__init__(*args)
        self._make = search
        self._search: Search | None = None

    def run(self) -> bool:
        """Runs, or goes on, to the end; returns False if it was stopped before that."""
        search = self._make(strategy=self.strategy, seed=self.seed, directory=self.folder)
        self._search = self._live = search
        try:
            search.run()
        finally:
            # Only what happened is kept: models, data and threads of past lanes cost memory.
            self._past, self._search, self._live = search.history, None, None
        self.reason = search.reason
        return search.state in _END

    def stop(self) -> None:
        """Asks it to end within a batch or a second."""
        search = self._search
        if search is not None and search.state.live:
            search.stop()


@dataclass(frozen=True)
class RaceTask:
    """What a race over known scores is run on."""

    table: TabularBenchmark
    domain: Domain
    objective: kt.Objective
    budget: Budget
    name: str
    identity: dict[str, str]  # what the table holds, or the code that it is made of


class TabularRun(RaceRun):
    """A run in which nothing is trained: the scores are known."""

    def __init__(
        self, label: str, strategy: StrategyLike, seed: int, directory: Path, *, task: RaceTask
    ) -> None:
        super().__init__(label, strategy, seed, directory, task.identity)
        self._course = task
        self._stop = threading.Event()

    def stop(self) -> None:
        """Asks it to end before the next trial."""
        self._stop.set()

    def run(self) -> bool:
        """Runs, or goes on, to the end; returns False if it was stopped before that."""
        self._stop.clear()
        if self._spent(self._past):
            return True
        with Journal.open(self.folder / JOURNAL_FILE) as journal:
            self._live = journal
            journal.synced = False  # a power cut would cost what the table still knows
            oracle = self._opened(journal)
            try:
                while not self._stop.is_set() and not self._spent(journal.history):
                    if not self._trial(oracle, journal.history):
                        return True
            finally:
                oracle.close()
                state = "stopped" if self._stop.is_set() else "finished"
                journal.append("search_closed", state=state, reason=self.reason)
                self._past, self._live = journal.history, None
        return not self._stop.is_set()

    def _spent(self, history: History) -> bool:
        self.reason = self._course.budget.spent(history, history.busy_s)
        return self.reason is not None

    def _opened(self, journal: Journal) -> StrategyOracle:
        task = self._course
        made = make_strategy(self.strategy, task.domain)
        space = task.domain.to_json()
        opened = journal.history.opened
        if opened and opened[-1].get("space") != space:
            raise SearchError(
                f"The folder {self.folder} holds a race over another space: give another "
                "`directory`."
            )
        journal.append(
            "search_opened",
            **self._opening,
            objective=task.objective.name,
            direction=task.objective.direction,
            seed=self.seed,
            space=space,
            data=task.name,
            budget=task.budget.to_json(),
            fidelity={"epochs": task.table.epochs} if task.table.epochs else None,
            session=len(opened) + 1,
        )
        options: dict[str, Any] = {
            "hyperparameters": to_hyperparameters(task.domain),
            "seed": self.seed,
            "journal": journal,
            "epochs": task.table.epochs,
        }
        if task.table.points is None:
            return StrategyOracle(made, task.objective, **options)
        return TabularOracle(
            made, task.objective, domain=task.domain, points=task.table.points, **options
        )

    def _trial(self, oracle: StrategyOracle, history: History) -> bool:
        """Runs one trial; returns False if there is none left."""
        trial = oracle.create_trial("race")
        if trial.status != "RUNNING":
            self.reason = oracle.reason
            return False
        own = history[int(trial.trial_id)]
        epochs = own.fidelity.get("epochs")
        measured = self._course.table.measure(own.values, None if epochs is None else int(epochs))
        status = TrialStatus.FAILED
        if measured.score is not None:
            status = TrialStatus.COMPLETED
            oracle.update_trial(trial.trial_id, {self._course.objective.name: measured.score})
        took_s, reason = measured.duration_s, measured.reason
        ended = Outcome(status, score=measured.score, duration_s=took_s, reason=reason)
        oracle.end_trial(trial, ended)
        return True


def race_task(
    space: SpaceLike | Domain | None, table: TableLike, budget: Budget, direction: str
) -> RaceTask:
    """Returns the course that all strategies of a race over a table run."""
    history = history_of(table)
    if history is None:
        if space is None:
            raise SearchError("Expected the space that the table has scores of. Received: none.")
        domain = _domain(space)
        known: TabularBenchmark = ScoreTable(table)
        objective = kt.Objective("score", direction)
        name = getattr(table, "name", None) or getattr(table, "__name__", type(table).__name__)
        return RaceTask(known, domain, objective, budget, str(name), table_identity(table))
    opening = history.opened[-1] if history.opened else {}
    if space is None and "space" not in opening:
        raise SearchError(
            "Expected a journal that holds its space. Received: none. Pass the space."
        )
    domain = Domain.from_json(opening["space"]) if space is None else _domain(space)
    objective = kt.Objective(history.objective, history.direction)
    data = str(opening.get("data"))
    return RaceTask(HistoryTable(history), domain, objective, budget, data, table_identity(history))


def _domain(space: SpaceLike | Domain) -> Domain:
    if isinstance(space, Domain):
        return space
    return space.domain if isinstance(space, SearchSpace) else as_space(space).domain


class TabularOracle(StrategyOracle):
    """Takes, for each proposal, the nearest known architecture that was not tried."""

    # The strategy sees that one in the history, with its own score: nothing is made up, and each
    # strategy chooses from the same pool.

    def __init__(
        self, *args: Any, domain: Domain, points: Sequence[dict[str, Value]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._points = points
        self._numbers = {values_key(point): n for n, point in enumerate(points)}
        self._coding = Encoding(domain)
        self._rows = self._coding.rows(points)

    def propose(self, number: int) -> Proposal | NoProposal:
        """Asks the strategy, and answers with the nearest architecture of the pool."""
        made = super().propose(number)
        if isinstance(made, NoProposal):
            return made
        point = self._nearest(made.values, free=made.parent is None)
        if point is None:
            return NoProposal(f"all {len(self._points)} architectures of the table are tried")
        return replace(made, values=dict(point))

    def _nearest(self, values: dict[str, Value], *, free: bool) -> dict[str, Value] | None:
        """Returns the nearest point; `free` leaves out those that were tried."""
        gaps = ((self._rows - self._coding.rows([values])[0]) ** 2).sum(axis=1)
        if free:
            tried = [self._numbers[t.key] for t in self.history.trials if t.key in self._numbers]
            gaps[tried] = np.inf
        best = int(np.argmin(gaps))
        return self._points[best] if np.isfinite(gaps[best]) else None


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
        self._direction = history.direction
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
        return TabularResult(best_score(curve[:epochs], self._direction), trial.duration_s * share)


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
        return read_journal(path)
    history = getattr(source, "history", None)
    return history if isinstance(history, History) else None


def _key(key: Any) -> str:
    return key if isinstance(key, str) else repr(tuple(key))
