"""A search with several workers: here they only sleep, and the rest is real."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nas_nb.errors import SearchError
from nas_nb.search.race import Race
from nas_nb.search.search import Search
from nas_nb.space.search_space import SearchSpace
from nas_nb.workers import local_process, worker_pool
from nas_nb.workers.control import Refused, SearchState
from nas_nb.workers.local_process import Capacity
from nas_nb.workers.worker_process import Parcel
from tests.search.tiny import CHOICES, LONG, eventually, tiny_data, tiny_search
from tests.workers.sleeping import SleepingLink, SleepingWorkers, score_of


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets the second model that is built not come back until the test is over."""
    over, built, build = threading.Event(), [], SearchSpace.build_values
    monkeypatch.setattr(worker_pool, "THREAD_GRACE_S", 0.3)

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


Employ = Callable[..., SleepingWorkers]


@pytest.fixture
def employ(monkeypatch: pytest.MonkeyPatch) -> Employ:
    """Puts workers that sleep in the place of processes."""

    def replaced(make: Callable[[int], SleepingLink] | None = None) -> SleepingWorkers:
        made = SleepingWorkers(make) if make else SleepingWorkers()

        def employed(_: Parcel, capacity: Capacity) -> SleepingWorkers:
            made.resize(capacity.count)
            return made

        monkeypatch.setattr(local_process, "LocalProcesses", employed)
        return made

    return replaced


