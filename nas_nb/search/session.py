"""The kernel's one running search: beginning a run, its thread, its listener, waiting for it."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from nas_nb.errors import BudgetError, SearchError, is_number, nearest, shown
from nas_nb.search.settings import edited_cell_advice
from nas_nb.workers.control import SearchState

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

    from nas_nb.search.run import Project, Run


class SearchListener:
    """Is told what happens to a search, in the thread that asked for it; this one does nothing."""

    @property
    def blocking(self) -> bool:
        """Whether a search has to run in the thread that starts it."""
        return False

    def on_start(self, run: Run) -> None:
        """Is told when a run begins."""

    def on_change(self) -> None:
        """Is told after settings were changed and after every steering action."""

    def on_wait(self, wait: Callable[[float | None], None], timeout: float | None) -> None:
        """Waits, with what `wait` returns after so many seconds or at the search's end."""
        wait(timeout)

    def on_settled(self) -> None:
        """Is told when somebody has waited, whether or not the search has ended."""


NO_LISTENER = SearchListener()
INTERRUPTED = "interrupted"


class LiveSearch(Protocol):
    """What the session asks of a `Search`."""

    project: Project

    @property
    def name(self) -> str:
        """What it is called on screen."""

    @property
    def state(self) -> SearchState:
        """What it does."""

    @property
    def listener(self) -> SearchListener:
        """What follows it."""

    @property
    def error(self) -> Exception | None:
        """What ended its last run, if that failed."""

    @property
    def reason(self) -> str | None:
        """Why its last run ended or waits."""

    def stop(self) -> None:
        """Asks it to end."""

    def wait(self, timeout: float | None = None) -> None:
        """Waits for its end."""


@dataclass
class _Session:
    running: LiveSearch | None = None
    # A weak reference, so that a search nobody holds is freed with its data and models.
    latest: weakref.ref[LiveSearch] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


_SESSION = _Session()


def current_search() -> Any:
    """Returns the `Search` that runs in this kernel, else the one made or run last, else None."""
    found = _SESSION.running
    if found is None and _SESSION.latest is not None:
        found = _SESSION.latest()
    return found


def running_in(folder: Path) -> LiveSearch | None:
    """Returns the search that runs in this kernel and writes into `folder`, or None."""
    running = _SESSION.running
    return running if running is not None and running.project.folder == folder else None


def remember(search: LiveSearch) -> None:
    """Makes a new search the latest."""
    _SESSION.latest = weakref.ref(search)


def _claim(search: LiveSearch) -> None:
    """Makes `search` the running one."""
    with _SESSION.lock:
        running = _SESSION.running
        if running is not None and running is not search:
            raise SearchError(_refusal(running, search))
        _SESSION.running = search
        remember(search)


def _refusal(running: LiveSearch, search: LiveSearch) -> str:
    found = f"The search '{running.name}' is {running.state} in this kernel, and only one can be"
    then, now = running.project.requested, search.project.requested
    if running.project.folder == search.project.folder and then != now:
        return f"{found}. {edited_cell_advice(then, now)}"
    return f"{found}: wait for it, or stop it with `%nas stop` or `nas.current_search().stop()`."


def _release(search: LiveSearch) -> None:
    """Lets another search run."""
    with _SESSION.lock:
        if _SESSION.running is search:
            _SESSION.running = None


def _begin(search: LiveSearch) -> Run:
    with search.project.lock:
        if search.state.live:
            raise SearchError(f"The search '{search.name}' is {search.state} already.")
        spent = search.project.spent
        if spent:
            raise BudgetError(
                f"Nothing is left of the budget ({spent}): raise it, for example with "
                "`search.configure(max_trials=...)`, and start again."
            )
        _claim(search)
        try:
            run = search.project.begin()
        except BaseException:
            _release(search)
            raise
    search.listener.on_start(run)
    return run


def _work(search: LiveSearch, run: Run) -> None:
    try:
        run.work()
    finally:
        _release(search)
        run.ended.set()


def launch(search: LiveSearch) -> None:
    """Begins a run in a thread of its own, or in this one where the listener needs that."""
    if search.listener.blocking:
        work_here(search)
        return
    run = _begin(search)
    # The name is unique: KerasTuner tells the holders of its locks apart by it.
    name = f"nas_nb-search-{id(run):x}"
    threading.Thread(target=_work, args=(search, run), name=name, daemon=True).start()


def work_here(search: LiveSearch) -> None:
    """Runs the search in the calling thread to its end; raises what ended it or made it wait."""
    try:
        run = _begin(search)
        run.control.patient = False
        with interrupt_stops(partial(run.control.stop, INTERRUPTED)):
            _work(search, run)
        _raise_error(search)
        if run.control.pause_reason is not None and run.state is SearchState.STOPPED:
            raise SearchError(f"The search '{search.name}' stopped: {run.control.pause_reason}")
    finally:
        search.listener.on_settled()


