"""The kernel's one running search: at most one trains at a time, and the latest can be found."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from nas_nb.errors import SearchError

if TYPE_CHECKING:
    from nas_nb.search.search import Search

_LOCK = threading.Lock()
_latest: weakref.ref[Search] | None = None
_running: Search | None = None


def current_search() -> Search | None:
    """Returns the search that runs in this kernel, else the one made or run last, else None."""
    if _running is not None:
        return _running
    return _latest() if _latest is not None else None


def remember(search: Search) -> None:
    """Makes a new search the latest."""
    global _latest
    _latest = weakref.ref(search)


def claim(search: Search) -> None:
    """Makes `search` the running one.

    Raises:
        SearchError: Another one runs: two trainings in one process disturb each other's seeds.
    """
    global _running
    with _LOCK:
        if _running is not None and _running is not search:
            raise SearchError(
                f"The search '{_running.name}' is {_running.state} in this kernel, and only one "
                "can be: wait for it, or stop it with `%nas stop` or `nas.current_search().stop()`."
            )
        _running = search
        remember(search)


def release(search: Search) -> None:
    """Lets another search run."""
    global _running
    with _LOCK:
        if _running is search:
            _running = None
