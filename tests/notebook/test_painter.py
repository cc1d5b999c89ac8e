from __future__ import annotations

import threading
import time

import pytest

from nas_nb.notebook.panel.painter import Painter
from nas_nb.workers.control import SearchState
from tests.notebook.fakes import RUNNING, FakeSearch, add_trial

PAINTS = ("paint", "paint_words", "paint_clock")


class Handle:
    """A display handle that keeps what it was told."""

    def __init__(self):
        self.bundles = []

    def update(self, bundle, raw):
        assert raw
        self.bundles.append(bundle)


@pytest.fixture
def search():
    return FakeSearch(0.5)


@pytest.fixture
def painter(search):
    painter = Painter(search)
    painter.paint_once()
    return painter


@pytest.fixture
def painted(painter, monkeypatch):
    """What the painter asked of the panel, in order."""
    asked = []
    for name in (*PAINTS, "keep", "refresh", "refresh_stand_in", "turn_to_watch"):
        monkeypatch.setattr(painter.panel, name, lambda name=name: asked.append(name))
    return asked


def finished_within(seconds, condition):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def test_it_paints_only_what_has_changed(search, painter, painted):
    painter.paint_once()
    assert painted == []
    add_trial(search.history, 0.75)
    painter.paint_once()
    assert painted == ["paint"]


def test_while_it_trains_trials_are_told_and_drawn_when_they_are_due(search, painter, painted):
    for pace in (painter._words, painter._pictures, painter._stand_in):
        pace.due = lambda: False
    add_trial(search.history, 0.75)
    painter.paint_due()
    assert painted == []
    painter._words.due = lambda: True
    painter.paint_due()
    painter.paint_due()
    assert painted == ["paint_words"]
    painter._pictures.due = lambda: True
    painter.paint_due()
    painter.paint_due()
    assert painted == ["paint_words", "paint"]


def test_what_would_be_saved_is_not_put_off_by_words_that_are_always_due(search, painter, painted):
    painter._pictures.due = lambda: False
    painter._words.due = painter._stand_in.due = lambda: True
    add_trial(search.history, 0.75)
    for _ in range(3):
        painter.paint_due()
    assert painted == ["refresh_stand_in", "paint_words"]


def test_a_click_and_a_change_of_state_are_painted_at_once(search, painter, painted):
    for pace in (painter._pictures, painter._stand_in):
        pace.due = lambda: False
    painter.panel.inputs += 1
    painter.paint_due()
    search.state = SearchState.RUNNING
    painter.paint_due()
    assert painted == ["paint", "paint", "turn_to_watch", "refresh_stand_in"]


def test_the_clock_goes_on_while_the_search_runs(search, painter, painted):
    search.state = SearchState.RUNNING
    painter.paint_once()
    painter._clock_painted -= 5
    painter.paint_once()
    painter.paint_once()
    assert painted == ["paint", "turn_to_watch", "refresh_stand_in", "paint_clock"]


def test_the_record_is_refreshed_at_a_pause_and_kept_at_the_end(search, painter, painted):
    for state in (SearchState.RUNNING, SearchState.PAUSED, SearchState.STOPPED):
        search.state = state
        painter.paint_once()
    begun = ["paint", "turn_to_watch", "refresh_stand_in"]
    assert painted == [*begun, "paint", "refresh", "paint", "keep"]


def test_at_the_end_the_cell_holds_the_record_without_widgets(search, painter):
    handle = Handle()
    painter.panel._handles.append(handle)
    search.state = SearchState.PAUSED
    painter.paint_once()
    search.state = SearchState.FINISHED
    painter.paint_once()
    paused, kept = handle.bundles
    assert "application/vnd.jupyter.widget-view+json" in paused
    assert sorted(kept) == ["image/png", "text/html", "text/plain"]
    assert "Finished" in kept["text/html"]


def test_what_is_saved_below_the_panel_is_the_record_until_the_end(search, painter):
    handle = Handle()
    painter.panel._stand_ins.append(handle)
    for state in (SearchState.RUNNING, SearchState.FINISHED):
        search.state = state
        painter.paint_once()
    running, ended = handle.bundles
    assert "Running" in running["text/html"]
    assert ended == {"text/html": "", "text/plain": ""}


def test_without_a_running_search_a_click_paints_at_once(search, painter):
    painter.panel.buttons.start.click()
    assert search.state is SearchState.RUNNING
    assert not painter.panel.buttons.stop.disabled
    assert "Running" in painter.panel._views["status"].value


def test_a_search_that_starts_turns_to_what_happens(search, painter):
    assert painter.panel.tab.title == "Configure"
    painter.panel.buttons.start.click()
    assert painter.panel.tab.title == "Watch"
    assert 'alt="Left: val_accuracy per trial' in painter.panel.watch._image.value


def test_its_thread_follows_the_search_to_the_end_and_goes(search, painter):
    search.state = SearchState.RUNNING
    painter.start()
    painter.start()
    names = [thread.name for thread in threading.enumerate() if "painter" in thread.name]
    assert len(names) == 1
    add_trial(search.history, RUNNING)
    assert finished_within(10, lambda: "Running trial 1" in painter.panel._views["status"].value)
    search.state = SearchState.FINISHED
    painter.settle()
    assert painter._thread is None
    assert "Finished" in painter.panel._views["status"].value


def test_settling_waits_until_a_pause_is_painted(search, painter):
    search.state = SearchState.RUNNING
    painter.start()
    search.state = SearchState.PAUSED
    painter.settle()
    assert "Paused" in painter.panel._views["status"].value
    search.state = SearchState.STOPPED
    painter.settle()


def test_a_search_that_goes_on_is_followed_again(search, painter):
    for _ in range(2):
        search.state = SearchState.RUNNING
        painter.start()
        search.state = SearchState.STOPPED
        painter.settle()
        assert painter._thread is None


def test_a_panel_that_breaks_tells_who_waits_and_not_the_search(search, painter, monkeypatch):
    def broken(plot_context):
        raise ZeroDivisionError("no ink")

    painter.panel.book.selected_index = 1
    monkeypatch.setattr(painter.panel.watch.picture, "draw", broken)
    search.state = SearchState.RUNNING
    painter.start()
    with pytest.warns(RuntimeWarning, match="could not be drawn.*no ink"):
        painter.settle()
    assert 'role="alert"' in painter.panel._views["status"].value
    assert search.state is SearchState.RUNNING
