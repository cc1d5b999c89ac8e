"""The life of a search: threads, waiting, pause and stop."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from nas_nb.errors import BudgetError, SearchError
from nas_nb.search.session import current_search
from nas_nb.workers.control import SearchState
from tests.search.tiny import LONG, eventually, tiny_search


def test_start_returns_at_once_and_wait_waits(tmp_path: Path):
    search = tiny_search(tmp_path).start()
    assert search.state is SearchState.RUNNING
    assert current_search() is search
    search.wait()
    assert search.state is SearchState.FINISHED


def test_a_search_can_be_awaited(tmp_path: Path):
    async def cell() -> SearchState:
        search = tiny_search(tmp_path).start()
        await search
        return search.state

    assert asyncio.run(cell()) is SearchState.FINISHED


def test_waiting_gives_up_after_its_timeout(tmp_path: Path):
    search = tiny_search(tmp_path, epochs=LONG).start()
    search.wait(timeout=0.2)
    assert search.state is SearchState.RUNNING
    search.stop()
    search.wait()


def test_a_stop_cuts_off_the_trial_and_a_resume_takes_it_up_again(tmp_path: Path):
    search = tiny_search(tmp_path, epochs=LONG, max_epochs=LONG).start()
    assert eventually(lambda: search.history.epochs_spent > 0)
    search.stop()
    search.wait()
    assert search.state is SearchState.STOPPED
    first = search.history[0]
    assert first.status == "stopped"
    assert first.epochs > 0
    search.resume()
    assert eventually(lambda: search.history[0].attempt == 2)
    search.stop()
    search.wait()
    assert len(search.history) == 1


def test_a_paused_search_waits_in_its_place_and_goes_on(tmp_path: Path):
    search = tiny_search(tmp_path, epochs=LONG).start()
    assert eventually(lambda: search.history.epochs_spent > 0)
    search.pause()
    assert eventually(lambda: search.state is SearchState.PAUSED)
    spent = search.history.epochs_spent
    search.wait()  # a paused search is not waited for
    assert search.history.epochs_spent == spent
    search.resume()
    assert eventually(lambda: search.history.epochs_spent > spent)
    assert search.history[0].attempt == 1
    search.stop()
    search.wait()
    assert [event["action"] for event in search.history.steering] == ["pause", "resume"]


def test_a_paused_search_can_be_stopped(tmp_path: Path):
    search = tiny_search(tmp_path, epochs=LONG).start()
    search.pause()
    assert eventually(lambda: search.state is SearchState.PAUSED)
    search.stop()
    assert eventually(lambda: search.state is SearchState.STOPPED)


def test_time_that_is_up_ends_a_running_trial_and_keeps_its_epochs(tmp_path: Path):
    search = tiny_search(tmp_path, epochs=LONG, max_trials=None, max_time=3).run()
    assert search.state is SearchState.FINISHED
    assert search.reason == "max_time of 3 s reached"
    assert search.history[0].epochs > 0


def test_ten_failures_for_the_same_reason_pause_the_search_and_say_why(tmp_path: Path):
    search = tiny_search(tmp_path, max_params=1, max_trials=12).start()
    assert eventually(lambda: search.state is SearchState.PAUSED)
    assert len(search.history.finished) == 10
    assert "10 trials in a row failed" in search.history.steering[0]["detail"]["reason"]
    with pytest.raises(SearchError, match=r"paused: 10 trials in a row.*max_params=1.*resume"):
        search.wait()
    search.resume()
    search.wait()
    assert len(search.history.finished) == 12


def test_a_script_is_told_where_a_notebook_would_pause(tmp_path: Path):
    search = tiny_search(tmp_path, max_params=1, max_trials=12)
    with pytest.raises(SearchError, match=r"stopped: 10 trials in a row failed.*max_params=1"):
        search.run()
    assert search.state is SearchState.STOPPED
    assert len(search.history.finished) == 10


def test_a_second_search_is_refused_while_one_runs(tmp_path: Path):
    first = tiny_search(tmp_path / "a", epochs=LONG, name="first").start()
    try:
        with pytest.raises(SearchError, match=r"'first' is running.*%nas stop"):
            tiny_search(tmp_path / "b").start()
        assert first.start() is first  # it runs already, and goes on
        assert first.history.opened[-1]["session"] == 1
    finally:
        first.stop()
        first.wait()
    assert tiny_search(tmp_path / "b").run().state is SearchState.FINISHED


def test_no_thread_is_left_when_a_search_has_ended(tmp_path: Path):
    tiny_search(tmp_path).start().wait()
    assert eventually(lambda: not any("nas_nb" in t.name for t in threading.enumerate()))


@pytest.mark.parametrize("action", ["pause", "stop"])
def test_steering_a_search_that_does_not_run_is_refused(tmp_path: Path, action: str):
    with pytest.raises(SearchError, match=f"nothing to {action}"):
        getattr(tiny_search(tmp_path), action)()


def test_stopping_a_search_that_has_ended_leaves_it_as_it_is(tmp_path: Path):
    search = tiny_search(tmp_path, max_trials=1).run()
    for ended in (search, tiny_search(tmp_path, max_trials=1)):
        ended.stop()
        assert ended.state is SearchState.FINISHED


def test_a_spent_budget_can_be_raised_and_the_search_goes_on(tmp_path: Path):
    search = tiny_search(tmp_path, max_trials=1).run()
    assert search.start().run().state is SearchState.FINISHED  # cells may be run again
    with pytest.raises(BudgetError, match="max_trials=1 reached"):
        search.resume()
    search.configure(max_trials=2)
    search.run()
    assert len(search.trials) == 2


def test_a_strategy_that_raises_ends_the_search_and_the_error_reaches_the_user(tmp_path: Path):
    def broken(history: object, rng: object) -> dict[str, object]:
        raise RuntimeError("no idea")

    search = tiny_search(tmp_path, strategy=broken).start()
    with pytest.raises(RuntimeError, match="no idea"):
        search.wait()
    assert search.state is SearchState.FAILED
    search.configure(strategy="random")
    search.resume()
    search.wait()
    assert search.state is SearchState.FINISHED
