from __future__ import annotations

import threading
import time
from functools import partial

import pytest

from nas_nb.notebook.panel.painter import FRAME_LONGEST_S, SHARE, Painter
from nas_nb.workers.control import SearchState
from tests.notebook.fakes import RUNNING, FakeSearch, add_trial


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
def asked(painter, monkeypatch):
    """What the painter asked of the panel, in order."""
    asked = []
    for name in ("paint", "paint_clock", "refresh", "on_start"):

        def noted(*args, name=name, real):
            asked.append(name)
            return real(*args)

        real = getattr(painter.panel, name)
        monkeypatch.setattr(painter.panel, name, partial(noted, real=real))
    return asked


def finished_within(seconds, condition):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def test_it_paints_only_what_has_changed(search, painter, asked):
    painter.paint_once()
    assert asked == []
    add_trial(search.history, 0.75)
    painter.paint_once()
    assert asked == ["paint", "refresh"]


def test_news_wait_until_a_frame_is_due_and_a_click_or_a_turn_does_not(search, painter, asked):
    painter._due = time.monotonic() + 60
    add_trial(search.history, 0.25)
    painter.paint_due()
    assert asked == []
    painter._due = 0.0
    painter.paint_due()
    assert asked == ["paint"]
    painter._due = time.monotonic() + 60
    painter.panel.inputs += 1
    painter.paint_due()
    assert asked == ["paint", "paint"]
    search.state = SearchState.RUNNING
    painter.paint_due()
    assert asked[2:4] == ["paint", "on_start"]


def test_a_dear_frame_is_followed_by_a_longer_pause_but_never_by_a_long_one(
    search, painter, monkeypatch
):
    monkeypatch.setattr(painter, "_keep_record", lambda: None)
    clock = iter([0.0, 0.01, 0.0, 9.0])
    monkeypatch.setattr(time, "thread_time", lambda: next(clock))
    usual_s = 0.01 / SHARE
    for least_s, most_s in ((0.1, usual_s), (usual_s, FRAME_LONGEST_S)):
        add_trial(search.history, 0.25)
        painter.paint_once()
        assert least_s < painter._due - time.monotonic() <= most_s


def test_the_clock_goes_on_while_the_search_runs(search, painter, asked):
    search.state = SearchState.RUNNING
    painter.paint_once()
    asked.clear()
    painter._clock_due = 0.0
    painter.paint_once()
    painter.paint_once()
    assert asked == ["paint_clock"]


def test_the_record_follows_a_turn_a_new_incumbent_and_the_clock(search, painter, asked):
    def told(score=None, state=None, older_s=0.0):
        asked.clear()
        if score is not None:
            add_trial(search.history, score)
        search.state = state or search.state
        painter._recorded.taken -= older_s
        painter._record_due = 0.0
        painter.paint_once()
        return "refresh" in asked

    assert told(state=SearchState.RUNNING)
    assert told(score=0.9)
    assert not told(score=0.1)
    assert not told(older_s=1)
    assert told(older_s=9)
    assert not told(older_s=60)  # it tells of all there is
    assert told(state=SearchState.PAUSED)
    assert told(state=SearchState.FINISHED)


def test_the_record_catches_up_while_nothing_happens(search, painter, asked):
    search.state = SearchState.RUNNING
    add_trial(search.history, 0.9)
    painter.paint_once()
    add_trial(search.history, 0.1)
    painter.paint_once()
    asked.clear()
    painter.paint_once()
    assert "refresh" not in asked
    for one in (painter._shown, painter._recorded):
        one.taken -= 10
    painter.paint_once()
    assert "refresh" in asked


def test_the_panel_stays_and_what_is_saved_below_it_says_that_its_kernel_is_gone(search, painter):
    handle = Handle()
    painter.panel._records.append(handle)
    for state in (SearchState.RUNNING, SearchState.PAUSED, SearchState.FINISHED):
        search.state = state
        painter.paint_once()
    running, paused, ended = (bundle["text/html"] for bundle in handle.bundles)
    assert "Interrupted. 1 of 10 trials ended." in running
    assert "Interrupted. 1 of 10 trials ended." in paused
    assert "Running" not in running
    assert "Finished. 1 of 10 trials ended." in ended
    assert not painter.panel.closed


def test_the_saved_picture_is_of_its_moment_and_whole_whatever_is_in_view(search, painter):
    handle, panel = Handle(), painter.panel
    panel._records.append(handle)

    def saved(best):
        add_trial(search.history, best)
        painter._record_due = 0.0
        painter.paint_once()
        return handle.bundles[-1]["text/html"]

    search.state = SearchState.RUNNING
    assert "2 completed trials, best 0.6" in saved(0.6)
    assert panel.run.is_printable(painter._shown)
    panel.selection.choose(0)
    assert "3 completed trials, best 0.7" in saved(0.7)
    assert not panel.run.is_printable(painter._shown)  # it shows what is selected
    panel.selection.choose(None)
    panel.book.selected_index = 1
    assert "4 completed trials, best 0.8" in saved(0.8)
    assert not panel.run.is_printable(painter._shown)  # it is of an earlier moment


def test_without_a_running_search_a_click_paints_at_once(search, painter):
    painter.panel.buttons.primary.click()
    assert search.state is SearchState.RUNNING
    assert not painter.panel.buttons.stop.disabled
    assert "Running" in painter.panel._views["status"].value


def test_a_search_that_starts_turns_to_what_happens(search, painter):
    assert painter.panel.settings.value
    painter.panel.buttons.primary.click()
    assert not painter.panel.settings.value
    assert painter.panel._configure.widget.layout.display == "none"
    assert 'alt="Above: val_accuracy per trial' in painter.panel.run._image.value


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


def test_a_click_while_the_thread_ends_is_not_lost(search, painter, monkeypatch):
    def click_meanwhile(now):
        if now.state is SearchState.FINISHED and painter.panel.inputs < 5:
            painter.panel._noticed()

    monkeypatch.setattr(painter.panel, "refresh", click_meanwhile)
    search.state = SearchState.RUNNING
    painter.start()
    search.state = SearchState.FINISHED
    assert finished_within(10, lambda: painter._thread is None)
    assert finished_within(5, lambda: painter._inputs == painter.panel.inputs > 0)


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
    def broken(context):
        raise ZeroDivisionError("no ink")

    monkeypatch.setattr(painter.panel.run.picture, "draw", broken)
    search.state = SearchState.RUNNING
    painter.start()
    with pytest.warns(RuntimeWarning, match="could not be drawn.*no ink"):
        painter.settle()
    assert 'role="alert"' in painter.panel._views["status"].value
    assert search.state is SearchState.RUNNING
