from __future__ import annotations

from nas_nb.notebook import tables
from tests.notebook.fakes import FAILED, add_trial, history_of


def test_every_table_has_a_caption_and_scopes():
    history = history_of(0.5, FAILED)
    for html in (
        tables.incumbent_table(history),
        tables.leaderboard(history, 5),
        tables.failures_table(history, 5),
    ):
        assert html.count("<table") == html.count("<caption")
        assert html.count("<th ") == html.count("<th scope=")


def test_all_text_is_escaped():
    history = history_of(FAILED)
    add_trial(history, 0.5, **{"<img onerror=x>": "<b>"})
    html = tables.failures_table(history, 5) + tables.incumbent_table(history)
    html += tables.leaderboard(history, 5)
    assert "too &lt;deep&gt;" in html
    assert "<img" not in html
    assert "<b>" not in html


def test_the_leaderboard_is_best_first_and_short():
    trials = tables.top_trials(history_of(0.5, 0.9, 0.7, 0.9), 3)
    assert [trial.number for trial in trials] == [1, 3, 2]
    html = tables.leaderboard(history_of(0.5, 0.9, 0.7), 2)
    assert "The best 2 of 3 trials" in html
    assert "0.5000" not in html


def test_when_less_is_better_the_least_is_first():
    history = history_of(0.5, 0.1, direction="min", objective="val_loss")
    assert [trial.number for trial in tables.top_trials(history, 5)] == [1, 0]


def test_without_trials_there_are_sentences():
    assert "No incumbent yet" in tables.incumbent_table(history_of())
    assert "No completed trial" in tables.leaderboard(history_of(), 5)
    assert tables.failures_table(history_of(0.5), 5) == ""


def test_the_incumbents_layers_are_a_table_of_their_own():
    html = tables.incumbent_table(history_of(0.5))
    assert "Architecture" in html
    assert '<th scope="col" align="left" style="text-align: left">layer</th>' in html
    assert "layer_1" not in html


def test_only_the_latest_failures_are_listed():
    html = tables.failures_table(history_of(*[FAILED] * 12), 10)
    assert "12 failed trials, the latest 10 of them" in html
    assert html.count("<tr>") == 11
