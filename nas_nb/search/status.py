"""What can be read of a search, whether it runs or not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nas_nb.errors import SearchError
from nas_nb.record.dataframe import trials_frame
from nas_nb.search.incumbent import Incumbent
from nas_nb.workers.control import SearchState

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from nas_nb.data.dataset import Data
    from nas_nb.record.history import History
    from nas_nb.search.budget import Budget, Progress
    from nas_nb.search.run import Run
    from nas_nb.search.settings import Settings
    from nas_nb.space.search_space import SearchSpace
    from nas_nb.strategy.base import Strategy


class SearchStatus:
    """The readable half of a `Search`: its settings, its state and its trials.

    Args:
        settings: What defines the search.
        directory: The project folder.
        history: What earlier runs of the project left there.
    """

    def __init__(self, settings: Settings, directory: Path, history: History) -> None:
        self.directory = directory
        self._settings = settings
        self._history = history
        self._run: Run | None = None

    @property
    def settings(self) -> Settings:
        """Everything that defines the search."""
        return self._settings

    @property
    def name(self) -> str:
        """What the search is called on screen."""
        return self._settings.name

    @property
    def space(self) -> SearchSpace:
        """What may be built, bound to the data."""
        return self._settings.space

    @property
    def data(self) -> Data:
        """What candidates are trained and compared on."""
        return self._settings.data

    @property
    def strategy(self) -> Strategy:
        """Who proposes."""
        return self._settings.strategy

    @property
    def strategy_reason(self) -> str | None:
        """What `auto` chose and why, or what else the strategy says of itself; None if nothing.

        It is known once the search was started.
        """
        return self.strategy.reason(self.history) if self.history.opened else None

    @property
    def budget(self) -> Budget:
        """What may be spent."""
        return self._settings.budget

    @property
    def seed(self) -> int:
        """Decides proposals, initial weights and orders of samples."""
        return self._settings.seed

    @property
    def objective(self) -> str:
        """The name of what is compared, as in the logs."""
        return str(self._settings.objective.name)

    @property
    def direction(self) -> str:
        """Which objective values are better: "max" or "min"."""
        return str(self._settings.objective.direction)

    @property
    def state(self) -> SearchState:
        """What the search is doing."""
        if self._run is not None:
            return self._run.state
        if not self._history.opened:
            return SearchState.NEW
        spent = self.budget.spent(self._history, self._history.busy_s)
        return SearchState.STOPPED if spent is None else SearchState.FINISHED

    @property
    def reason(self) -> str | None:
        """Why the last run ended, as a sentence, or None."""
        if self._run is not None:
            return self._run.reason
        return self.budget.spent(self._history, self._history.busy_s)

    @property
    def error(self) -> Exception | None:
        """The error that ended the last run, if it failed."""
        return self._run.error if self._run is not None else None

    @property
    def history(self) -> History:
        """What has happened so far; it grows while the search runs."""
        return self._run.journal.history if self._run is not None else self._history

    @property
    def trials(self) -> pd.DataFrame:
        """One row a trial: its values, status, score, epochs, params, duration_s, reason, note.

        A layer that can only be dense, because one before it is, is shown as such.
        """
        implied = self.space.definition.implied
        return trials_frame(self.history, self.space.domain.names, implied)

    @property
    def best(self) -> Incumbent:
        """The incumbent, also while the search runs: the trial of the best score.

        A score is that of the trial's best epoch. Of equal scores the smallest model is the
        incumbent, and of equally small ones the first.

        Raises:
            SearchError: No trial has completed yet.
        """
        trial = self.history.incumbent
        if trial is None:
            raise SearchError(
                f"The search '{self.name}' has no incumbent yet: it is {self.state}, "
                f"{len(self.history.finished)} trials ended and none completed; {self._advice()}"
            )
        folder = self.directory / "checkpoints"
        # At a lower resolution it was built for smaller images. The fraction was of the training.
        granted = replace(self._settings.fidelity.granted(trial.fidelity), data_fraction=1.0)
        space, data = self._settings.fidelity_cache.of(granted)
        return Incumbent(trial, space, data, self.objective, folder)

    def _advice(self) -> str:
        _, failure = self.history.failures_in_a_row
        if self.state is SearchState.RUNNING:
            return "wait: `await search`."
        if self.state is SearchState.PAUSED:
            return "let it go on: `search.resume()`."
        if self.state is SearchState.FINISHED:
            return f"the last one failed: {failure} Mend the space, and search in another folder."
        return "run it: `search.start()`."

    @property
    def elapsed_s(self) -> float:
        """Seconds of search so far, earlier runs included and pauses left out."""
        return self._run.elapsed_s if self._run is not None else self._history.busy_s

    @property
    def progress(self) -> Progress:
        """How far the search is, and how long the rest may take."""
        return self.budget.progress(self.history, self.elapsed_s)

    def __repr__(self) -> str:
        best = self.history.incumbent
        score = "no incumbent yet" if best is None else f"best {self.objective} {best.score:.4f}"
        progress = self.progress
        total = "" if progress.total is None else f" of {progress.total}"
        choice = f" ({self.strategy_reason.removesuffix('.')})" if self.strategy_reason else ""
        return (
            f"<Search '{self.name}': {self.state}, {progress.done}{total} trials, {score}, "
            f"strategy {self.strategy.name}{choice}>"
        )