def events(search: Search, kind: str) -> list[dict[str, Any]]:
    lines = (search.directory / "journal.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == kind]


def statuses(search: Search) -> list[str]:
    return [str(trial.status) for trial in search.history]


def slow(_: int) -> SleepingLink:
    return SleepingLink(epoch_s=0.02)


@pytest.mark.parametrize(
    "strategy", ["random", "evolution", "local_search", "predictor", "bayesian", "asha"]
)
def test_no_more_trials_than_the_budget_and_none_twice(
    strategy: str, employ: Employ, tmp_path: Path
) -> None:
    workers = employ()
    search = tiny_search(tmp_path / "run", workers=4, max_trials=11, strategy=strategy).run()
    assert search.state is SearchState.FINISHED
    assert len(search.history) == len(search.history.finished) == 11
    tried = [(trial.key, trial.fidelity.get("epochs")) for trial in search.history]
    assert len(set(tried)) == 11
    assert [trial.score for trial in search.history] == [score_of(t) for t in search.history]
    assert len(workers.links) == 4
    assert workers.closed


def test_trials_run_at_once_and_the_history_shows_them_as_running(
    employ: Employ, tmp_path: Path
) -> None:
    employ(slow)
    search = tiny_search(tmp_path / "run", workers=3, max_trials=9, epochs=LONG).start()
    assert eventually(lambda: len(search.history.pending) == 3)
    assert [trial.number for trial in search.history.pending] == [0, 1, 2]
    assert sorted(trial.worker for trial in search.history.pending) == [0, 1, 2]
    search.stop()
    search.wait()
    assert statuses(search) == ["stopped"] * 3
    assert search.history.pending == ()


@pytest.mark.parametrize("limit", [10, 7])
def test_epochs_are_not_overspent_by_trials_that_run_at_once(
    limit: int, employ: Employ, tmp_path: Path
) -> None:
    employ(slow)
    search = tiny_search(
        tmp_path / "run", workers=3, max_trials=None, max_epochs=limit, epochs=4
    ).run()
    assert search.history.epochs_spent == limit
    assert search.history.unfinished == ()


def test_the_trial_of_a_lost_worker_runs_again_and_nothing_counts_twice(
    employ: Employ, tmp_path: Path
) -> None:
    workers = employ(slow)
    search = tiny_search(tmp_path / "run", workers=2, max_trials=4, epochs=40).start()
    assert eventually(lambda: len(search.history) > 1 and search.history[1].epochs > 2)
    lost = workers.with_trial(1)
    assert lost is not None
    lost.kill()
    search.wait()
    assert statuses(search) == ["completed"] * 4
    assert [trial.epochs for trial in search.history] == [40] * 4
    ended = [e for e in events(search, "trial_ended") if e["trial"] == 1]
    assert [(e["status"], e.get("exit_code")) for e in ended] == [
        ("stopped", -9),
        ("completed", None),
    ]
    assert ended[0]["reason"] == "its worker process was ended by signal 9"
    assert search.history[1].attempt == 2
    assert search.history.epochs_counted == 160
    assert len(workers.links) == 3


def test_a_trial_whose_workers_leave_in_order_runs_again_and_is_not_blamed(
    employ: Employ, tmp_path: Path
) -> None:
    class Leaving(SleepingLink):
        left = True

    workers = employ(lambda _: Leaving(epoch_s=0.02))
    search = tiny_search(tmp_path / "run", workers=1, max_trials=2, epochs=LONG).start()
    for attempt in range(1, 6):
        assert eventually(lambda at=attempt: [t.attempt for t in search.history] == [at])
        assert eventually(lambda at=attempt: len(workers.links) == at)
        workers.links[-1].kill()
    assert eventually(lambda: search.history[0].attempt == 6 and search.history[0].epochs > 0)
    assert search.history[0].deaths == 0
    assert not any("exit_code" in event for event in events(search, "trial_ended"))
    search.stop()
    search.wait()
    assert (search.state, statuses(search)) == (SearchState.STOPPED, ["stopped"])


def test_a_trial_that_ends_three_workers_is_a_row_with_its_reason(
    employ: Employ, tmp_path: Path
) -> None:
    class Crashing(SleepingLink):
        def _train(self, assignment: Any) -> Any:
            if assignment.task.number == 1:
                self.kill(-11)
            return super()._train(assignment)

    employ(lambda _: Crashing())
    search = tiny_search(tmp_path / "run", workers=2, max_trials=4).run()
    assert statuses(search) == ["completed", "failed", "completed", "completed"]
    reason = "It ended its worker 3 times: out of memory, or a crash in a library."
    assert search.history[1].reason == reason
    assert search.history[1].attempt == 4


def test_a_pause_is_felt_by_all_and_a_resume_too(employ: Employ, tmp_path: Path) -> None:
    employ(slow)
    search = tiny_search(tmp_path / "run", workers=2, max_trials=4, epochs=60).start()
    assert eventually(lambda: len(search.history.pending) == 2)
    search.pause()
    assert eventually(lambda: search.state is SearchState.PAUSED)
    lines = (search.directory / "journal.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["action"] == "pause"
    search.resume()
    search.wait()
    assert statuses(search) == ["completed"] * 4


def test_a_paused_search_is_stopped_without_another_epoch(employ: Employ, tmp_path: Path) -> None:
    employ(slow)
    search = tiny_search(tmp_path / "run", workers=2, max_trials=2, epochs=LONG).start()
    assert eventually(lambda: search.history.epochs_spent > 3)
    search.pause()
    assert eventually(lambda: search.state is SearchState.PAUSED)
    spent = search.history.epochs_spent
    search.stop()
    search.wait()
    assert search.state is SearchState.STOPPED
    assert search.history.epochs_spent == spent
    assert statuses(search) == ["stopped", "stopped"]


def test_one_of_several_trials_is_stopped_and_another_trained_longer(
    employ: Employ, tmp_path: Path
) -> None:
    employ(slow)
    search = tiny_search(tmp_path / "run", workers=2, max_trials=2, epochs=LONG).start()
    assert eventually(lambda: all(t.epochs for t in search.history) and len(search.history) == 2)
    search.steer.more_epochs(1, 5)
    search.steer.stop_trial(0)
    with pytest.raises(SearchError, match=r"Expected a trial that runs, one of .*trial=7"):
        search.steer.stop_trial(7)
    assert eventually(lambda: statuses(search)[0] == "completed")
    assert statuses(search)[1] == "running"
    search.stop()
    search.wait()
    assert search.history[1].fidelity == {"epochs": LONG + 5}


def test_a_stopped_search_goes_on_in_a_new_one(employ: Employ, tmp_path: Path) -> None:
    employ(slow)
    search = tiny_search(tmp_path / "run", workers=3, max_trials=6, epochs=30).start()
    assert eventually(lambda: bool(search.history.finished))
    search.stop()
    search.wait()
    cut = [trial.number for trial in search.history.unfinished]
    employ()
    again = tiny_search(tmp_path / "run", workers=2, max_trials=6, epochs=30).run()
    assert statuses(again) == ["completed"] * 6
    assert {trial.number for trial in again.history if trial.attempt == 2} == set(cut)


def test_a_bracket_waits_for_its_running_trials_and_not_for_ever(
    employ: Employ, tmp_path: Path
) -> None:
    employ(slow)
    search = tiny_search(
        tmp_path / "run",
        workers=4,
        strategy="hyperband",
        strategy_options={"hyperband_iterations": 1},
        epochs=4,
        max_trials=100,
    ).run()
    assert search.state is SearchState.FINISHED
    assert "brackets" in str(search.reason)
    assert max(trial.epochs for trial in search.history) == 4
    assert search.history.unfinished == ()


def test_a_trial_that_does_not_end_is_ended_with_its_process(
    employ: Employ, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Deaf(SleepingLink):
        def _train(self, assignment: Any) -> Any:
            while assignment.task.number == 0:
                self._next()
            return super()._train(assignment)

    monkeypatch.setattr(worker_pool, "GRACE_S", 0.2)
    workers = employ(lambda _: Deaf())
    search = tiny_search(tmp_path / "run", workers=1, max_trials=2).start()
    assert eventually(lambda: len(search.history.pending) == 1)
    search.steer.stop_trial()
    search.wait()
    assert statuses(search) == ["failed", "completed"]
    reason = "It was stopped by the user and did not end: its worker process was ended."
    assert search.history[0].reason == reason
    assert search.history[0].deaths == 0
    assert len(workers.links) == 2


def test_a_worker_that_has_grown_is_replaced_after_its_trial(
    employ: Employ, tmp_path: Path
) -> None:
    class Grown(SleepingLink):
        memory_bytes = 10**10

    workers = employ(lambda _: Grown())
    workers.recycle_bytes = 10**9
    assert (
        statuses(tiny_search(tmp_path / "run", workers=1, max_trials=3).run()) == ["completed"] * 3
    )
    assert len(workers.links) == 4


def test_several_objectives_and_a_prior_go_with_several_workers(
    employ: Employ, tmp_path: Path
) -> None:
    employ()
    two = {"objective": ["val_accuracy", "params"], "strategy": "nsga2", "workers": 3}
    first = tiny_search(tmp_path / "first", max_trials=6, **two).run()
    second = tiny_search(tmp_path / "second", max_trials=5, prior=first, **two).run()
    assert statuses(second) == ["completed"] * 5
    assert len(second.history.prior) == 6
    assert len({trial.key for trial in second.history}) == 5
    assert second.pareto_front()


def test_the_runs_of_a_race_have_the_workers_that_it_is_given(
    employ: Employ, tmp_path: Path
) -> None:
    workers = employ()
    asked: dict[str, Any] = {"strategies": ["random", "evolution"], "seeds": 1, "max_trials": 4}
    race = Race(CHOICES, tiny_data(), directory=tmp_path, epochs=1, workers=2, **asked).run()
    assert len(workers.links) == 4
    histories = [*race.histories.values()]
    assert [len(history.completed) for history in histories] == [4, 4]
    assert all({trial.worker for trial in history} == {0, 1} for history in histories)


def test_workers_join_and_leave_while_the_search_runs(employ: Employ, tmp_path: Path) -> None:
    employ(slow)
    search = tiny_search(tmp_path / "run", workers=1, max_trials=6, epochs=LONG).start()
    assert eventually(lambda: len(search.history.pending) == 1)
    with pytest.raises(SearchError, match=r"another number of them.*Received: workers='kernel'"):
        search.configure(workers="kernel")
    search.configure(workers=3)
    assert eventually(lambda: len(search.history.pending) == 3)
    assert [worker.number for worker in search.workers] == [0, 1, 2]
    search.configure(workers=1)
    search.steer.stop_trial(1)
    search.steer.stop_trial(2)
    assert eventually(lambda: [worker.number for worker in search.workers] == [0])
    assert statuses(search) == ["running", "completed", "completed"]
    search.steer.stop_trial(0)
    assert eventually(lambda: len(search.history) == 4)
    assert eventually(lambda: [t.worker for t in search.history.pending] == [0])
    search.stop()
    search.wait()


def test_a_worker_of_another_version_is_refused_before_a_trial_begins(
    employ: Employ, tmp_path: Path
) -> None:
    employ(lambda _: SleepingLink(greeting=Refused("it has keras 3.1, the kernel 3.15")))
    search = tiny_search(tmp_path / "run", workers=2)
    with pytest.raises(SearchError, match=r"Received: worker \d: it has keras 3.1"):
        search.run()
    assert len(search.history) == 0


def test_workers_that_do_not_start_are_told_in_a_sentence(employ: Employ, tmp_path: Path) -> None:
    class Dead(SleepingLink):
        def _serve(self) -> None:
            self.kill()

    employ(lambda _: Dead())
    search = tiny_search(tmp_path / "run", workers=1)
    with pytest.raises(SearchError, match=r"3 in a row .* the last was ended by signal 9"):
        search.run()
