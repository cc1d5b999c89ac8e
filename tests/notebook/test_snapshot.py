"""One moment: nothing that is shown together tells of an older moment than what is beside it."""

from __future__ import annotations

import re

import pytest

from nas_nb.notebook import wording
from nas_nb.notebook.panel.painter import Painter
from nas_nb.notebook.plots.figures import Picture
from nas_nb.notebook.report import Report
from nas_nb.notebook.snapshot import Snapshot
from nas_nb.workers.control import SearchState
from tests.notebook.fakes import RUNNING, FakeSearch, add_trial, tell
from tests.notebook.panel.test_panel import TITLES, shown

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
