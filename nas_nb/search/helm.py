"""The helm: what the thread that steers a search and the one that works on it share."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from nas_nb.errors import SearchError
from nas_nb.strategy.names import STRATEGIES, make_strategy

if TYPE_CHECKING:
    from nas_nb.record.events import Event
    from nas_nb.strategy.strategy import Strategy

PATIENCE_S = 2.0


class Helm:
    """One for each search, over all its runs.

    Attributes:
        guard: Held while steering is written down, and while a proposal is: so each proposal is
            that of the steering before it in the journal, and a resumed search makes the same.
        given: What code asked for, of what steering may change.
        waiting: Steering of a search that has not started: its journal does not exist yet.
    """

    def __init__(self, given: dict[str, Any]) -> None:
        self.guard = threading.Lock()
        self.given = given
        self.waiting: list[Event] = []
        self._strategies: dict[str, Strategy] = {}

    def remember(self, strategy: Strategy) -> dict[str, Any]:
        """Keeps a strategy for the worker, and returns what the journal says about it."""
        said = {"strategy": strategy.name, "options": strategy.options}
        self._strategies[_key(strategy.name, strategy.options)] = strategy
        return said

    def strategy(self, name: str, options: dict[str, Any]) -> Strategy:
        """Returns the strategy that the journal names.

        Raises:
            SearchError: It is a function of an earlier session.
        """
        known = self._strategies.get(_key(name, options))
        if known is not None:
            return known
        if name not in STRATEGIES:
            raise SearchError(
                f"The strategy '{name}' is a function of an earlier session: give it again with "
                "`search.steer.strategy(...)`."
            )
        return make_strategy(name, **options)


def _key(name: str, options: dict[str, Any]) -> str:
    return json.dumps([name, options], sort_keys=True)
