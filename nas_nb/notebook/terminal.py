"""Where there is no notebook: the same search as text, with one line that follows it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from IPython import get_ipython

from nas_nb.notebook import wording

if TYPE_CHECKING:
    from nas_nb.search.search import Search

_PERIOD_S = 1.0


def in_notebook() -> bool:
    """Tells whether there is a kernel, and so a page that can show widgets and pictures."""
    return hasattr(get_ipython(), "kernel")


def in_colab() -> bool:
    """Tells whether the page is Colab's: what another thread sends to its widgets stays unseen.

    It appears when the next cell runs (googlecolab/colabtools 3373). So a search has to run in the
    cell there, and is followed from its own thread.
    """
    return "google.colab" in sys.modules


def say(text: str) -> None:
    """Writes a line of text to the running cell, or to the terminal."""
    sys.stdout.write(f"{text}\n")


def wait_with_line(search: Search, wait: Callable[[float], None], timeout: float | None) -> None:
    """Waits for a search, and keeps one line of the terminal up to date meanwhile.

    Args:
        search: The search to wait for.
        wait: Waits so many seconds, or until the search is over.
        timeout: Seconds after which to return anyway; None waits to the end.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    width, said = 0, ""
    try:
        while True:
            left = _PERIOD_S if deadline is None else deadline - time.monotonic()
            wait(min(_PERIOD_S, max(0.0, left)))
            if (choice := wording.choice_text(search)) != said:
                sys.stdout.write(f"\r{choice:<{width}}\n")
                said = choice
            line = f"{wording.status_line(search)} {wording.time_line(search)}"
            sys.stdout.write(f"\r{line:<{width}}")
            sys.stdout.flush()
            width = len(line)
            if search.state is not search.state.RUNNING or left <= 0:
                return
    finally:
        sys.stdout.write("\n")
