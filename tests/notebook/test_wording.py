from __future__ import annotations

import re

import pytest

from nas_nb.notebook import wording
from nas_nb.notebook.panel.panel import Painter
from nas_nb.notebook.plots.figures import Picture
from nas_nb.notebook.report import Report
from nas_nb.notebook.wording import Snapshot, log_html, log_lines, steering_text
from nas_nb.record.events import SteerAction
from nas_nb.search.budget import Budget
from nas_nb.workers.control import SearchState
from tests.notebook.fakes import FAILED, RUNNING, FakeSearch, add_trial, history_of, tell
from tests.notebook.panel.test_panel import TITLES, shown


def test_a_new_search_is_ready():
    assert wording.status_line(FakeSearch()) == "Ready to start."
    assert wording.time_line(FakeSearch()) == ""


def test_a_running_search_says_trial_counts_and_incumbent():
    search = FakeSearch(0.5, FAILED, RUNNING, state=SearchState.RUNNING)
    assert wording.status_line(search) == (
        "Running trial 2. 2 of 10 trials ended, 1 of them failed. "
        "Best val_accuracy 0.5000 in trial 0."
    )
    assert wording.epoch_text(search) == "epoch 2 of 2"
    assert wording.time_line(search) == "20 s so far, about 1 min 20 s left"


def test_a_strategy_that_prepares_says_how_far_it_is():
    search = FakeSearch(state=SearchState.RUNNING)
    for epoch in (1, 2):
        detail = {"epoch": epoch, "epochs": 3}
        tell(search.history, "prepared", strategy="one_shot", what="epoch", detail=detail)
    assert wording.epoch_text(search) == "one_shot prepares: epoch 3 of 3"
    detail = {"epoch": 3, "epochs": 3}
    tell(search.history, "prepared", strategy="one_shot", what="epoch", detail=detail)
    assert wording.epoch_text(search) == ""


def test_a_pause_that_the_search_made_itself_says_why():
    search = FakeSearch(FAILED, state=SearchState.PAUSED)
    search.reason = "No room on the disk."
    assert "Paused. No room on the disk. Resume goes on." in wording.status_line(search)


def test_an_ended_search_gives_its_reason():
    search = FakeSearch(0.5, state=SearchState.FINISHED)
    search.reason = "max_trials=1 reached"
    assert wording.status_line(search).startswith("Finished: max_trials=1 reached.")
    assert wording.time_line(search) == "20 s in all"


def test_a_reason_does_not_repeat_the_state():
    search = FakeSearch(0.5, state=SearchState.STOPPED)
    search.reason = "stopped by its user"
    assert wording.status_line(search).startswith("Stopped by its user. 1 of 10 trials ended.")


def test_a_budget_without_trials_names_what_it_limits():
    search = FakeSearch()
    search.settings.budget = Budget(max_time_s=90, max_epochs=1000, max_params=10_000)
    assert wording.budget_text(search) == (
        "1 min 30 s or 1,000 epochs; at most 10,000 params a model; 2 epochs per trial"
    )
    assert wording.progress_text(search) == "0 trials"


def test_the_choices_of_a_layer_stand_together():
    values = {"depth": 2, "layer_1": "Conv2D", "units_1": 64, "units_2": 32, "rate": 0.1 + 0.2}
    assert wording.values_text(values) == "depth=2, rate=0.3, 1: Conv2D 64, 2: 32"
    tuned = {"filters_0": 16, "pool_0": True, "filters_1": 8, "pool_1": False}
    assert wording.values_text(tuned) == "0: filters=16 pool=True, 1: filters=8 pool=False"


def test_numbers_that_name_no_layer_keep_their_names():
    assert wording.values_text({"units_1": 64, "units_2": 32}) == "units_1=64, units_2=32"


def test_what_a_strategy_says_of_itself_comes_with_its_name():
    search = FakeSearch(0.5)
    assert wording.choice_text(search) == ""
    search.strategy_reason = "by the score alone."
    assert wording.choice_text(search) == "evolution: by the score alone."


def test_a_score_is_told_with_its_error_and_ties_are_called_ties():
    search = FakeSearch(0.9, 0.9, 0.88, 0.5, state=SearchState.STOPPED)
    assert wording.status_line(search).endswith(
        "Best val_accuracy 0.9000 in trial 0, tied with trial 1."
    )
    opening = {"seed": 0, "objective": "val_accuracy", "direction": "max"}
    tell(search.history, "search_opened", validation_rows=100, **opening)
    assert wording.status_line(search).endswith(
        "Best val_accuracy 0.9000 ± 0.030 in trial 0, tied with trial 1; 1 more within noise."
    )


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


