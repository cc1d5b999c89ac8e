"""One run: from the opening of the journal to its closing."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_nb.errors import JournalError, JournalWriteError
from nas_nb.evaluate.backend import MemoryWatch
from nas_nb.evaluate.keras_state import KerasSettings
from nas_nb.evaluate.trainer import register_choices
from nas_nb.record.journal import JOURNAL_FILE, Journal
from nas_nb.search.project import check_own_files, check_same_search
from nas_nb.search.steering_state import LOCK_TIMEOUT_S
from nas_nb.search.tuner import SearchOracle, SearchTuner
from nas_nb.space.hyperparameters import to_hyperparameters
from nas_nb.workers.checkpoints import CheckpointStore, TrainingStateStore
from nas_nb.workers.control import Control, SearchState
from nas_nb.workers.trial_evaluation import TrialFiles

if TYPE_CHECKING:
    from nas_nb.record.events import Event, EventKind
    from nas_nb.record.history import History
    from nas_nb.search.settings import Settings
    from nas_nb.search.steering_state import SteeringState
    from nas_nb.strategy.base import Strategy


class Run:
    """Opens the project's journal, works until the end, and closes it.

    Args:
        settings: What defines the search.
        folder: The project's folder.
        steering_state: What it shares with the thread that steers.

    Attributes:
        state: What the run is doing.
        reason: Why it ended, as a sentence; None while it is live.
        error: The error that ended it, if it failed.
        control: Pause and stop.
        ended: Set when the run is over and nothing more will be written.

    Raises:
        JournalError: The folder can't be written, or another kernel is writing it.
        SearchError: The folder holds another search.
    """

    def __init__(self, settings: Settings, folder: Path, steering_state: SteeringState) -> None:
        self.settings = settings
        self.folder = folder
        self.steering_state = steering_state
        self.journal = _open_journal(settings, folder, steering_state)
        self.journal.on_blocked = self._on_blocked
        spent_s = self.journal.history.busy_s
        self.control = Control(self._on_paused, settings.budget.max_time_s, spent_s)
        self.control.stopped_trial = _last_stopped(self.journal.history)
        self.state = SearchState.RUNNING
        self.reason: str | None = None
        self.error: Exception | None = None
        self.ended = threading.Event()
        self.tuner: SearchTuner | None = None
        self._closed = False
        self._keras_settings = KerasSettings.current()  # the user's, for the worker's thread

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
        except Exception as error:  # noqa: BLE001 - kept, and raised where the user waits
            self.error = error
            reason = "".join(traceback.format_exception_only(error)).strip()
        finally:
            self._close(ended, reason)

    def reconfigure(self, settings: Settings) -> None:
        """Goes on with another budget; the strategy is the journal's. From any thread."""
        before, self.settings = self.settings, settings
        self.control.limit_s = settings.budget.max_time_s
        if self.tuner is not None:
            self.tuner.settings = settings
            if before.budget.max_memory_bytes != settings.budget.max_memory_bytes:
                self.tuner.memory = MemoryWatch(settings.budget.max_memory_bytes)

    def steer(self, action: str, detail: dict[str, Any]) -> bool:
        """Writes down what was asked for; returns False if the run is over. From any thread.

        Raises:
            JournalError: It can't be written now; nobody waits here for room on the disk.
        """
        if not self.steering_state.guard.acquire(timeout=LOCK_TIMEOUT_S):
            raise JournalError(
                f"Expected to write '{action}' into the journal. Received: it can't be written "
                f"now. {self.reason or 'Try again in a moment.'}"
            )
        try:
            if self._closed:
                return False
            self.journal.append_now("steered", action=action, detail=detail)
        finally:
            self.steering_state.guard.release()
        return True

    def _search(self) -> tuple[SearchState, str]:
        its, domain = self.settings, self.settings.space.domain
        files = self._files()
        oracle = SearchOracle(
            its.strategy,
            its.objective,
            hyperparameters=to_hyperparameters(domain),
            seed=its.seed,
            journal=self.journal,
            epochs=its.fidelity.epochs,
            start_of=files.states.start_of,
            domain=domain,
            steering_state=self.steering_state,
            prepare=self._prepare,
        )
        self.tuner = SearchTuner(oracle, its, self.control, files, self.folder)
        finished = None
        try:
            self._prepare(its.strategy)
            register_choices(
                value for parameter in domain.parameters for value in parameter.choices
            )
            finished = self.tuner.search()
        except JournalWriteError:
            if not self.control.stop_requested:
                raise
        finally:
            oracle.close()
        if finished is not None:
            return SearchState.FINISHED, finished
        why = None if self.control.patient else self.control.pause_reason
        return SearchState.STOPPED, why or "stopped by its user"

    def _files(self) -> TrialFiles:
        history, its = self.journal.history, self.settings
        checkpoints = CheckpointStore(self.folder / "checkpoints", history)
        inherited = its.strategy.inherits
        states = TrainingStateStore(
            self.folder / "states", history, its.fidelity, inherited=inherited
        )
        states.prune()  # so that what may be inherited is a function of the journal
        return TrialFiles(checkpoints, states)

    def _prepare(self, strategy: Strategy) -> None:
        its = self.settings
        strategy.prepare(its.space, its.data, self.journal, self.control, its.seed)

    def _on_paused(self, waits: bool) -> None:
        self.reason = self.control.pause_reason if waits else None
        detail = {"reason": self.reason} if self.reason else {}
        # Where the journal can't be written the search waits for just that.
        with suppress(JournalWriteError):
            self.journal.append_now("steered", action="pause" if waits else "resume", detail=detail)
        self.state = SearchState.PAUSED if waits else SearchState.RUNNING

    def _on_blocked(self, error: JournalWriteError) -> bool:
        self.control.pause(f"{error} Nothing was lost.")
        self.control.wait()
        return not self.control.stop_requested

    def _close(self, state: SearchState, reason: str | None) -> None:
        self.control.end()
        try:
            self.journal.append_now("search_closed", state=state.value, reason=reason)
        except JournalError as error:
            state, self.error = SearchState.FAILED, self.error or error
        with self.steering_state.guard:
            self.journal.close()
            self._closed = True
        self.reason = reason
        self.state = state


def _last_stopped(history: History) -> int | None:
    """The trial that was asked to end last: a kernel may have died before it did."""
    asked = [e["detail"]["trial"] for e in history.steering if e["action"] == "stop_trial"]
    return asked[-1] if asked else None


def _open_journal(
    settings: Settings, folder: Path, steering_state: SteeringState
) -> RetryingJournal:
    journal = RetryingJournal.open(folder / JOURNAL_FILE)
    try:
        opening = {**settings.opening(), "given": steering_state.given}
        check_same_search(journal.history, opening, folder)
        check_own_files(folder, journal.history)
        journal.append("search_opened", session=len(journal.history.opened) + 1, **opening)
        while steering_state.waiting:
            journal.append("steered", **steering_state.waiting.pop(0))
    except BaseException:
        journal.close()
        raise
    return journal


class RetryingJournal(Journal):
    """A journal that asks what to do when it can't be written, and then tries again.

    Attributes:
        on_blocked: Called with the error when an event can't be written (a full disk, a deleted
            folder); it returns, maybe after long, whether another try makes sense. Without it, or
            where none does, the error is raised.
    """

    def __init__(self) -> None:
        super().__init__()
        self.on_blocked: Callable[[JournalWriteError], bool] | None = None

    def append(self, kind: EventKind | str, /, **fields: Any) -> Event:
        """Writes one event, however long that takes. Arguments and result as `Journal.append`."""
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
