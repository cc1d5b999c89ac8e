"""The states of a search."""

from __future__ import annotations

from enum import StrEnum


class SearchState(StrEnum):
    """What a search is doing, and so what may be asked of it."""

    NEW = "new"
    """Made and not yet started."""
    RUNNING = "running"
    """A trial is being evaluated, or is about to be."""
    PAUSED = "paused"
    """Waits, the trial in its place, until `resume()` or `stop()`."""
    STOPPED = "stopped"
    """Ended early by its user; `resume()` goes on with the trial that was cut off."""
    FINISHED = "finished"
    """The budget is spent or the space exhausted; a larger budget lets it go on."""
    FAILED = "failed"
    """Ended by an error of the search itself, not of a trial; `reason` says which."""

    @property
    def live(self) -> bool:
        """Whether a worker is at work on the search."""
        return self in (SearchState.RUNNING, SearchState.PAUSED)
