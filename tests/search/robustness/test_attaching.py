from __future__ import annotations

import inspect
import threading
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

import nas_nb
from nas_nb.errors import SearchError
from nas_nb.search.session import current_search
from nas_nb.workers.control import SearchState
from tests.search.tiny import CHOICES, LONG, eventually, tiny_data, tiny_search


def test_a_cell_that_is_run_again_is_the_search_that_runs(tmp_path: Path):
    first = tiny_search(tmp_path, epochs=LONG).start()
    try:
        assert eventually(lambda: first.history.epochs_spent > 0)
        again = tiny_search(tmp_path, epochs=LONG)
        assert again.state is SearchState.RUNNING
        assert again.start() is again
        assert again.history is first.history
        assert len(again.history.opened) == 1
        assert current_search() is first
        again.pause()
        assert eventually(lambda: first.state is SearchState.PAUSED)
        again.start()
        assert eventually(lambda: first.state is SearchState.RUNNING)
    finally:
        first.stop()
        first.wait()
    assert again.state is SearchState.STOPPED
    assert again.reason == first.reason


def test_a_search_that_was_made_before_the_other_ran_attaches_when_it_is_started(tmp_path: Path):
    early = tiny_search(tmp_path, epochs=LONG)
    running = tiny_search(tmp_path, epochs=LONG).start()
    try:
        assert early.start().state is SearchState.RUNNING
        assert early.history is running.history
    finally:
        early.stop()
        running.wait()


def test_a_blocking_run_of_a_search_that_runs_waits_for_it(tmp_path: Path):
    running = tiny_search(tmp_path, epochs=200).start()
    again = tiny_search(tmp_path, epochs=200).run()
    assert running.state is again.state is SearchState.FINISHED
    assert len(again.history.opened) == 1


def test_a_cell_that_was_changed_has_to_wait_and_is_told_what_changed_and_both_ways_out(
    tmp_path: Path,
):
    running = tiny_search(tmp_path, epochs=LONG).start()
    try:
        changed = tiny_search(
            tmp_path,
            epochs=LONG,
            max_trials=5,
            strategy="evolution",
            strategy_options={"sample": 4},
        )
        with pytest.raises(SearchError, match="only one can be") as refused:
            changed.start()
        said = str(refused.value)
        assert "strategy='evolution' (was 'random')" in said
        assert "max_trials=5 (was 3)" in said
        assert "`nas.current_search().steer.budget(max_trials=5)`" in said
        assert ".steer.strategy('evolution', " in said
        assert "`nas.current_search().stop()`" in said
    finally:
        running.stop()
        running.wait()


def test_unloading_the_extension_stops_the_search_and_leaves_no_thread(tmp_path: Path):
    search = tiny_search(tmp_path, epochs=LONG).start()
    assert eventually(lambda: search.history.epochs_spent > 0)
    shell = InteractiveShell()
    nas_nb.load_ipython_extension(shell)
    nas_nb.unload_ipython_extension(shell)
    assert search.state is SearchState.STOPPED
    assert eventually(lambda: not any("nas_nb" in t.name for t in threading.enumerate()))


def test_tab_after_a_search_shows_only_what_is_documented(tmp_path: Path):
    search = nas_nb.Search(CHOICES, tiny_data(), max_trials=1, directory=tmp_path)
    public = {name for name in dir(search) if not name.startswith("_")}
    assert not public & {"helm", "shared", "write_down", "control_trial", "reconfigure"}
    for name in public:
        described = inspect.getdoc(inspect.getattr_static(search, name))
        assert described, f"search.{name} has no documentation"


def test_two_searches_of_one_folder_and_kernel_have_one_project(tmp_path: Path):
    running = tiny_search(tmp_path, epochs=LONG).start()
    try:
        again, changed = (
            tiny_search(tmp_path, epochs=LONG),
            tiny_search(tmp_path, max_trials=9, epochs=LONG),
        )
        assert again.project is running.project is not changed.project
        again.steer.pin(units=2)
        again.steer.budget(max_trials=7)
        assert str(running.steer.rules) == "units pinned to 2"
        assert running.budget.max_trials == 7
    finally:
        running.stop()
        running.wait()
