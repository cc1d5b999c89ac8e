"""`Search`: configure, start, pause, resume, stop, wait."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from nas_nb.environment import default_limits
from nas_nb.errors import SearchError, check_whole, printable, tell
from nas_nb.evaluate.fidelity import Fidelity
from nas_nb.record.trial_facts import best_text, trials_frame
from nas_nb.search import session
from nas_nb.search.budget import Budget, check_arguments, shows_limits
from nas_nb.search.folder import (
    check_same_search,
    choose_folder,
    folder_before_start,
    notes_on_reopening,
    read_history,
    reading,
    recorded_arguments,
)
from nas_nb.search.objective import as_objective, split_objectives, warn_of_left_out, warn_of_scales
from nas_nb.search.prior import as_prior
from nas_nb.search.retraining import FOLDER, read_retrained
from nas_nb.search.run import Project
from nas_nb.search.settings import (
    Settings,
    SpaceLike,
    as_data,
    as_space,
    as_strategy,
    requested_settings,
    resumed_settings,
)
from nas_nb.search.steering import Steering
from nas_nb.search.trials import SearchTrial, export_trials, log_trials
from nas_nb.workers.control import SearchState
from nas_nb.workers.local_process import KERNEL

if TYPE_CHECKING:
    import keras_tuner as kt
    import pandas as pd
    from distributed import Client

    from nas_nb.data.dataset import Data
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial
    from nas_nb.search.budget import Progress
    from nas_nb.space.search_space import SearchSpace
    from nas_nb.strategy.base import Strategy
    from nas_nb.workers.control import WorkerStatus


_INTERNAL = ("listener", "project", "settings")
"""Attributes for the package, which Tab completion leaves out."""


@shows_limits
class Search:
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
            default: `val_accuracy` for classes, `val_loss` for numbers. Or a list of it and of
            costs to minimise beside it ("params", "macs", "latency_s"): see `pareto_front`.
        epochs: Epochs that each trial is granted, 1 or more.
        batch_size: Samples a batch, 1 or more.
        data_fraction: Share of the training samples that trials are trained on, above 0 to 1; every
            class keeps its share. Validation and test are on all of theirs.
        executions_per_trial: Trainings of a candidate from different seeds, 1 or more; the score is
            their mean, and `trials` shows their spread.
        patience: Epochs without improvement after which a trial ends early, 1 or more; default:
            none does.
        min_delta: By how much the objective has to be better to count as improvement.
        prune: Whether a trial ends early whose learning curve can't reach the best ones.
        seed: Decides every proposal, every initial weight and every order of samples; 0 or more.
        workers: Where trials are evaluated: "kernel", this process; a number of local processes;
            "auto", as many as cores and memory allow; a `distributed.Client` or its scheduler's
            address: a Dask cluster.
        directory: The project folder; default: a new one in `nas_nb_runs`.
        name: What the search is called on screen; default: the data's name.
        prior: Another search of the same space and objective, or its folder: its completed trials
            are knowledge for strategies, and no trials of this search. The journal keeps a copy of
            them, so later sessions need not be given it.
        **limits: What may be spent; one that ends the search is needed. Where a grader runs the
            notebook, `max_time` is 120 s by default; on Binder 20 trials and 5 minutes.

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
        objective: str | kt.Objective | Sequence[str | kt.Objective] | None = None,
        epochs: int = 10,
        batch_size: int = 32,
        data_fraction: float = 1.0,
        executions_per_trial: int = 1,
        patience: int | None = None,
        min_delta: float = 0.0,
        prune: bool = False,
        seed: int = 0,
        workers: int | str | Client = KERNEL,
        directory: str | Path | None = None,
        name: str | None = None,
        prior: Search | str | Path | None = None,
        **limits: Any,
    ) -> None:
        check_arguments(type(self), limits)
        if name is not None and not isinstance(name, str):
            raise SearchError(f"Expected a name as text. Received: name={name!r}.")
        given = {name: value for name, value in limits.items() if value is not None}
        limits = default_limits() | given
        known = as_data(data)
        unbound = as_space(space)
        bound = unbound.for_data(known.spec)
        scored, minimised = split_objectives(objective)
        settings = Settings(
            name=name or known.name,
            space=bound,
            data=known,
            strategy=as_strategy(strategy, bound, strategy_options),
            objective=as_objective(scored, known, bound),
            minimised=minimised,
            budget=Budget.parse(**limits),
            fidelity=Fidelity(
                epochs,
                batch_size,
                data_fraction,
                executions_per_trial,
                patience,
                min_delta,
                prune,
            ),
            seed=seed,
            workers=workers,
        )
        folder = choose_folder(directory, settings.name)
        history = read_history(folder)
        opening = settings.opening()
        check_same_search(history, opening, folder)
        if prior is not None:
            settings = replace(settings, prior=as_prior(prior, history, opening))
        for note in notes_on_reopening(history, opening):
            tell(f"The search in {folder} was opened again. {note}")
        if not history.trials:
            warn_of_left_out(unbound, bound, known)
            warn_of_scales(bound, known)
        requested = requested_settings(settings)
        self.project = Project(folder, resumed_settings(settings, history), requested, history)
        self._attach()
        session.remember(self)

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
        arguments = recorded_arguments(directory, given)
        with reading(arguments["directory"]):
            return cls(**arguments)

    @property
    def listener(self) -> session.SearchListener:
        """What follows the search."""
        return session.NO_LISTENER

    @property
    def directory(self) -> Path:
        """The project folder."""
        return self.project.folder

    @property
    def settings(self) -> Settings:
        """Everything that defines the search."""
        return self.project.settings

    @property
    def name(self) -> str:
        """What the search is called on screen."""
        return self.settings.name

    @property
    def space(self) -> SearchSpace:
        """What may be built, bound to the data."""
        return self.settings.space

    @property
    def data(self) -> Data:
        """What candidates are trained and compared on."""
        return self.settings.data

    @property
    def strategy(self) -> Strategy:
        """Who proposes."""
        return self.settings.strategy

    @property
    def strategy_reason(self) -> str | None:
        """What `auto` chose and why, or what else the strategy says of itself; None if nothing.

        It is known once the search was started.
        """
        return self.strategy.full_reason(self.history) if self.history.opened else None

    @property
    def budget(self) -> Budget:
        """What may be spent."""
        return self.settings.budget

    @property
    def seed(self) -> int:
        """Decides proposals, initial weights and orders of samples."""
        return self.settings.seed

    @property
    def objective(self) -> str:
        """The name of what is compared, as in the logs."""
        return str(self.settings.objective.name)

    @property
    def direction(self) -> str:
        """Which objective values are better: "max" or "min"."""
        return str(self.settings.objective.direction)

    @property
    def state(self) -> SearchState:
        """What the search is doing."""
        return self.project.state

    @property
    def reason(self) -> str | None:
        """Why the last run ended, as a sentence, or None."""
        run = self.project.run
        return run.reason if run is not None else self.project.spent

    @property
    def error(self) -> Exception | None:
        """The error that ended the last run, if it failed."""
        run = self.project.run
        return run.error if run is not None else None

    @property
    def history(self) -> History:
        """What has happened so far; it grows while the search runs."""
        return self.project.history

    @property
    def workers(self) -> list[WorkerStatus]:
        """What each worker process does, with its memory; empty where the kernel is the worker."""
        run = self.project.run
        if run is None or not run.state.live or run.workers is None:
            return []
        return run.workers.status()

    @property
    def about_workers(self) -> str:
        """How many worker processes there are, and why; "" where the kernel is the worker."""
        run = self.project.run
        return "" if run is None or run.workers is None else run.workers.about

    @property
    def trials(self) -> pd.DataFrame:
        """One row per trial: score, status, epochs, params, duration_s, its values, reason, note.

        A layer that can only be dense, because one before it is, is shown as such.
        """
        implied = self.space.definition.implied
        return trials_frame(self.history, self.space.domain.names, implied)

    def export(self, path: str | Path) -> Path:
        """Writes `trials` to a ".csv" or ".parquet" file, and returns its path.

        Raises:
            SearchError: The path has another suffix or can't be written, or ".parquet" needs
                pyarrow.
        """
        return export_trials(self.trials, path)

    def log_to(self, service: str, directory: str | Path | None = None) -> str:
        """Logs all trials so far: values, costs, and what was measured after each epoch.

        Called again, it replaces what it logged of them before.

        Args:
            service: "tensorboard", or "mlflow" (which has to be installed).
            directory: Where: a folder for TensorBoard, default "tensorboard" in the project
                folder; for MLflow a tracking URI, default its own.

        Returns:
            Where they are.
        """
        return log_trials(self, service, directory)

    @property
    def best(self) -> SearchTrial:
        """The incumbent, also while the search runs: the trial of the best score.

        A score is that of the trial's best epoch. Of equal scores the smallest model is the
        incumbent, and of equally small ones the first. With several objectives it is still the one
        of the best score, an end of the front; `pareto_front()` and `knee()` have the trade-offs.

        Raises:
            SearchError: No trial has completed yet.
        """
        trial = self.history.incumbent
        if trial is None:
            raise session.no_incumbent(self)
        return self._trial(trial)

    def trial(self, number: int) -> SearchTrial:
        """Returns one trial, whatever became of it.

        Args:
            number: Its number in `trials`, from 0.

        Raises:
            NasError: There is none of that number.
        """
        check_whole("", "number", number, 0, error=SearchError)
        return self._trial(self.history[number])

    def top(self, count: int = 5) -> list[SearchTrial]:
        """Returns the completed trials of the best scores, the best first.

        Args:
            count: How many, 1 or more; fewer where fewer have completed.
        """
        check_whole("", "count", count, 1, error=SearchError)
        return [*map(self._trial, sorted(self.history.completed, key=self.history.rank)[:count])]

    @property
    def retrained(self) -> list[SearchTrial]:
        """What `trial.retrain()` has made, oldest first, in this and in earlier kernels.

        Raises:
            SearchError: The record of one is damaged.
        """
        folder = self.directory / FOLDER
        found = read_retrained(folder, self.history)
        return [SearchTrial(t, self.history, self.settings, folder, asked) for t, asked in found]

    def pareto_front(self, *objectives: str) -> list[SearchTrial]:
        """Returns the completed trials that no other beats in every objective.

        Args:
            *objectives: "score", or the objective's name, and names of costs, of which less is
                better: ("score", "macs"). One cost is set against the score. Default: those of
                the search; "score" and "params" where it has one objective.

        Raises:
            JournalError: No completed trial has a cost of that name.
        """
        return [*map(self._trial, self.history.pareto_front(*objectives).trials)]

    def knee(self, *objectives: str) -> SearchTrial | None:
        """Returns the compromise of the front: the trial farthest below the line between its ends.

        Costs are taken in logarithms, and both axes scaled to the front's range (Das,
        Structural Optimization 18, 1999). None where the front has fewer than three points, or
        none below the line.

        Args:
            *objectives: As for `pareto_front`.
        """
        found = self.history.pareto_front(*objectives).knee
        return None if found is None else self._trial(found)

    def hypervolume(
        self, *objectives: str, reference: Mapping[str, float] | None = None
    ) -> pd.Series[float]:
        """Returns the front's hypervolume after each completed trial, by the trial's number.

        It is measured in units of the score times decades of each cost.

        Args:
            *objectives: As for `pareto_front`.
            reference: The point up to which it is measured, by objective: {"score": 0.5, "params":
                10_000}; give the same to compare searches. Default: the worst values of the front,
                worsened by a tenth of the front's range; `.attrs["reference"]` has it.
        """
        import pandas as pd

        front = self.history.pareto_front(*objectives, reference=reference)
        numbers, volumes = zip(*front.volumes, strict=True) if front.volumes else ((), ())
        found = pd.Series(volumes, pd.Index(numbers, name="trial"), float, name="hypervolume")
        found.attrs["reference"] = front.reference
        return found

    def _trial(self, trial: Trial) -> SearchTrial:
        return SearchTrial(trial, self.history, self.settings, self.directory / "checkpoints")

    @property
    def elapsed_s(self) -> float:
        """Seconds of search so far, earlier runs included and pauses left out."""
        return self.project.elapsed_s

    @property
    def progress(self) -> Progress:
        """How far the search is, and how long the rest may take."""
        return self.budget.progress(self.history, self.elapsed_s)

    @property
    def steer(self) -> Steering:
        """What may be asked of the search while it runs: restrict, queue, stop a trial, ..."""
        return Steering(self.project, self.listener.on_change)

    @property
    def space_left(self) -> int | float:
        """How many architectures steering has left of the space, tried ones included."""
        return self.steer.domain.distinct.size

    def start(self) -> Self:
        """Starts the search beside the kernel, or goes on with it, and returns at once.

        A search that runs already goes on, resumed if it was paused, also where its cell was run
        again. With a spent budget nothing happens, so a finished notebook can be run again.

        Raises:
            SearchError: Another search runs in this kernel.
        """
        self._attach()
        run = self.project.run
        if run is not None and run.state.live:
            run.control.resume()
        elif not self.project.spent:
            session.launch(self)
        return self

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
        elif not self.project.spent:
            session.work_here(self)
        return self

    def pause(self) -> None:
        """Asks the running search to wait; it does within one batch or one second."""
        self.project.live_run("pause").control.pause()

    def resume(self) -> None:
        """Goes on: a paused search at once, a stopped one with the trial that was cut off.

        Raises:
            BudgetError: The budget is spent: raise it first, with `configure`.
        """
        self._attach()
        run = self.project.run
        if run is not None and run.state.live:
            run.control.resume()
        else:
            session.launch(self)

    def stop(self) -> None:
        """Asks the search to end within one batch or one second; it can be resumed later.

        A search that has ended stays as it is.

        Raises:
            SearchError: The search was never started.
        """
        run = self.project.run
        if run is not None and run.state.live:
            run.control.stop()
        elif self.state is SearchState.NEW:
            raise self.project.nothing_to("stop")

    def wait(self, timeout: float | None = None) -> None:
        """Waits until the search no longer runs; the kernel's interrupt stops it gracefully.

        A paused search is not waited for: the buttons that resume it need the kernel.

        Args:
            timeout: Seconds after which to return anyway; None waits to the end.

        Raises:
            Exception: What ended the search, if it failed.
        """
        session.wait_for(self, timeout)

    def __await__(self) -> Generator[Any, None, None]:
        return session.wait_for_async(self).__await__()

    def configure(self, **changes: Any) -> None:
        """Changes the strategy or the budget of a search that is not running, or its workers.

        Args:
            **changes: As for the constructor: `strategy`, `strategy_options` and every limit
                (None lifts it); before the first start also `objective`, `epochs`, `batch_size`,
                `seed` and `directory`. While n processes work only `workers=n` may change.

        Raises:
            SearchError: The search runs, or its trials would no longer be comparable.
        """
        with self.project.lock:
            if self.state.live and changes.keys() != {"workers"}:
                raise SearchError(
                    f"The search '{self.name}' is {self.state}: stop it first, or change its "
                    "strategy or budget with `search.steer`."
                )
            directory = changes.pop("directory", self.directory)
            folder = folder_before_start(directory, self.name, self.directory, self.history)
            self.project.reconfigure(changes)
            self.project.folder = folder
        self.listener.on_change()

    def _attach(self) -> None:
        """Shares the project of the search that runs in the folder.

        A cell that is run again makes a second `Search` of one folder: it takes over the first
        one's project. If the cell was edited, it keeps its own, and can't start until the other
        ends.
        """
        running = session.running_in(self.directory)
        if running is not None and running.project.requested == self.project.requested:
            self.project = running.project

    if not TYPE_CHECKING:  # else a type checker would take any name

        def __getattr__(self, name: str) -> Any:
            if hasattr(type(self), name):  # a property that raised the error: again, to show it
                return object.__getattribute__(self, name)
            raise session.no_attribute(self, name)

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name not in _INTERNAL]

    def __repr__(self) -> str:
        best = best_text(self.history)
        score = f"best {best}" if best else "no incumbent yet"
        progress = self.progress
        total = "" if progress.total is None else f" of {progress.total}"
        why = f" ({self.strategy_reason.removesuffix('.')})" if self.strategy_reason else ""
        return printable(
            f"<Search '{self.name}': {self.state}, {progress.done}{total} trials, {score}, "
            f"strategy {self.strategy.name}{why}>"
        )
