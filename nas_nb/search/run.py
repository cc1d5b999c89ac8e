"""A project, and one run of it: from the opening of the journal to its closing."""

from __future__ import annotations

import atexit
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_nb.errors import JournalError, JournalWriteError, SearchError, shown, tell
from nas_nb.evaluate.backend import share_gpus
from nas_nb.evaluate.global_state import KerasSettings
from nas_nb.evaluate.trainer import register_choices
from nas_nb.record.events import EventKind
from nas_nb.record.journal import JOURNAL_FILE, Journal
from nas_nb.search.folder import check_own_files, check_same_search, recorded_versions
from nas_nb.search.settings import LOCK_TIMEOUT_S, SteeringState, with_changes
from nas_nb.search.tuner import SearchOracle, SearchTuner
from nas_nb.space.hyperparameters import to_hyperparameters
from nas_nb.workers.checkpoints import CheckpointStore, TrainingStateStore
from nas_nb.workers.control import Control, SearchState
from nas_nb.workers.local_process import KERNEL, capacity, is_dask
from nas_nb.workers.trial_evaluation import SearchFiles
from nas_nb.workers.worker_pool import KernelWorker

if TYPE_CHECKING:
    from nas_nb.record.events import Event
    from nas_nb.record.history import History
    from nas_nb.search.settings import Settings
    from nas_nb.strategy.base import Strategy
    from nas_nb.workers.control import Starter, Workers

_SHUT_DOWN = "its kernel was shut down"
_SHUT_DOWN_S = 3.0
"""Seconds that a kernel's end waits for a batch to end: Jupyter kills a kernel after five."""


