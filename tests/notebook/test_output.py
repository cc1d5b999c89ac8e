from __future__ import annotations

import ipywidgets as widgets

from nas_nb.notebook import output
from nas_nb.notebook.output import (
    WIDGET_VIEW,
    as_text,
    in_theme,
    panel_bundle,
    record_bundle,
    saved_bundle,
)
from nas_nb.workers.control import SearchState
from tests.notebook.fakes import FakeSearch, add_trial


def test_the_panel_and_the_record_are_two_outputs():
    widget = widgets.HTML()
    live = panel_bundle(widget)
    assert live.pop(WIDGET_VIEW)["model_id"] == widget.model_id
    assert live == {"text/plain": ""}


def test_the_record_is_shown_where_its_rules_are_dropped():
    record = record_bundle("<p>the record</p>", b"png", "text")
    saved = saved_bundle(record)
    rules, _, body = saved.pop("text/html").partition("</style>")
    assert saved == {"image/png": "cG5n", "text/plain": "text"}
    assert rules.startswith("<style>")
    assert body == f'<div class="nas-record">{as_text(in_theme("<p>the record</p>"))}</div>'
    assert body.endswith('<div class="nas-static"><p>the record</p></div></div></div>')


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
