"""Steering searches that train for real, though little."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nas_nb.errors import NasError, SearchError, SpaceError
from nas_nb.record.trial import TrialStatus
from nas_nb.search.search import Search
from nas_nb.workers.control import SearchState
from tests.search.tiny import tiny_data, tiny_search

RELU4 = {"depth": 1, "layer_1": "Dense", "units_1": 4, "activation_1": "relu"}
LONG = 100_000


def until(true: Callable[[], Any], limit_s: float = 60.0) -> None:
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def complete(search: Search, **values: Any) -> dict[str, Any]:
    return search.space.domain.complete({**RELU4, **values})


def test_a_search_can_be_steered_before_it_starts_and_after_it_ended(tmp_path: Path):
    search = tiny_search(tmp_path, max_trials=2, epochs=1)
    search.steer.at_least(units=3)
    search.steer.queue(search.space.architecture(complete(search, units_1=2)))
    assert (search.space_left, len(search.steer.queued)) == (8, 1)
    assert not tmp_path.joinpath("journal.jsonl").exists()
    search.run()
    first, second = search.history.trials
    assert (first.origin, first.values["units_1"]) == ("user", 2)
    assert second.values["units_1"] >= 3
    search.steer.budget(max_trials=4)
    search.steer.unrestrict()
    search.steer.strategy("grid")
    search.steer.more_epochs(second, 2)
    search.run()
    third, fourth = search.history.trials[2:]
    assert (third.origin, third.parent, third.values, third.epochs) == ("user", 1, second.values, 3)
    assert fourth.origin == "grid"
    assert (search.space_left, search.steer.queued) == (12, ())


def test_what_was_steered_is_in_force_when_the_folder_or_its_cell_is_opened_again(tmp_path: Path):
    search = tiny_search(tmp_path, max_trials=1, epochs=1).run()
    search.steer.pin(units=[2, 3])
    search.steer.budget(max_trials=3, max_time="1 h")
    search.steer.strategy("evolution", population=4, sample=2)
    search.steer.queue(complete(search))
    opened = Search.open(tmp_path, data=tiny_data())
    again = tiny_search(tmp_path, max_trials=1, epochs=1)
    for one in (opened, again):
        assert (one.budget.max_trials, one.budget.max_time_s) == (3, 3600)
        assert (one.strategy.name, one.strategy.options["population"]) == ("evolution", 4)
        assert one.space_left == 8
        assert [queued.values["units_1"] for queued in one.steer.queued] == [4]
    assert tiny_search(tmp_path, max_trials=2, epochs=1).budget.max_trials == 2
    again.run()
    assert [trial.origin for trial in again.history] == ["random", "user", "evolution"]
    # Another opening later the settings are still those of the steering.
    assert tiny_search(tmp_path, max_trials=1, epochs=1).budget.max_trials == 3


def test_a_trial_is_stopped_with_what_it_has_and_the_search_goes_on(tmp_path: Path):
    search = tiny_search(tmp_path, max_trials=2, epochs=LONG).start()
    until(lambda: search.history.running and search.history.running.epochs)
    search.steer.stop_trial()
    until(lambda: len(search.history.finished) == 1)
    (first,) = search.history.finished
    assert first.status is TrialStatus.COMPLETED
    assert "stopped by the user" in (first.note or "")
    assert first.score == max(logs["val_accuracy"] for logs in first.curve)
    until(lambda: search.history.running)
    second = search.history.running
    search.steer.stop_trial()
    search.wait()
    assert search.state is SearchState.FINISHED
    assert search.history[second.number].status in (TrialStatus.COMPLETED, TrialStatus.FAILED)
    with pytest.raises(SearchError, match="no trial to stop"):
        search.steer.stop_trial()


def test_a_running_trial_gets_more_epochs_and_the_running_search_another_budget(tmp_path: Path):
    def pausing(history: Any, rng: Any) -> dict[str, Any]:
        search.pause()  # it waits at the first batch of this trial
        return complete(search)

    search = tiny_search(tmp_path, max_trials=50, epochs=2, strategy=pausing)
    search.start()  # by now `pausing` knows which search it is about
    until(lambda: search.state is SearchState.PAUSED)
    search.steer.more_epochs(0, 3)
    search.steer.queue(complete(search, units_1=2))
    search.steer.budget(max_trials=3)
    search.steer.strategy("grid")
    search.resume()
    search.wait()
    first, second, third = search.history.trials
    assert (first.epochs, second.epochs, third.epochs) == (5, 2, 2)
    assert [second.values["units_1"], third.origin] == [2, "grid"]
    assert (search.strategy.name, search.progress.total) == ("grid", 3)


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda steer: steer.pin(unitz=3), SpaceError, "Did you mean 'units'"),
        (lambda steer: steer.without(units_1=[2, 3, 4]), SpaceError, "something to be left"),
        (lambda steer: steer.queue({"units_1": 5}), SpaceError, "units_1|depth"),
        (lambda steer: steer.unrestrict("units"), SearchError, "not restricted"),
        (lambda steer: steer.stop_trial(), SearchError, "no trial to stop"),
        (lambda steer: steer.more_epochs(7, 1), SearchError, "one of 0 trials"),
        (lambda steer: steer.more_epochs(0, 0), NasError, "whole number"),
        (lambda steer: steer.budget(max_trails=3), SearchError, "Did you mean 'max_trials'"),
        (lambda steer: steer.budget(max_trials=0), NasError, "max_trials"),
        (lambda steer: steer.strategy("nsga2", cost="parms"), NasError, "mean 'params'"),
        (lambda steer: steer.strategy("evolutoin"), NasError, "Did you mean 'evolution'"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    ask: Any, error: type[Exception], words: str, tmp_path: Path
):
    search = tiny_search(tmp_path)
    with pytest.raises(error, match=words):
        ask(search.steer)
    assert (search.space_left, search.steer.queued, search.budget.max_trials) == (12, (), 3)
    assert "nothing restricted; 12 of 12 left; 0 queued" in repr(search.steer)


def test_candidates_that_wait_for_the_start_can_be_dropped(tmp_path: Path):
    search = tiny_search(tmp_path)
    search.steer.queue(complete(search))
    search.steer.queue(complete(search, units_1=2))
    assert len(search.steer.queued) == 2
    search.steer.unqueue()
    assert search.steer.queued == ()


def test_rules_that_leave_nothing_together_are_refused_together(tmp_path: Path):
    steer = tiny_search(tmp_path).steer
    steer.at_least(units=4)
    with pytest.raises(SpaceError, match="something to be left"):
        steer.at_most(units=3)
    steer.at_least(units=3)  # the later bound replaces the earlier
    steer.at_most(units=3)
    assert [str(rule) for rule in steer.rules] == ["units at least 3", "units at most 3"]
