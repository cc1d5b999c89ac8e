from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nas_nb.errors import SearchError
from nas_nb.notebook import output
from nas_nb.notebook import replay as replay_view
from nas_nb.notebook.output import WIDGET_VIEW
from nas_nb.notebook.replay import Playback, replay
from nas_nb.record.history import fold
from nas_nb.record.journal import Journal, read_events
from nas_nb.search.race import Race
from tests.record.logbook import everything
from tests.strategy.worlds import quality, twelve


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("race")
    given = {"strategies": ["random"], "seeds": 1, "table": quality, "directory": path}
    Race(twelve(), max_trials=3, **given).run()
    with Journal.open(path / "random-seed0" / "journal.jsonl") as journal:
        detail = {"at_least": {"units": [16]}}
        journal.append("steered", action="restrict", detail=detail)
    Race(twelve(), max_trials=5, **given).run()
    return path / "random-seed0"


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a cell shows: one bundle an output, changed in place."""
    shown: list[dict[str, Any]] = []

    class Handle:
        def __init__(self, bundle: dict[str, Any]) -> None:
            self.place = len(shown)
            shown.append(bundle)

        def update(self, bundle: dict[str, Any], raw: bool) -> None:
            shown[self.place] = bundle

    monkeypatch.setattr(output, "in_notebook", lambda: True)
    monkeypatch.setattr(replay_view, "display", lambda bundle, **_: Handle(bundle))
    return shown


def test_the_slider_goes_through_the_trials_and_the_record_follows(folder: Path, outputs):
    played = replay(folder)
    view = replay_view.ReplayView(played)
    view.show()
    strip, record = outputs
    assert WIDGET_VIEW in strip
    assert WIDGET_VIEW not in record
    assert "5 of 5 trials" in record["text/html"]
    view.slider.value = 2
    assert len(played.history.finished) == 2
    assert "2 of 5 trials" in outputs[1]["text/html"]
    assert "2 completed trials" in outputs[1]["text/html"]
    assert outputs[1]["image/png"] != record["image/png"]


def test_what_was_steered_is_told_at_the_trial_that_followed(folder: Path):
    played = replay(folder)
    told = {}
    for trials in range(6):
        played.to(trials)
        told[trials] = played.deeds()
    assert [trials for trials, text in told.items() if text] == [4]
    assert "units at least 16" in told[4]


def test_closing_leaves_the_record_and_no_widget(folder: Path, outputs):
    view = replay_view.ReplayView(replay(folder))
    view.show()
    view._clock.playing = True
    view.close.click()
    assert not view._clock.playing
    assert view._clock.comm is not None, "the page's last tick would be an error"
    assert all(WIDGET_VIEW not in output for output in outputs)
    assert "Best score" in outputs[1]["text/plain"]


def test_every_control_has_a_name(folder: Path):
    view = replay_view.ReplayView(replay(folder))
    assert view.slider.description == "Trials ended"
    assert view.close.description == "Close"
    assert view.play.description == "Play"
    assert (view.slider.min, view.slider.max) == (0, 5)


def test_playing_begins_anew_at_the_end_and_can_be_stopped(folder: Path, outputs):
    view = replay_view.ReplayView(replay(folder))
    view.show()
    view.play.click()
    assert (view.slider.value, view.play.description) == (0, "Stop")
    view.slider.value = 3
    view.play.click()
    assert (view.slider.value, view.play.description) == (3, "Play")


def test_in_a_terminal_each_incumbent_is_a_line(folder: Path, capsys):
    played = replay(folder)
    played._ipython_display_()
    lines = capsys.readouterr().out.splitlines()
    assert "5 of 5 trials" in lines[0]
    assert len(lines) == 1 + len(played.history.incumbent_path)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of 12 trials, of which one failed."""
    path = tmp_path_factory.mktemp("race")
    table = {tuple(point.values()): quality(point) for point in list(twelve().enumerate())[1:]}
    Race(twelve(), strategies=["random"], seeds=1, max_trials=12, table=table, directory=path).run()
    return path / "random-seed0"


def test_every_moment_is_the_fold_of_the_events_before_it(recorded: Path):
    played = Playback.open(recorded)
    events = list(read_events(recorded / "journal.jsonl"))
    for event in [5, 20, 20, 3, len(events), 0, 11]:
        assert everything(played.at(event)) == everything(fold(events[:event]))
        assert played.position == event


def test_a_stop_is_where_so_many_trials_had_ended(recorded: Path):
    played = Playback.open(recorded)
    assert len(played) == 12
    for trials in (12, 0, 3, 4, 12):
        history = played.to(trials)
        assert len(history.finished) == trials
        assert played.latest == (history.finished[-1] if trials else None)
    events = list(read_events(recorded / "journal.jsonl"))
    assert events[played.stops[4] - 1]["event"] == "trial_ended"
    assert played.events == len(events)


def test_it_opens_at_the_end_by_the_folder_or_the_journal(recorded: Path):
    for path in (recorded, str(recorded / "journal.jsonl")):
        played = Playback.open(path)
        assert len(played.history.finished) == 12
        assert played.domain == twelve()
        assert played.seconds >= 0


@pytest.mark.parametrize("wrong", [-1, 13])
def test_a_moment_that_never_was_is_refused(recorded: Path, wrong: int):
    with pytest.raises(SearchError, match="from 0 to 12"):
        Playback.open(recorded).to(wrong)


def test_a_folder_without_a_search_is_named(tmp_path: Path):
    with pytest.raises(SearchError, match="no search to play back"):
        Playback.open(tmp_path)
    (tmp_path / "journal.jsonl").touch()
    with pytest.raises(SearchError, match=r"Received: .* without one"):
        Playback.open(tmp_path)
