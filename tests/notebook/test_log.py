from __future__ import annotations

from nas_nb.notebook.wording import log_html, log_lines
from tests.notebook.fakes import FAILED, add_trial, history_of, tell


def test_the_latest_comes_first_with_its_time():
    history = history_of(0.5, FAILED)
    tell(history, "steered", action="budget", detail={"max_trials": 40, "max_time_s": None})
    newest, failed, completed, opened = log_lines(history)
    assert newest.endswith("budget changed: max_trials 40, max_time_s lifted")
    assert failed.endswith("trial 1 failed: it is too <deep>")
    assert "trial 0 completed: val_accuracy 0.5000 (depth=1" in completed
    assert "search opened" in opened
    assert newest[2] == newest[5] == ":"


def test_it_keeps_two_hundred_lines():
    history = history_of()
    for _ in range(250):
        add_trial(history, 0.5)
    lines = log_lines(history)
    assert len(lines) == 200
    assert "trial 249 " in lines[0]


def test_it_is_a_list_that_the_keyboard_reaches_and_a_screen_reader_names():
    html = log_html(history_of(FAILED))
    assert '<ol class="nas-log" tabindex="0" aria-label="Log, latest first">' in html
    assert "&lt;deep&gt;" in html
    assert log_html(history_of()).count("<li>") == 1


def test_it_says_what_auto_chose_and_why():
    history = history_of()
    for what, detail in (("choice", {"chosen": "grid", "reason": "grid, because"}), ("epoch", {})):
        tell(history, "prepared", strategy="auto", what=what, detail=detail)
    chosen, opened = log_lines(history)
    assert chosen.endswith("auto: grid, because")
    assert "search opened" in opened
