from __future__ import annotations

from pathlib import Path

import pytest

from nas_nb.errors import SearchError
from nas_nb.notebook.replay import Playback
from nas_nb.record.history import fold
from nas_nb.record.journal import read_events
from nas_nb.search.race import Race
from tests.record.logbook import everything
from tests.strategy.worlds import quality, twelve


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of 12 trials, of which one failed."""
    path = tmp_path_factory.mktemp("race")
    table = {tuple(point.values()): quality(point) for point in list(twelve().enumerate())[1:]}
    Race(twelve(), strategies=["random"], seeds=1, max_trials=12, table=table, directory=path).run()
    return path / "random-seed0"


def test_every_moment_is_the_fold_of_the_events_before_it(folder: Path):
    played = Playback.open(folder)
    events = list(read_events(folder / "journal.jsonl"))
    for event in [5, 20, 20, 3, len(events), 0, 11]:
        assert everything(played.at(event)) == everything(fold(events[:event]))
        assert played.position == event


def test_a_stop_is_where_so_many_trials_had_ended(folder: Path):
    played = Playback.open(folder)
    assert len(played) == 12
    for trials in (12, 0, 3, 4, 12):
        history = played.to(trials)
        assert len(history.finished) == trials
        assert played.latest == (history.finished[-1] if trials else None)
    events = list(read_events(folder / "journal.jsonl"))
    assert events[played.stops[4] - 1]["event"] == "trial_ended"
    assert played.events == len(events)


def test_it_opens_at_the_end_by_the_folder_or_the_journal(folder: Path):
    for path in (folder, str(folder / "journal.jsonl")):
        played = Playback.open(path)
        assert len(played.history.finished) == 12
        assert played.domain == twelve()
        assert played.seconds >= 0


@pytest.mark.parametrize("wrong", [-1, 13])
def test_a_moment_that_never_was_is_refused(folder: Path, wrong: int):
    with pytest.raises(SearchError, match="from 0 to 12"):
        Playback.open(folder).to(wrong)


def test_a_folder_without_a_search_is_named(tmp_path: Path):
    with pytest.raises(SearchError, match="no search to play back"):
        Playback.open(tmp_path)
    (tmp_path / "journal.jsonl").touch()
    with pytest.raises(SearchError, match=r"Received: .* without one"):
        Playback.open(tmp_path)
