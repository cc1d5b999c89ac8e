"""The life of a search: started, paused, resumed, stopped and waited for from anywhere."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Self

from nas_nb.errors import BudgetError, SearchError
from nas_nb.search.run import Run
from nas_nb.search.session import claim, release, remember, running_in
from nas_nb.search.state import SearchState
from nas_nb.search.status import SearchStatus
from nas_nb.search.waiting import interrupt_stops, wait_until, wait_until_async

if TYPE_CHECKING:
    from pathlib import Path

    from nas_nb.record.history import History
    from nas_nb.search.helm import Helm
    from nas_nb.search.settings import Settings


class SearchLife(SearchStatus):
    """The half of a `Search` that moves: its run, and the thread that works for it.

    Args:
        settings: What defines the search.
        directory: The project folder.
        history: What earlier runs of the project left there.
        helm: What it shares with those that steer.
    """

    def __init__(self, settings: Settings, directory: Path, history: History, helm: Helm) -> None:
        super().__init__(settings, directory, history)
        self._lock = threading.RLock()
        self.helm = helm
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
        if running is None or running is self or running.helm.given != self.helm.given:
            return
        self._settings, self._run, self.helm = running.shared

    @property
    def shared(self) -> tuple[Settings, Run | None, Helm]:
        """What two searches of one folder and kernel have in common."""
        return self._settings, self._run, self.helm

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
                self._run = Run(self._settings, self.directory, self.helm)
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
