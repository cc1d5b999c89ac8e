"""`Search`: configure, start, pause, resume, stop, wait."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Generator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from nas_nb.errors import BudgetError, SearchError, nearest, tell
from nas_nb.evaluate.fidelity import Fidelity
from nas_nb.record.events import EventKind
from nas_nb.record.journal import JOURNAL_FILE, Journal
from nas_nb.search.budget import Budget, shows_limits
from nas_nb.search.identity import notes_on_reopening
from nas_nb.search.project import (
    check_free,
    check_same_search,
    choose_folder,
    read_history,
    recorded_arguments,
)
from nas_nb.search.run import Run
from nas_nb.search.session import (
    claim,
    interrupt_stops,
    release,
    remember,
    running_in,
    wait_until,
    wait_until_async,
)
from nas_nb.search.settings import (
    Settings,
    SpaceLike,
    as_data,
    as_objective,
    as_space,
    as_strategy,
    with_changes,
)
from nas_nb.search.status import SearchStatus
from nas_nb.search.steering import Steering
from nas_nb.search.steering_state import SteeringState, requested_settings, resumed_settings
from nas_nb.workers.control import SearchState

if TYPE_CHECKING:
    import keras_tuner as kt

    from nas_nb.data.dataset import Data
    from nas_nb.record.history import History
    from nas_nb.strategy.base import Strategy


class SearchLife(SearchStatus):
    """The half of a `Search` that moves: its run, and the thread that works for it.

    Args:
        settings: What defines the search.
        directory: The project folder.
        history: What earlier runs of the project left there.
        steering_state: What it shares with those that steer.
    """

    def __init__(
        self, settings: Settings, directory: Path, history: History, steering_state: SteeringState
    ) -> None:
        super().__init__(settings, directory, history)
        self._lock = threading.RLock()
        self.steering_state = steering_state
        self._attach()
        remember(self)

    def start(self) -> Self:
        """Starts the search beside the kernel, or goes on with it, and returns at once.

        It is no error when the search runs already, from the panel or an earlier cell, also if
        the cell made it anew in the same folder: a paused one goes on. Nor when its budget is
        spent: the cells of a finished search run again, and nothing is trained.

        Raises:
            SearchError: Another search runs in this kernel.
        """
        self._attach()
        if self._run is not None and self._run.state.live:
            self._run.control.resume()
            return self
        if not self._spent():
            self._launch()
        return self

    def _attach(self) -> None:
        """Takes the run of this kernel that writes into the folder for its own.

        A cell that is run again makes a second search of the first: two could not write there. If
        the cell was changed since then it stays a search of its own, which has to wait.
        """
        running = running_in(self.directory)
        if (
            running is None
            or running is self
            or running.steering_state.given != self.steering_state.given
        ):
            return
        self._settings, self._run, self.steering_state = running.shared

    @property
    def shared(self) -> tuple[Settings, Run | None, SteeringState]:
        """What two searches of one folder and kernel have in common."""
        return self._settings, self._run, self.steering_state

    def _launch(self) -> None:
        run = self._begin()
        # The name is unique: KerasTuner tells the holders of its locks apart by it.
        name = f"nas_nb-search-{id(run):x}"
        threading.Thread(target=self._work, args=(run,), name=name, daemon=True).start()

    def run(self) -> Self:
        """Runs the search in the calling thread to its end; an interrupt stops it gracefully.

        Where a search in a notebook would pause by itself and wait for its user (ten failures for
        one reason, no room on the disk), this one stops, and raises the reason.

        Raises:
            NasError: As for `start`; or the search stopped by itself, or ended by an error.
        """
        self._attach()
        if self.state.live:
            self.wait()
            return self
        if not self._spent():
            self._work_here()
        return self

    def _work_here(self) -> None:
        run = self._begin()
        run.control.patient = False
        with interrupt_stops(run.control.stop):
            self._work(run)
        self._raise_error()
        if run.control.pause_reason is not None and run.state is SearchState.STOPPED:
            raise SearchError(f"The search '{self.name}' stopped: {run.control.pause_reason}")

    def pause(self) -> None:
        """Asks the running search to wait; it does within one batch or one second."""
        self._live_run("pause").control.pause()

    def resume(self) -> None:
        """Goes on: a paused search at once, a stopped one with the trial that was cut off.

        Raises:
            BudgetError: The budget is spent: raise it first, with `configure`.
        """
        self._attach()
        run = self._run
        if run is not None and run.state.live:
            run.control.resume()
        else:
            self._launch()

    def stop(self) -> None:
        """Asks the search to end within one batch or one second; it can be resumed later."""
        self._live_run("stop").control.stop()

    def wait(self, timeout: float | None = None) -> None:
        """Waits until the search no longer runs; the kernel's interrupt stops it gracefully.

        A paused search is not waited for: the buttons that resume it need the kernel.

        Args:
            timeout: Seconds after which to return anyway; None waits to the end.

        Raises:
            Exception: What ended the search, if it failed.
        """
        run = self._run
        if run is not None:
            wait_until(run.settled, run.ended.is_set, run.control.stop, timeout)
        self._raise_error()

    def __await__(self) -> Generator[Any, None, None]:
        return self._wait_async().__await__()

    async def _wait_async(self) -> None:
        run = self._run
        if run is not None:
            await wait_until_async(run.settled, run.ended.is_set, run.control.stop)
        self._raise_error()

    def _raise_error(self) -> None:
        if self.error is not None:
            raise self.error
        if self.state is SearchState.PAUSED and self.reason is not None:
            raise SearchError(
                f"The search '{self.name}' paused: {self.reason} "
                "Go on with `search.resume()`, or end it with `search.stop()`."
            )

    def control_trial(self, number: int) -> None:
        """Asks a running trial to end. For `steer`."""
        self._live_run("stop").control.stop_trial(number)

    def _spent(self) -> str | None:
        return self.budget.spent(self.history, self.elapsed_s)

    def _live_run(self, action: str) -> Run:
        run = self._run
        if run is None or not run.state.live:
            raise SearchError(
                f"There is nothing to {action}: the search '{self.name}' is {self.state}. "
                "Only a search that runs or is paused can be steered."
            )
        return run

    def _begin(self) -> Run:
        with self._lock:
            if self.state.live:
                raise SearchError(f"The search '{self.name}' is {self.state} already.")
            spent = self._spent()
            if spent:
                raise BudgetError(
                    f"Nothing is left of the budget ({spent}): raise it, for example with "
                    "`search.configure(max_trials=...)`, and start again."
                )
            claim(self)
            try:
                self._run = Run(self._settings, self.directory, self.steering_state)
            except BaseException:
                release(self)
                raise
            return self._run

    def _work(self, run: Run) -> None:
        try:
            run.work()
        finally:
            release(self)
            run.ended.set()


@shows_limits
class Search(SearchLife):
    """A neural architecture search: who proposes, on which space and data, within which budget.

    Nothing is written and nothing trained before `start()`. A search whose `directory` holds an
    earlier run of it shows that run's trials at once, and goes on from there.

    Args:
        space: The search space, or a dict as `SearchSpace.from_dict` takes it, or a KerasTuner
            `build(hp)` function.
        data: The data, or the name of one that `nas.load` knows; default: `nas.use(...)`.
        strategy: Who proposes: a name (see `STRATEGIES`), a `Strategy`, or a function
            `propose(history, rng)`; default: "auto", which chooses by space and budget, and says
            what and why.
        strategy_options: Options of a strategy that is given by name.
        objective: What is compared, a name in the logs ("val_accuracy") or a `kt.Objective`;
            default: `val_accuracy` for classes, `val_loss` for numbers.
        epochs: Epochs that each trial is granted, 1 or more.
        batch_size: Samples a batch, 1 or more.
        data_fraction: Share of the training samples that trials are trained on, above 0 to 1; every
            class keeps its share. Validation and test are on all of theirs.
        resolution: Share of an image's height and width, above 0 to 1: images are made smaller,
            and candidates are built for the smaller ones.
        executions_per_trial: Trainings of a candidate from different seeds, 1 or more; the score is
            their mean, and `trials` shows their spread.
        patience: Epochs without improvement after which a trial ends early, 1 or more; default:
            none does.
        min_delta: By how much the objective has to be better to count as improvement.
        prune: Whether a trial ends early whose learning curve can't reach the best ones.
        seed: Decides every proposal, every initial weight and every order of samples; 0 or more.
        directory: The project folder; default: a new one in `nas_nb_runs`.
        name: What the search is called on screen; default: the data's name.
        **limits: What may be spent; one that ends the search is needed.

    Raises:
        NasError: Something does not fit; said in one sentence before anything runs.
    """

    def __init__(
        self,
        space: SpaceLike,
        data: Data | str | None = None,
        *,
        strategy: str | Strategy | Callable[..., Any] = "auto",
        strategy_options: Mapping[str, Any] | None = None,
        objective: str | kt.Objective | None = None,
        epochs: int = 10,
        batch_size: int = 32,
        data_fraction: float = 1.0,
        resolution: float = 1.0,
        executions_per_trial: int = 1,
        patience: int | None = None,
        min_delta: float = 0.0,
        prune: bool = False,
        seed: int = 0,
        directory: str | Path | None = None,
        name: str | None = None,
        **limits: Any,
    ) -> None:
        self._refuse_unknown(limits)
        known = as_data(data)
        bound = as_space(space).for_data(known.spec)
        settings = Settings(
            name=name or known.name,
            space=bound,
            data=known,
            strategy=as_strategy(strategy, bound, strategy_options),
            objective=as_objective(objective, known.task, bound),
            budget=Budget.parse(**limits),
            fidelity=Fidelity(
                epochs,
                batch_size,
                data_fraction,
                resolution,
                executions_per_trial,
                patience,
                min_delta,
                prune,
            ),
            seed=seed,
        )
        folder = choose_folder(directory, settings.name)
        history = read_history(folder)
        opening = settings.opening()
        check_same_search(history, opening, folder)
        for note in notes_on_reopening(history, opening):
            tell(f"The search in {folder} was opened again. {note}")
        steering_state = SteeringState(requested_settings(settings))
        super().__init__(resumed_settings(settings, history), folder, history, steering_state)

    def _refuse_unknown(self, limits: Mapping[str, Any]) -> None:
        known = inspect.signature(type(self)).parameters
        for name in limits:
            if name not in known:
                raise SearchError(f"A search takes no argument '{name}'.{nearest(name, known)}")

    @classmethod
    def open(cls, directory: str | Path, **given: Any) -> Self:
        """Opens a search again, by its folder alone where its journal says enough.

        It shows every finished trial and epoch, and `resume()` goes on with it.

        Args:
            directory: The project folder.
            **given: Arguments of `Search` that take the place of the journal's: `space` where it
                is a `build(hp)` function, `data` where `nas.load` does not know it, `strategy`
                where it is a function.

        Raises:
            SearchError: There is no search in the folder, or one of these is needed.
        """
        return cls(**recorded_arguments(directory, given))

    def configure(self, **changes: Any) -> None:
        """Changes the strategy or the budget of a search that is not running.

        Args:
            **changes: As for the constructor: `strategy`, `strategy_options` and every limit
                (None lifts it); before the first start also `objective`, `epochs`, `batch_size`,
                `seed` and `directory`.

        Raises:
            SearchError: The search runs, or its trials would no longer be comparable.
        """
        with self._lock:
            if self.state.live:
                raise SearchError(
                    f"The search '{self.name}' is {self.state}: stop it first, or change its "
                    "strategy or budget with `search.steer`."
                )
            folder = self._checked_folder(changes.pop("directory", self.directory))
            self.reconfigure(changes)
            self.directory = folder

    def _checked_folder(self, directory: str | Path) -> Path:
        folder = choose_folder(directory, self.name)
        if folder == self.directory:
            return folder
        if self.history.opened:
            raise SearchError(
                f"The search '{self.name}' is kept in {self.directory}: its folder can be changed "
                "before the first start alone."
            )
        check_free(folder)
        return folder

    @cached_property
    def steer(self) -> Steering:
        """What may be asked of the search while it runs: restrict, queue, stop a trial, ..."""
        return Steering(self)

    @property
    def space_left(self) -> int | float:
        """How many architectures steering has left of the space, tried ones included."""
        return self.steer.domain.distinct.size

    def reconfigure(self, changes: Mapping[str, Any]) -> None:
        """Changes settings of a search that may run. For `steer` and `configure`, which check."""
        with self._lock:
            new = with_changes(self._settings, changes)
            check_same_search(self.history, new.opening(), self.directory)
            self._settings = new
            if self._run is not None and self._run.state.live:
                self._run.reconfigure(new)

    def write_down(self, action: str, detail: dict[str, Any]) -> None:
        """Writes a steering action into the journal, whether the search runs or not. For `steer`.

        Raises:
            JournalError: It can't be written now.
        """
        with self._lock:
            if self._run is None or not self._run.steer(action, detail):
                self._write_at_rest({"action": str(action), "detail": detail})
        self._on_steered()

    def _on_steered(self) -> None:
        """Is told after every steering action: a panel follows."""

    def _write_at_rest(self, event: dict[str, Any]) -> None:
        if not self.history.opened:
            self.steering_state.waiting.append(event)
            return
        with Journal.open(self.directory / JOURNAL_FILE) as journal:
            journal.append(EventKind.STEERED, **event)
        self._history = journal.history
        if self._run is not None:
            self._run.journal.history = journal.history
