"""The kernel's one running search: at most one trains at a time, and the latest can be found."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nas_nb.errors import SearchError

if TYPE_CHECKING:
    from pathlib import Path

    from nas_nb.search.search import Search


@dataclass
class _Session:
    running: Search | None = None
    # A weak reference, so that a search nobody holds is freed with its data and models.
    latest: weakref.ref[Search] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


_SESSION = _Session()


def current_search() -> Search | None:
    """Returns the search that runs in this kernel, else the one made or run last, else None."""
    if _SESSION.running is not None:
        return _SESSION.running
    return _SESSION.latest() if _SESSION.latest is not None else None


def running_in(folder: Path) -> Search | None:
    """Returns the search that runs in this kernel and writes into `folder`, or None."""
    running = _SESSION.running
    return running if running is not None and running.directory == folder else None


def remember(search: Search) -> None:
    """Makes a new search the latest."""
    _SESSION.latest = weakref.ref(search)


def claim(search: Search) -> None:
    """Makes `search` the running one.

    Raises:
        SearchError: Another one runs: two trainings in one process disturb each other's seeds.
    """
    with _SESSION.lock:
        running = _SESSION.running
        if running is not None and running is not search:
            raise SearchError(
                f"The search '{running.name}' is {running.state} in this kernel, and only one "
                "can be: wait for it, or stop it with `%nas stop` or `nas.current_search().stop()`."
            )
        _SESSION.running = search
        remember(search)


def release(search: Search) -> None:
    """Lets another search run."""
    with _SESSION.lock:
        if _SESSION.running is search:
            _SESSION.running = None


def end_running(timeout_s: float = 10.0) -> None:
    """Stops the search that runs in this kernel, if any, and waits for its end.

    Args:
        timeout_s: Seconds to wait at most: the first trace of a large model can't be cut off.
    """
    running = _SESSION.running
    if running is not None and running.state.live:
        running.stop()
        running.wait(timeout_s)
