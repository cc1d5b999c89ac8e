"""One lane of a race: one strategy with one seed, and the journal in which it is written down."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_nb.errors import SearchError
from nas_nb.record.journal import Journal
from nas_nb.search.project import JOURNAL, read_history
from nas_nb.search.state import SearchState
from nas_nb.space.hyperparameters import to_hyperparameters
from nas_nb.strategy.names import StrategyLike, make_strategy
from nas_nb.strategy.oracle import StrategyOracle

if TYPE_CHECKING:
    import keras_tuner as kt

    from nas_nb.record.history import History
    from nas_nb.search.budget import Budget
    from nas_nb.search.race_table import Table
    from nas_nb.search.search import Search
    from nas_nb.space.domain import Domain

_END = (SearchState.FINISHED, SearchState.FAILED)


class Lane(ABC):
    """A strategy's run with one seed.

    Args:
        label: The strategy's name in the race.
        strategy: Who proposes.
        seed: Decides all that is drawn.
        folder: Where its journal is.

    Attributes:
        history: What happened so far; it grows while the lane runs.
        reason: Why it ended, or None.
    """

    def __init__(self, label: str, strategy: StrategyLike, seed: int, folder: Path) -> None:
        self.label = label
        self.strategy = strategy
        self.seed = seed
        self.folder = folder
        self.reason: str | None = None
        self._past = read_history(folder)

    @property
    def history(self) -> History:
        """What happened so far."""
        return self._past

    @abstractmethod
    def run(self) -> bool:
        """Runs, or goes on, to the end; returns False if it was stopped before that."""

    @abstractmethod
    def stop(self) -> None:
        """Asks it to end within a batch or a second. From any thread."""


class SearchLane(Lane):
    """A lane in which every candidate is trained.

    Args:
        *args: As for `Lane`.
        search: Makes the search, from strategy, seed and directory.
    """

    def __init__(self, *args: Any, search: Callable[..., Search]) -> None:
        super().__init__(*args)
        self._make = search
        self._search: Search | None = None

    @property
    def history(self) -> History:
        """What happened so far."""
        search = self._search
        return self._past if search is None else search.history

    def run(self) -> bool:
        """Runs, or goes on, to the end; returns False if it was stopped before that."""
        search = self._make(strategy=self.strategy, seed=self.seed, directory=self.folder)
        self._search = search
        try:
            search.run()
        finally:
            # Only what happened is kept: models, data and threads of past lanes cost memory.
            self._past, self._search = search.history, None
        self.reason = search.reason
        return search.state in _END

    def stop(self) -> None:
        """Asks it to end within a batch or a second."""
        search = self._search
        if search is not None and search.state.live:
            search.stop()


@dataclass(frozen=True)
class Course:
    """What a race over known scores is run on.

    Attributes:
        table: What is known.
        domain: The space.
        objective: What is compared, with its direction.
        budget: Of each lane; its time is that of the table.
        name: What the table is called.
    """

    table: Table
    domain: Domain
    objective: kt.Objective
    budget: Budget
    name: str


class TableLane(Lane):
    """A lane in which nothing is trained: the scores are known.

    Args:
        *args: As for `Lane`.
        course: What the race is run on.
    """

    def __init__(self, *args: Any, course: Course) -> None:
        super().__init__(*args)
        self._course = course
        self._stop = threading.Event()
        self._journal: Journal | None = None

    @property
    def history(self) -> History:
        """What happened so far."""
        journal = self._journal
        return self._past if journal is None else journal.history

    def stop(self) -> None:
        """Asks it to end before the next trial."""
        self._stop.set()

    def run(self) -> bool:
        """Runs, or goes on, to the end; returns False if it was stopped before that."""
        self._stop.clear()
        if self._spent(self._past):
            return True
        with Journal.open(self.folder / JOURNAL) as journal:
            self._journal = journal
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
                self._past, self._journal = journal.history, None
        return not self._stop.is_set()

    def _spent(self, history: History) -> bool:
        self.reason = self._course.budget.spent(history, history.busy_s)
        return self.reason is not None

    def _opened(self, journal: Journal) -> StrategyOracle:
        course = self._course
        made = make_strategy(self.strategy, course.domain)
        space = course.domain.to_json()
        opened = journal.history.opened
        if opened and (opened[-1].get("space"), opened[-1].get("data")) != (space, course.name):
            raise SearchError(
                f"The folder {self.folder} holds a race over another space or table: give another "
                "`directory`."
            )
        journal.append(
            "search_opened",
            objective=course.objective.name,
            direction=course.objective.direction,
            seed=self.seed,
            strategy=made.name,
            options=made.options,
            space=space,
            data=course.name,
            budget=course.budget.to_json(),
            fidelity={"epochs": course.table.epochs} if course.table.epochs else None,
            session=len(opened) + 1,
        )
        options: dict[str, Any] = {
            "hyperparameters": to_hyperparameters(course.domain),
            "seed": self.seed,
            "journal": journal,
            "epochs": course.table.epochs,
        }
        if course.table.points is None:
            return StrategyOracle(made, course.objective, **options)
        from nas_nb.search.race_pool import PoolOracle

        return PoolOracle(
            made, course.objective, domain=course.domain, points=course.table.points, **options
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
        oracle.durations_s[trial.trial_id] = measured.duration_s
        if measured.score is None:
            trial.status, trial.message = "FAILED", measured.reason
        else:
            name = self._course.objective.name
            oracle.update_trial(trial.trial_id, {name: measured.score})
            trial.status = "COMPLETED"
        oracle.end_trial(trial)
        return True