class Project:
    """One search of this kernel in one folder: a cell that runs again makes no second one."""

    def __init__(
        self, folder: Path, settings: Settings, requested: dict[str, Any], history: History
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.requested = requested
        self.steering = SteeringState()  # shared by the threads that steer and that propose
        self.run: Run | None = None
        self.lock = threading.RLock()  # held while a run begins, and while settings change
        self._history = history

    @property
    def history(self) -> History:
        """What has happened so far; it grows while the search runs."""
        return self.run.journal.history if self.run is not None else self._history

    @property
    def elapsed_s(self) -> float:
        """Seconds of search so far, earlier runs included and pauses left out."""
        return self.run.elapsed_s if self.run is not None else self._history.busy_s

    @property
    def spent(self) -> str | None:
        """Which limit of the budget is reached, as a sentence, or None."""
        return self.settings.budget.spent(self.history, self.elapsed_s)

    @property
    def state(self) -> SearchState:
        """What the search is doing."""
        if self.run is not None:
            return self.run.state
        if not self._history.opened:
            return SearchState.NEW
        return SearchState.STOPPED if self.spent is None else SearchState.FINISHED

    def live_run(self, action: str) -> Run:
        """Returns the live run; raises where there is none."""
        if self.run is None or not self.run.state.live:
            raise self.nothing_to(action)
        return self.run

    def nothing_to(self, action: str) -> SearchError:
        """Returns the error for who asks that of a search that is not live."""
        return SearchError(
            f"There is nothing to {action}: the search '{self.settings.name}' is {self.state}. "
            "Only a search that runs or is paused can do that."
        )

    def begin(self) -> Run:
        """Opens a new run; whoever calls lets it work."""
        self.run = Run(self)
        return self.run

    def reconfigure(self, changes: Mapping[str, Any]) -> None:
        """Changes settings, also of a search that runs."""
        with self.lock:
            new = with_changes(self.settings, changes)
            check_same_search(self.history, new.opening(), self.folder)
            if "workers" in changes and self.run is not None and self.run.state.live:
                self.run.resize(new.workers)
            self.settings = new
            if self.run is not None:
                self.run.control.limit_s = new.budget.max_time_s

    def write(self, action: str, detail: dict[str, Any]) -> None:
        """Writes a steering action into the journal, whether the search runs or not."""
        with self.lock:
            if self.run is not None and self.run.steer(action, detail):
                return
            event = {"action": str(action), "detail": detail}
            if not self.history.opened:
                self.steering.waiting.append(event)
                return
            # No run holds the journal: it is opened for one event.
            with Journal.open(self.folder / JOURNAL_FILE) as journal:
                journal.append(EventKind.STEERED, **event)
            self._history = journal.history
            if self.run is not None:
                self.run.journal.history = journal.history


def _open_journal(project: Project) -> RetryingJournal:
    folder, waiting = project.folder, project.steering.waiting
    journal = RetryingJournal.open(folder / JOURNAL_FILE)
    try:
        settings = project.settings
        opening = {**settings.opening(), "given": project.requested}
        check_same_search(journal.history, opening, folder)
        check_own_files(folder, journal.history)
        if settings.workers != KERNEL:
            opening["workers"] = "processes"
        journal.append("search_opened", session=len(journal.history.opened) + 1, **opening)
        while waiting:
            journal.append("steered", **waiting.pop(0))
    except BaseException:
        journal.close()
        raise
    return journal


class RetryingJournal(Journal):
    """A journal that asks what to do when it can't be written, and then tries again."""

    def __init__(self) -> None:
        super().__init__()
        # Is called when a line can't be written, and may wait for hours (`Run._on_blocked`): True
        # asks to try again. Without it, and after False, the error is raised.
        self.on_blocked: Callable[[JournalWriteError], bool] | None = None

    def append(self, kind: EventKind | str, /, **fields: Any) -> Event:
        """Writes one event as `Journal.append`, and tries again while `on_blocked` says so."""
        while True:
            try:
                return self.append_now(kind, **fields)
            except JournalWriteError as error:
                if self.on_blocked is None or not self.on_blocked(error):
                    raise
            with suppress(JournalWriteError):
                self.recreate()  # if it fails the next try says so

    def append_now(self, kind: EventKind | str, /, **fields: Any) -> Event:
        """Writes one event or raises at once, as `Journal.append`."""
        return super().append(kind, **fields)


class Run:
    """Opens the project's journal, works until the end, and closes it."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._keras_settings = KerasSettings.current()  # the user's, for the search's thread
        self._starter = self._make_starter()
        try:
            self.journal = _open_journal(project)
        except BaseException:
            if self._starter is not None:
                self._starter.close()
            raise
        self.journal.on_blocked = self._on_blocked
        spent_s = self.journal.history.busy_s
        limit_s = project.settings.budget.max_time_s
        self.control = Control(self._on_paused, limit_s, spent_s)
        self.control.stopped_trials = _last_stopped(self.journal.history)
        self.workers: Workers | None = None  # until the search's thread has started them
        self.state = SearchState.RUNNING
        self.reason: str | None = None  # why it ended or pauses, as a sentence
        self.error: Exception | None = None
        self.ended = threading.Event()  # nothing more will be written
        self._closed = False
        atexit.register(self._shut_down)

    @property
    def elapsed_s(self) -> float:
        """Seconds of search so far, earlier runs included and pauses left out."""
        return self.control.elapsed_s

    def settled(self) -> bool:
        """Whether the run is over or paused, so that waiting for it makes no sense."""
        # Right after `resume()` the worker has not woken yet, but it will.
        paused = self.state is SearchState.PAUSED and self.control.pause_requested
        return paused or self.ended.is_set()

    def work(self) -> None:
        """Runs trials until the budget is spent, the space exhausted, or the control says so."""
        ended, reason = SearchState.FAILED, None
        try:
            with self._keras_settings.kept():
                ended, reason = self._search()
        except KeyboardInterrupt:
            ended, reason = SearchState.STOPPED, "interrupted"
        except BaseException as error:  # noqa: BLE001 - kept, and raised where the user waits
            reason = "".join(traceback.format_exception_only(error)).strip()
            self.error = error if isinstance(error, Exception) else _exit_error(error, reason)
        finally:
            try:
                self._close(ended, reason)
            finally:  # after the journal is closed: the kernel may shut down in between
                atexit.unregister(self._shut_down)

    def steer(self, action: str, detail: dict[str, Any]) -> bool:
        """Writes down what was asked for; returns False if the run is over. From any thread."""
        if not self.project.steering.guard.acquire(timeout=LOCK_TIMEOUT_S):
            raise JournalError(
                f"Expected to write '{action}' into the journal. Received: it can't be written "
                f"now. {self.reason or 'Try again in a moment.'}"
            )
        try:
            if self._closed:
                return False
            self.journal.append_now("steered", action=action, detail=detail)
        finally:
            self.project.steering.guard.release()
        return True

    def _search(self) -> tuple[SearchState, str]:
        project, settings = self.project, self.project.settings
        domain = settings.space.domain
        files = self._files()
        oracle = SearchOracle(
            settings.strategy,
            settings.objective,
            hyperparameters=to_hyperparameters(domain),
            seed=settings.seed,
            journal=self.journal,
            epochs=settings.fidelity.epochs,
            start_of=files.states.start_of,
            domain=domain,
            steering_state=project.steering,
            prepare=self._prepare,
        )
        finished, left = None, None
        try:
            if settings.prior is not None:
                settings.prior.record(self.journal)
            self.workers = self._start_workers(files)
            tuner = SearchTuner(
                oracle, lambda: project.settings, self.control, files, project.folder, self.workers
            )
            self._prepare(settings.strategy)
            register_choices(
                value for parameter in domain.parameters for value in parameter.choices
            )
            finished = tuner.search()
            left = files.trouble()  # there is no later trial whose row could say it
        except JournalWriteError:
            if not self.control.stop_requested:
                raise
        finally:
            oracle.close()
            if self.workers is not None:
                self.workers.close()
        state = SearchState.STOPPED if finished is None else SearchState.FINISHED
        why = self.control.stop_reason if finished is None else finished
        return state, "; ".join(filter(None, (why, left)))

    def _files(self) -> SearchFiles:
        history, folder, settings = self.journal.history, self.project.folder, self.project.settings
        checkpoints = CheckpointStore(folder / "checkpoints", history)
        inherited = settings.strategy.inherits
        full = settings.fidelity
        states = TrainingStateStore(folder / "states", history, full, inherited=inherited)
        states.remove_unneeded()  # so that what may be inherited is a function of the journal
        return SearchFiles(checkpoints, states)

    def resize(self, workers: int | str) -> None:
        """Lets another number of local processes work, from now on."""
        local = getattr(self._starter, "resize", None)
        if local is None or is_dask(workers) or workers == KERNEL:
            raise SearchError(
                "Expected a search with local worker processes and another number of them: what "
                "else evaluates trials is chosen before it runs, and a Dask cluster grows by "
                f"cluster.scale(n). Received: workers={shown(workers)}. Stop the search first."
            )
        local(workers)

    def _make_starter(self) -> Starter | None:
        """Prepares worker processes, so that nothing has begun where they can't be had."""
        settings = self.project.settings
        if settings.workers == KERNEL:
            return None
        from nas_nb.workers.worker_process import Parcel

        parcel = Parcel(
            settings.space,
            settings.data,
            settings.seed,
            str(settings.objective.direction),
            settings.minimised,
            self.project.folder,
            self._keras_settings,
            recorded_versions(),
        )
        if is_dask(settings.workers):
            from nas_nb.workers.dask_cluster import DaskWorkers

            return DaskWorkers(settings.workers, parcel)
        from nas_nb.workers.local_process import LocalProcesses

        found = capacity(settings.workers)
        most = settings.budget.max_trials
        if most is not None:  # more would have nothing to do
            left = max(1, most - len(self.project.history.finished))
            found = replace(found, count=min(found.count, left))
        return LocalProcesses(parcel, found)

    def _start_workers(self, files: SearchFiles) -> Workers:
        """Returns the kernel as the worker, or a pool of processes."""
        project = self.project
        if self._starter is None:
            if trouble := share_gpus():
                tell(trouble)
            return KernelWorker(lambda: project.settings.fidelity_cache, files)
        from nas_nb.workers.worker_pool import WorkerPool

        return WorkerPool(self._starter, self.control, files)

    def _prepare(self, strategy: Strategy) -> None:
        settings = self.project.settings
        strategy.prepare(settings.space, settings.data, self.journal, self.control, settings.seed)

    def _on_paused(self, waits: bool) -> None:
        self.reason = self.control.pause_reason if waits else None
        detail = {"reason": self.reason} if self.reason else {}
        # If the search pauses because the journal can't be written, this event is lost.
        with suppress(JournalWriteError):
            self.journal.append_now("steered", action="pause" if waits else "resume", detail=detail)
        self.state = SearchState.PAUSED if waits else SearchState.RUNNING

    def _on_blocked(self, error: JournalWriteError) -> bool:
        """Pauses while the journal can't be written, as on a full disk; says whether to retry."""
        self.control.pause(f"{error} Nothing was lost.")
        self.control.wait()
        return not self.control.stop_requested

    def _shut_down(self) -> None:
        """Stops the run when its kernel shuts down, so that no trial is blamed for a crash."""
        # TensorFlow aborts if Python exits while a thread runs it: the search's thread ends first.
        self.control.stop(_SHUT_DOWN)
        if self.ended.wait(_SHUT_DOWN_S):
            return
        with suppress(JournalError):
            self.journal.append_now("search_closed", state="stopped", reason=_SHUT_DOWN)
        self.journal.close()

    def _close(self, state: SearchState, reason: str | None) -> None:
        self.control.end()
        try:
            self.journal.append_now("search_closed", state=state.value, reason=reason)
        except JournalError as error:
            state, self.error = SearchState.FAILED, self.error or error
        with self.project.steering.guard:
            self.journal.close()
            self._closed = True
        # After a shutdown the panel keeps its state: it must not offer Resume.
        if self.control.stop_reason != _SHUT_DOWN:
            self.reason = reason
            self.state = state


def _exit_error(error: BaseException, reason: str) -> SearchError:
    """Wraps SystemExit and the like, which would end the kernel if raised."""
    explained = SearchError(f"The search was ended by code of its strategy or space: {reason}")
    explained.__cause__ = error
    return explained


def _last_stopped(history: History) -> set[int]:
    """The trial that was last asked to end: a kernel may have died before it did."""
    asked = [e["detail"]["trial"] for e in history.steering if e["action"] == "stop_trial"]
    return set(asked[-1:])
