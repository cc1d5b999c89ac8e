"""Strategies that measure something on the data before they propose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nas_nb.errors import StrategyError
from nas_nb.record.history import History
from nas_nb.record.trial import Value
from nas_nb.strategy.base import Strategy, sample_new
from nas_nb.workers.control import SearchState
from tests.search.tiny import tiny_search


@dataclass(frozen=True)
class Measures(Strategy):
    """Proposes only what the history says was measured."""

    name: ClassVar[str] = "measures"

    stops: bool = False

    def prepare(self, space: Any, data: Any, journal: Any, control: Any, seed: int) -> None:
        if self.stops:
            control.stop()
        elif not journal.history.prepared:
            detail = {"rows": len(data.x_train), "size": space.size, "seed": seed}
            journal.append("prepared", strategy=self.name, what="rows", detail=detail)

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        if not history.prepared:
            raise StrategyError("Expected rows that were measured. Received: none.")
        return sample_new(self.domain, history, rng)


def test_it_is_done_once_before_the_first_trial(tmp_path: Path) -> None:
    search = tiny_search(tmp_path, strategy=Measures(), max_trials=1, epochs=1, seed=4).run()
    (event,) = search.history.prepared
    assert event["detail"] == {"rows": len(search.data.x_train), "size": 12, "seed": 4}
    assert event["time"] <= (search.history[0].started or 0)
    again = tiny_search(tmp_path, strategy=Measures(), max_trials=2, epochs=1, seed=4).run()
    assert len(again.history.prepared) == 1
    assert len(again.history.completed) == 2


def test_a_strategy_that_takes_over_prepares_first(tmp_path: Path) -> None:
    search = tiny_search(tmp_path, max_trials=1, epochs=1).run()
    assert not search.history.prepared
    search.steer.strategy(Measures())
    search.steer.budget(max_trials=2)
    search.run()
    assert len(search.history.prepared) == 1
    assert search.history[1].origin == "measures"


def test_a_stop_while_it_prepares_ends_the_search_without_a_trial(tmp_path: Path) -> None:
    search = tiny_search(tmp_path, strategy=Measures(stops=True), max_trials=1).run()
    assert search.state is SearchState.STOPPED
    assert not search.history.trials
