"""The kernel's one running search: at most one trains at a time, and the latest can be found."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from nas_nb.errors import SearchError
from nas_nb.search.edited import ways_out

if TYPE_CHECKING:
    from pathlib import Path

    from nas_nb.search.life import SearchLife
    from nas_nb.search.search import Search


@dataclass
class _Session:
    running: SearchLife | None = None
    # A weak reference, so that a search nobody holds is freed with its data and models.
    latest: weakref.ref[SearchLife] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


_SESSION = _Session()


def current_search() -> Search | None:
    """Returns the search that runs in this kernel, else the one made or run last, else None."""
    found = _SESSION.running
    if found is None and _SESSION.latest is not None:
        found = _SESSION.latest()
    return cast("Search | None", found)  # the half that lives is never made by itself


def running_in(folder: Path) -> SearchLife | None:
    """Returns the search that runs in this kernel and writes into `folder`, or None."""
    running = _SESSION.running
    return running if running is not None and running.directory == folder else None


def remember(search: SearchLife) -> None:
    """Makes a new search the latest."""
    _SESSION.latest = weakref.ref(search)


def claim(search: SearchLife) -> None:
    """Makes `search` the running one.

    Raises:
        SearchError: Another one runs: two trainings in one process disturb each other's seeds.
    """
    with _SESSION.lock:
        running = _SESSION.running
        if running is not None and running is not search:
            raise SearchError(_refusal(running, search))
        _SESSION.running = search
        remember(search)


def _refusal(running: SearchLife, search: SearchLife) -> str:
    found = f"The search '{running.name}' is {running.state} in this kernel, and only one can be"
    if running.directory == search.directory and running.helm.given != search.helm.given:
        return f"{found}. {ways_out(running.helm.given, search.helm.given)}"
    return f"{found}: wait for it, or stop it with `%nas stop` or `nas.current_search().stop()`."


def release(search: SearchLife) -> None:
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
