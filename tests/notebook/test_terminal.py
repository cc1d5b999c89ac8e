from __future__ import annotations

from nas_nb.notebook import output
from nas_nb.workers.control import SearchState
from tests.notebook.fakes import FakeSearch, add_trial


def test_here_is_no_notebook():
    assert not output.in_notebook()


def test_waiting_keeps_one_line_up_to_date(capsys):
    search = FakeSearch(0.5, state=SearchState.RUNNING)

    def wait(seconds):
        add_trial(search.history, 0.75)
        if len(search.history) == 3:
            search.state = SearchState.FINISHED

    output.wait_with_line(search, wait, None)
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    first, last = out.strip().split("\r")
    assert first.startswith("Running")
    assert "Best val_accuracy 0.7500" in first
    assert last.startswith("Finished. 3 of 10 trials ended.")


def test_a_shorter_line_leaves_nothing_of_the_longer_one(capsys):
    search = FakeSearch(0.5, state=SearchState.RUNNING)
    lines = iter([SearchState.RUNNING, SearchState.STOPPED])

    def wait(seconds):
        search.state = next(lines)

    output.wait_with_line(search, wait, None)
    first, last = capsys.readouterr().out.strip("\r\n").split("\r")
    assert len(last) == len(first)


def test_waiting_ends_at_its_limit(capsys):
    search = FakeSearch(0.5, state=SearchState.RUNNING)
    asked = []
    output.wait_with_line(search, asked.append, 0.0)
    assert asked == [0.0]


def test_waiting_says_once_what_was_chosen_and_why(capsys):
    search = FakeSearch(0.5, state=SearchState.RUNNING)
    lines = iter([SearchState.RUNNING, SearchState.RUNNING, SearchState.STOPPED])

    def wait(seconds):
        search.strategy_reason = "grid, because it is small."
        search.state = next(lines)

    output.wait_with_line(search, wait, None)
    first, *_, last = capsys.readouterr().out.strip("\r\n").split("\n")
    assert first.strip("\r ") == "evolution: grid, because it is small."
    assert "because" not in last