def _raise_error(search: LiveSearch) -> None:
    """Raises what ended the search, or why it paused by itself."""
    if search.error is not None:
        raise search.error
    if search.state is SearchState.PAUSED and search.reason is not None:
        raise SearchError(
            f"The search '{search.name}' paused: {search.reason} "
            "Go on with `search.resume()`, or end it with `search.stop()`."
        )


def no_incumbent(search: LiveSearch) -> SearchError:
    """Returns the error for who asks for an incumbent that is not there, with what to do."""
    history, advice = search.project.history, "run it: `search.start()`."
    if search.state is SearchState.RUNNING:
        advice = "wait: `await search`."
    elif search.state is SearchState.PAUSED:
        advice = "let it go on: `search.resume()`."
    elif search.state is SearchState.FINISHED:
        _, failure = history.failures_in_a_row
        advice = f"the last one failed: {failure} Mend the space, and search in another folder."
    return SearchError(
        f"The search '{search.name}' has no incumbent yet: it is {search.state}, "
        f"{len(history.finished)} trials ended and none completed; {advice}"
    )


_MEANT = {
    "best_model": "best.model()",
    "best_params": "best.values",
    "best_score": "best.score",
    "best_trial": "best",
    "fit": "run()",
    "get_best_models": "best.model()",
    "results": "trials",
    "search": "run()",
}
"""What other libraries call it."""


def no_attribute(search: LiveSearch, name: str) -> AttributeError:
    """Returns the error for who asks for an attribute that no search has, with what to write."""
    near = nearest(name, (known for known in dir(search) if not known.startswith("_")))
    told = f" Write `search.{_MEANT[name]}`." if name in _MEANT else near
    return AttributeError(f"A search has no attribute '{name}'.{told}")


def end_running(timeout_s: float = 10.0) -> None:
    """Stops the search that runs in this kernel, if any, and waits for its end."""
    running = _SESSION.running
    if running is not None and running.state.live:
        running.stop()
        running.wait(timeout_s)


POLL_S = 0.1

Check = Callable[[], bool]
Action = Callable[[], None]


_LONGEST_WAIT_S = 1e9
"""Less than what the clock's locks can wait."""


def _check_timeout(timeout_s: object) -> None:
    """Raises SearchError unless it is None, or seconds that can be waited."""
    if timeout_s is not None and not (is_number(timeout_s) and 0 <= timeout_s <= _LONGEST_WAIT_S):
        raise SearchError(
            f"Expected `timeout` in seconds, or None. Received: timeout={shown(timeout_s)}."
        )


def wait_for(search: LiveSearch, timeout_s: float | None) -> None:
    """Waits until the search no longer runs, and raises what ended it or made it wait."""
    _check_timeout(timeout_s)
    try:
        search.listener.on_wait(partial(_wait_until_settled, search), timeout_s)
        _raise_error(search)
    finally:
        search.listener.on_settled()


async def wait_for_async(search: LiveSearch) -> None:
    """Does the same for `await`."""
    run = search.project.run
    try:
        if run is not None:
            await wait_until_async(run.settled, run.ended.is_set, run.control.stop)
        _raise_error(search)
    finally:
        search.listener.on_settled()


def _wait_until_settled(search: LiveSearch, timeout_s: float | None) -> None:
    run = search.project.run
    if run is not None:
        stop = partial(run.control.stop, INTERRUPTED)
        wait_until(run.settled, run.ended.is_set, stop, timeout_s)


def wait_until(settled: Check, ended: Check, stop: Action, timeout_s: float | None) -> None:
    """Polls until `settled`; an interrupt calls `stop` and then waits until `ended`."""
    # Polling, since an interrupt during `Thread.join` marks a running thread as ended (Python up to
    # 3.12), and an Event without a timeout can't be interrupted on every platform.
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    try:
        while not settled() and (deadline is None or time.monotonic() < deadline):
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        _stop_and_wait(ended, stop)


async def wait_until_async(settled: Check, ended: Check, stop: Action) -> None:
    """Polls as `wait_until` does, for `await`: there an interrupt arrives as a cancellation."""
    try:
        while not settled():
            await asyncio.sleep(POLL_S)
    except (asyncio.CancelledError, KeyboardInterrupt):
        _stop_and_wait(ended, stop)


def _stop_and_wait(ended: Check, stop: Action) -> None:
    stop()
    while not ended():
        time.sleep(POLL_S)


@contextmanager
def interrupt_stops(stop: Action) -> Iterator[None]:
    """Turns the first Ctrl-C in the main thread into `stop()`, and lets a second one through."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    usual = signal.getsignal(signal.SIGINT)

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, usual)
        stop()

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
