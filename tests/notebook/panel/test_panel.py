from __future__ import annotations

import json
import re
import threading
import time
from functools import partial
from types import SimpleNamespace

import ipywidgets as widgets
import pytest

from nas_nb.errors import SearchError
from nas_nb.notebook.panel import tabs
from nas_nb.notebook.panel.panel import FRAME_LONGEST_S, SHARE, Painter, Panel, _texts_in
from nas_nb.notebook.plots.figures import OVERVIEW
from nas_nb.notebook.wording import Snapshot
from nas_nb.workers.control import SearchState
from tests.notebook.fakes import FAILED, RUNNING, FakeSearch, add_trial

TITLES = ["Run", "Trials", "Insights", "Steer"]


@pytest.fixture
def panel():
    search = FakeSearch(0.5, FAILED, RUNNING, state=SearchState.RUNNING)
    search.name = "<script>"
    panel = Panel(search, lambda: None)
    panel.paint()
    return panel


def all_widgets(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from all_widgets(child)


def shown(panel):
    """All HTML of the panel, in reading order."""
    parts = [one.value for one in all_widgets(panel.widget) if isinstance(one, widgets.HTML)]
    return "\n".join(parts)


def test_it_says_what_is_searched_and_what_was_found(panel):
    text = shown(panel)
    assert "984 architectures" in text
    assert "Running trial 2" in text
    assert "2 of 10 trials, epoch 2 of 2, 20 s so far" in text
    assert "Incumbent: trial 0" in text


def test_status_progress_and_picture_have_names_for_a_screen_reader(panel):
    text = shown(panel)
    assert '<p role="status" aria-live="polite"' in text
    assert re.search(r'<progress max="100" value="20" aria-label="[^"]+"', text)
    assert re.search(
        r'<img alt="Above: val_accuracy per trial[^"]+" width="960" height="560"', text
    )


def test_every_input_has_a_name(panel):
    inputs = [one for one in all_widgets(panel.widget) if hasattr(one, "disabled")]
    assert len(inputs) > 40
    assert all(one.description for one in inputs)


@pytest.mark.parametrize("title", TITLES[:-1])
def test_a_place_is_painted_when_it_comes_into_view_and_its_pictures_are_told(panel, title):
    add_trial(panel._search.history, 0.7, depth=1, layer_1="Conv2D", units_1=3)
    panel.book.selected_index = TITLES.index(title)
    panel.paint()
    html = shown(panel.tabs[title])
    assert "<img" in html
    assert html.count("<img") == len(re.findall(r'<img alt="[^"]{20,}"', html))
    assert html.count("<table") == html.count("<caption")


def test_every_titled_plot_is_a_view_of_insights(panel):
    insights = panel.tabs["Insights"]
    titles = ["Pareto", "Hypervolume", "Parallel", "Map", "Importance", "Effects"]
    assert list(insights.view.options) == titles
    for view in insights.view.options:
        insights.view.value = view
        assert insights._plots[view].hint in shown(painted(panel, "Insights"))


def test_another_view_is_announced_until_it_is_drawn(panel):
    insights = painted(panel, "Insights")
    insights.view.value = "Map"
    assert "Drawing Map" in insights._about.value
    assert "nas-waits" in insights._image._dom_classes
    painted(panel, "Insights")
    assert "Drawing" not in insights._about.value
    assert "nas-waits" not in insights._image._dom_classes


def test_every_view_is_drawn_though_another_has_learned_from_the_same_trials(panel):
    for n in range(40):
        add_trial(panel._search.history, 0.5 + 0.3 * (n % 2))
    for view in ("Importance", "Effects", "Importance"):
        panel.tabs["Insights"].view.value = view
        assert 'src="data:image/png;base64,iVBOR' in painted(panel, "Insights")._image.value
    panel.touch._take({"dark": True})
    panel.paint()
    assert "nas-dark" in painted(panel, "Insights")._image.value


def test_another_theme_or_size_computes_no_importance_anew(panel):
    for n in range(40):
        add_trial(panel._search.history, 0.5 + 0.3 * (n % 2))
    insights = panel.tabs["Insights"]
    insights.view.value = "Importance"
    assert "nas-dark" not in painted(panel, "Insights")._image.value
    picture = panel._pictures["importance"]
    picture._plots = tuple(plot._replace(info=None) for plot in picture._plots)
    panel.touch._take({"dark": True})
    panel.touch._take({"width": [600, 1.0]})
    panel.paint()
    assert "nas-dark" in painted(panel, "Insights")._image.value


def test_importance_says_from_how_many_trials_it_learned():
    search = FakeSearch(*[0.5 + 0.3 * (n % 2) for n in range(40)], state=SearchState.RUNNING)
    panel = Panel(search, lambda: None)
    panel.tabs["Insights"].view.value = "Importance"
    assert "Learned from" not in shown(painted(panel, "Insights"))
    add_trial(search.history, 0.9)
    assert "Learned from the first 40 of 41 trials." in shown(painted(panel, "Insights"))
    search.state = SearchState.FINISHED
    assert "Learned from" not in shown(painted(panel, "Insights"))


def test_places_out_of_view_cost_nothing(panel):
    assert 'src="data' not in shown(panel.tabs["Insights"])
    panel.book.selected_index = TITLES.index("Insights")
    add_trial(panel._search.history, 0.9)
    drawn = shown(panel.tabs["Run"])
    panel.paint()
    assert shown(panel.tabs["Run"]) == drawn


def test_a_new_search_shows_its_settings_and_one_that_started_folds_them():
    panel = Panel(FakeSearch(), lambda: None)
    panel.paint()
    assert panel._configure.widget.layout.display == ""
    assert panel.book.layout.display == "none"
    panel.on_start()
    panel.paint()
    assert panel._configure.widget.layout.display == "none"
    assert panel.book.layout.display == ""


def test_why_a_search_can_not_start_is_said_beside_the_button():
    panel = Panel(FakeSearch(), lambda: None)
    panel.controls.inputs["max_trials"].value = "many"
    panel.paint()
    assert "Not ready to start: Expected `max_trials`" in panel._views["status"].value
    assert shown(panel).count('<p role="alert">') == 1
    assert panel.buttons.primary.disabled


def test_what_keeps_the_panels_keys_is_one_attribute_of_its_style(panel):
    style = re.search(r'<style onload="([^"]+)">', panel._views["title"].value)
    assert "data-lm-suppress-shortcuts" in style[1]


def test_a_trial_that_is_selected_is_shown_in_all_places(panel):
    add_trial(panel._search.history, 0.4)
    panel.touch._take({"select": 3})
    panel.tabs["Trials"].compare.value = True
    trials = shown(painted(panel, "Trials"))
    assert "Trial 3" in trials
    assert "trial 3</th>" in trials
    assert 'aria-current="true" data-trial="3"' in trials
    panel.paint()
    assert "trial 3: completed" in shown(panel)
    panel.touch._take({"sort": "params"})
    assert panel.tabs["Trials"].board.sort.value == "params"


def test_a_part_of_a_picture_can_be_looked_at_and_all_of_it_again(panel):
    for score in (0.6, 0.7, 0.8):
        add_trial(panel._search.history, score)
    panel.paint()
    whole = panel.run.picture._axes[0].get_xlim()
    panel.touch._take({"zoom": OVERVIEW, "box": [[0.3, 0.2], [0.6, 0.4]]})
    panel.paint()
    low, high = panel.run.picture._axes[0].get_xlim()
    assert whole[0] < low < high < whole[1]
    panel.touch._take({"zoom": OVERVIEW, "box": None})
    panel.touch._take({"zoom": "no such", "box": None})
    panel.paint()
    assert panel.run.picture._axes[0].get_xlim() == whole


def test_pictures_are_as_wide_as_the_page_has_room_for(panel):
    panel.touch._take({"width": [640, 1]})
    panel.paint()
    assert 'width="606" height="560"' in panel.run._image.value
    panel.tabs["Insights"].view.value = "Map"
    assert 'width="606" height="500"' in shown(painted(panel, "Insights"))
    panel.touch._take({"width": [4000, 2.5]})
    panel.paint()
    assert 'width="960" height="560"' in panel.run._image.value


def test_a_page_is_told_what_each_mark_is(panel, monkeypatch):
    sent = []
    monkeypatch.setattr(panel.touch, "send", sent.append)
    panel.touch._take({"here": True})
    assert sent[-1]["best"] == 0
    assert sent[-1]["facts"][0]["text"] == "trial 0: completed, val_accuracy 0.5000"
    assert "it is too <deep>" in sent[-1]["facts"][1]["text"]
    add_trial(panel._search.history, 0.9)
    panel.paint()
    assert sent[-1]["best"] == 3
    assert list(sent[-1]["facts"]) == [3]
    assert panel.touch.live
    marks = json.loads(re.search(r'data-marks="([^"]+)"', panel.run._image.value)[1])
    assert {mark[0] for mark in marks} == {0, 2, 3}
    assert all(0 < share < 1 for mark in marks for share in mark[1:])


def painted(panel, title):
    panel.tabs[title].paint(Snapshot(panel._search))
    return panel.tabs[title]


def test_names_are_escaped(panel):
    assert "&lt;script&gt;" in shown(panel)
    assert "<script>" not in shown(panel)


def test_it_uses_nothing_that_fails_to_load_or_to_be_named(panel):
    kinds = {type(one).__name__ for one in all_widgets(panel.widget)}
    boxes = {"VBox", "HBox", "Tab", "HTML"}
    fields = {"Dropdown", "Combobox", "Text", "BoundedIntText", "FloatText", "Checkbox"}
    buttons = {"Button", "ToggleButton", "ToggleButtons", "SelectMultiple"}
    assert kinds <= {*boxes, *fields, *buttons, "Touch"}
    # All but the touch layer, which nothing else needs, is loaded by every front end itself.
    own = [one for one in all_widgets(panel.widget) if one._view_module == "anywidget"]
    assert own == [panel.touch]


def test_a_status_that_has_not_changed_is_not_sent_again(panel):
    seen = []
    panel._views["status"].observe(seen.append, "value")
    panel._search.elapsed_s += 1
    panel.paint()
    assert seen == []


def test_the_clock_alone_can_be_brought_up_to_date(panel):
    now = panel.paint()
    panel._search.elapsed_s = 50
    panel.paint_clock(now)
    assert "50 s so far" in shown(panel)


def test_the_diagram_of_the_best_comes_once_that_has_been_it_for_a_while(monkeypatch):
    search = FakeSearch(0.5, 0.75)
    panel = Panel(search, lambda: None)
    clock = SimpleNamespace(monotonic=lambda: clock.now, now=100.0)
    monkeypatch.setattr(tabs, "time", clock)
    search.state = SearchState.RUNNING
    now = panel.paint()
    assert panel.run._diagram.value == ""
    clock.now += tabs._DIAGRAM_AFTER_S
    panel.paint_clock(now)
    assert "Diagram of trial 1" in panel.run._diagram.value
    add_trial(search.history, 0.875)
    panel.paint()
    assert panel.run._diagram.value == ""
    search.state = SearchState.PAUSED
    panel.paint()
    assert "Diagram of trial 2" in panel.run._diagram.value


def test_a_frame_holds_the_texts_in_view_and_no_others(panel):
    panel.settings.value = False
    panel.paint()
    hidden = (panel._configure.widget, panel.tabs["Steer"].widget)
    kept = {each for widget in hidden for each in all_widgets(widget)}
    texts = set(_texts_in(panel.widget))
    assert panel._clock in texts
    assert set(all_widgets(panel.run.widget)) & texts
    assert not kept & texts


def test_it_knows_when_its_widgets_were_closed(panel):
    panel.widget.close()
    assert panel.closed


def test_what_auto_chose_stands_below_the_status(panel):
    assert "nas-choice" not in shown(panel)
    panel._search.strategy_reason = "grid, because it is <small>."
    panel.paint()
    said = '</p><p class="nas-about nas-choice">evolution: grid, because it is &lt;small&gt;.</p>'
    assert said in shown(panel)


def test_pictures_follow_the_theme_of_the_page(panel):
    for dark in (True, True, False):
        panel.touch._take({"dark": dark})
        panel.paint()
        assert ("nas-dark" in panel.run._image.value) == dark
        assert ('"nas-plot nas-dark"' in shown(painted(panel, "Insights"))) == dark


def test_a_drag_lights_the_lines_of_parallel_coordinates(panel):
    panel.tabs["Insights"].view.value = "Parallel"
    painted(panel, "Insights")
    panel.touch._take({"zoom": "parallel", "box": [[0.05, 0.2], [0.07, 0.6]]})
    panel.paint()
    assert "pass what is selected of" in shown(painted(panel, "Insights"))
    panel.touch._take({"zoom": "parallel", "box": None})
    panel.paint()
    assert "pass what is selected of" not in shown(painted(panel, "Insights"))


def test_the_selected_model_is_saved_in_the_folder_or_says_why_not(panel, tmp_path, monkeypatch):
    search, trials = panel._search, panel.tabs["Trials"]
    search.directory = tmp_path
    saved = []
    search.trial = lambda number: SimpleNamespace(save=saved.append)
    trials.save.click()
    assert saved == [tmp_path / "trial-0.keras"]
    assert "trial-0.keras" in trials._refusal.value
    search.trial = lambda number: SimpleNamespace(save=refuse)
    trials.save.click()
    assert 'role="alert"' in trials._refusal.value


def refuse(file):
    raise SearchError("Its weights were not kept.")


def test_an_ended_search_says_above_the_insights_why_it_ended_as_it_did():
    search = FakeSearch(0.5, 0.7, state=SearchState.RUNNING)
    panel = Panel(search, lambda: None)
    assert "won with" not in shown(painted(panel, "Insights"))
    search.state = SearchState.FINISHED
    assert "Trial 1 won with val_accuracy 0.7000" in shown(painted(panel, "Insights"))


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
