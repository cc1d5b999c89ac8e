from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import Any

import pytest

from nas_nb.space.search_space import SearchSpace
from nas_nb.workers import thread_worker
from nas_nb.workers.control import SearchState
from tests.search.tiny import LONG, eventually, tiny_search


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets the second model that is built not come back until the test is over."""
    over, built, build = threading.Event(), [], SearchSpace.build_values
    monkeypatch.setattr(thread_worker, "GRACE_S", 0.3)

    def sometimes(space: SearchSpace, values: Any) -> Any:
        built.append(values)
        if len(built) == 2:
            over.wait(120)
        return build(space, values)

    yield lambda: monkeypatch.setattr(SearchSpace, "build_values", sometimes)
    over.set()
    assert eventually(lambda: not any("nas_nb-trials" in t.name for t in threading.enumerate()))


@pytest.mark.parametrize("begin", ["run", "start"])
def test_an_endless_build_is_left_behind_and_the_search_goes_on(
    begin: str, endless: Any, tmp_path: Path
):
    whole = tiny_search(tmp_path / "whole", max_trials=3).run()
    search = tiny_search(tmp_path / "endless", max_trials=3, max_time_per_trial=2)
    endless()
    state = random.getstate()
    getattr(search, begin)()
    search.wait()
    assert [trial.status for trial in search.history] == ["completed", "failed", "completed"]
    assert "max_time_per_trial=2 s and could not be ended" in str(search.history[1].reason)
    assert search.history[2].curve == whole.history[2].curve
    assert random.getstate() == state
    other = tiny_search(tmp_path / "other", max_trials=1).run()
    assert other.history[0].score == whole.history[0].score


def test_a_search_that_is_stopped_in_an_endless_build_lets_another_one_start(
    endless: Any, tmp_path: Path
):
    search = tiny_search(tmp_path / "endless", max_trials=3, max_time_per_trial=1000)
    endless()
    search.start()
    assert eventually(lambda: len(search.history.finished) == 1 and len(search.history) == 2)
    search.stop()
    search.wait()
    assert search.state is SearchState.STOPPED
    assert search.history[1].status == "stopped"
    assert tiny_search(tmp_path / "other", max_trials=1).run().state is SearchState.FINISHED


def test_a_trial_with_a_limit_trains_as_one_without(tmp_path: Path):
    free = tiny_search(tmp_path / "free", strategy="evolution").run()
    limited = tiny_search(tmp_path / "limited", strategy="evolution", max_time_per_trial=1000).run()
    assert [t.curve for t in limited.history] == [t.curve for t in free.history]


def test_a_limited_trial_is_paused_resumed_and_stopped_as_any(tmp_path: Path):
    search = tiny_search(tmp_path, epochs=LONG, max_time_per_trial=1000).start()
    assert eventually(lambda: search.history.epochs_spent > 0)
    search.pause()
    assert eventually(lambda: search.state is SearchState.PAUSED)
    search.resume()
    assert eventually(lambda: search.state is SearchState.RUNNING)
    search.stop()
    search.wait()
    assert search.history[0].reason == "cut off: the search was stopped or its time was up"