DEEDS = {
    SteerAction.PAUSE: ({"reason": "the disk is full"}, "paused: the disk is full"),
    SteerAction.RESUME: ({}, "resumed"),
    SteerAction.RESTRICT: (
        {"without": {"layer_1": ["Dense"]}},
        "restricted: layer_1 without Dense",
    ),
    SteerAction.UNRESTRICT: ({"names": ["units"]}, "restrictions lifted of units"),
    SteerAction.QUEUE: ({"values": {"depth": 2}}, "queued: depth=2"),
    SteerAction.UNQUEUE: ({}, "queue emptied"),
    SteerAction.STOP_TRIAL: ({"trial": 3}, "trial 3 stopped"),
    SteerAction.MORE_EPOCHS: ({"trial": 3, "epochs": 5}, "5 more epochs for trial 3"),
    SteerAction.STRATEGY: (
        {"strategy": "evolution", "options": {"population": 9}},
        "strategy changed to evolution (population=9)",
    ),
    SteerAction.BUDGET: ({"max_trials": None}, "budget changed: max_trials lifted"),
}


@pytest.mark.parametrize("action", SteerAction)
def test_every_action_is_told(action):
    detail, text = DEEDS[action]
    assert steering_text({"action": str(action), "detail": detail}) == text


def test_an_action_of_a_newer_version_is_told_as_it_is():
    assert steering_text({"action": "look_back", "detail": {"far": 3}}) == "look back: far 3"


# Whatever names how many trials ended, or which of them is the best, in any view.
COUNTS = (
    r"(\d+) of 10 trials",
    r"per trial, (\d+) completed trials",
    r"of (\d+) trials?, by",
    r"The best \d+ of (\d+) trials",
    r"against \w+ of (\d+) trials",
    r"(\d+) of \d+ trials over",
)
BEST = (r"in trial (\d+)\.", r"Incumbent: trial (\d+)", r"curves of best trial (\d+)")


class RacingSearch(FakeSearch):
    """A search that goes on while it is looked at: each picture takes as long as a trial."""

    def go_on(self):
        if len(self.history) < 10:
            add_trial(self.history, 0.1 * len(self.history))


@pytest.fixture
def search(monkeypatch):
    search = RacingSearch(0.01, 0.02, state=SearchState.RUNNING)
    draw = Picture.draw

    def slowly(picture, context):
        search.go_on()
        return draw(picture, context)

    monkeypatch.setattr(Picture, "draw", slowly)
    return search


def told(text, patterns):
    return {int(number) for pattern in patterns for number in re.findall(pattern, text)}


@pytest.mark.parametrize("title", TITLES)
def test_all_that_a_panel_shows_tells_of_one_moment(search, title):
    painter = Painter(search)
    painter.panel.book.selected_index = TITLES.index(title)
    for _ in range(3):
        painter.paint_once()
        text = shown(painter.panel)
        now = painter._shown.history
        assert told(text, COUNTS) == {len(now.finished)}
        assert told(text, BEST) == {now.incumbent.number}


def test_a_record_tells_of_one_moment(search):
    for text in (Report(search).html, Report(search).text):
        assert len(told(text, COUNTS)) == 1
        assert len(told(text, BEST)) <= 1


def test_a_finished_panel_shows_the_last_trial_though_the_record_drew_it_first(search):
    painter = Painter(search)
    panel = painter.panel
    panel.book.selected_index = TITLES.index("Trials")
    painter.paint_once()
    while len(search.history) < 10:
        search.go_on()
    search.state = SearchState.FINISHED
    panel._saved(panel.paint())
    panel.book.selected_index = TITLES.index("Run")
    painter.paint_once()
    assert "10 completed trials" in panel.run._image.value


def test_a_snapshot_does_not_change_while_its_search_goes_on():
    search = FakeSearch(0.5, RUNNING, state=SearchState.RUNNING)
    now = Snapshot(search)
    then = wording.status_line(now)
    trials, version = now.history.trials, now.history.version
    logs = {"val_accuracy": 0.9}
    tell(search.history, "epoch_ended", trial=1, epoch=2, logs=logs, duration_s=1.0)
    tell(search.history, "trial_ended", trial=1, status="completed", score=0.9, duration_s=2.0)
    add_trial(search.history, 0.7)
    search.state = SearchState.FINISHED
    assert wording.status_line(now) == then
    assert (now.history.trials, now.history.version) == (trials, version)
    assert [trial.number for trial in now.history.completed] == [0]
    assert now.history.running.number == 1
    assert len(now.history.running.curve) == 1
    assert now.history.incumbent_path == ((0, 0.5),)
    assert (now.history.epochs_spent, search.history.epochs_spent) == (2, 4)
    assert not now.history.has_tried(search.history[2].values)
