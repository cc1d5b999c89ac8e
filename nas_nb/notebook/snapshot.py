"""`Snapshot`: a search at one moment, which all that is shown together tells of."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas_nb.search.budget import Progress
    from nas_nb.search.search import Search

_TRIES = 3


class Snapshot:
    """What a search is, has found and may spend at one moment; it does not change."""

    def __init__(self, search: Search) -> None:
        self.settings, self.name, self.directory = search.settings, search.name, search.directory
        self.space, self.data, self.seed = search.space, search.data, search.seed
        self.strategy, self.budget = search.strategy, search.budget
        self.objective, self.direction = search.objective, search.direction
        for _ in range(_TRIES):  # until no event came in between
            self.history = search.history.snapshot()
            self.state, self.reason = search.state, search.reason
            self.strategy_reason, self.elapsed_s = search.strategy_reason, search.elapsed_s
            if search.history.version == self.history.version:
                break
        self.workers, self.about_workers = search.workers, search.about_workers
        self.taken = time.time()

    @property
    def progress(self) -> Progress:
        """How far the search is, and how long the rest may take."""
        return self.budget.progress(self.history, self.elapsed_s)
