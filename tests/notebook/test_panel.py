from __future__ import annotations

import re

import ipywidgets as widgets
import pytest

from nas_nb.notebook.panel.panel import Panel
from nas_nb.notebook.snapshot import Snapshot
from nas_nb.workers.control import SearchState
from tests.notebook.fakes import FAILED, RUNNING, FakeSearch, add_trial

TITLES = [
    "Configure",
    "Watch",
    "Leaderboard",
    "Trial",
    "Compare",
    "Pareto",
    "Parallel",
    "Map",
    "Importance",
    "Steer",
]


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
    assert "The best 1 of 1 trials" in text


def test_status_progress_and_picture_have_names_for_a_screen_reader(panel):
    text = shown(panel)
    assert '<p role="status" aria-live="polite"' in text
    assert re.search(r'<progress max="100" value="20" aria-label="[^"]+"', text)
    assert re.search(r'<img alt="Left: val_accuracy per trial[^"]+" width="960" height="340"', text)


def test_every_input_has_a_name(panel):
    inputs = [one for one in all_widgets(panel.widget) if hasattr(one, "disabled")]
    assert len(inputs) > 40
    assert all(one.description for one in inputs)


@pytest.mark.parametrize("title", TITLES[:-1])
def test_a_tab_is_painted_when_it_comes_into_view_and_all_pictures_are_told_in_words(panel, title):
    add_trial(panel._search.history, 0.7, depth=1, layer_1="Conv2D", units_1=3)
    panel.book.selected_index = TITLES.index(title)
    panel.paint()
    html = shown(panel.tabs[title])
    assert "<table" in html or "<img" in html or "<pre" in html
    assert html.count("<img") == len(re.findall(r'<img alt="[^"]{20,}"', html))
    assert html.count("<table") == html.count("<caption")


def test_tabs_out_of_view_cost_nothing(panel):
    assert 'src="data' not in shown(panel.tabs["Map"])
    panel.book.selected_index = TITLES.index("Map")
    add_trial(panel._search.history, 0.9)
    drawn = shown(panel.tabs["Watch"])
    panel.paint()
    assert shown(panel.tabs["Watch"]) == drawn


def test_a_new_search_shows_its_settings():
    panel = Panel(FakeSearch(), lambda: None)
    assert panel.tab.title == "Configure"
    panel.on_start()
    assert panel.tab.title == "Watch"


def test_what_keeps_the_panels_keys_is_one_attribute_of_its_style(panel):
    style = re.search(r'<style onload="([^"]+)">', panel._views["title"].value)
    assert "data-lm-suppress-shortcuts" in style[1]


def test_a_trial_that_is_chosen_in_one_view_is_shown_by_the_others(panel):
    add_trial(panel._search.history, 0.4)
    painted(panel, "Leaderboard")
    panel.tabs["Leaderboard"].pick.value = 3
    assert "Trial 3" in shown(painted(panel, "Trial"))
    assert "trial 3: completed" in shown(painted(panel, "Pareto"))
    assert "trial 3</th>" in shown(painted(panel, "Compare"))
    assert 'aria-current="true"><th scope="row" align="left" style="text-align: left">3' in shown(
        painted(panel, "Leaderboard")
    )


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
    assert kinds <= {*boxes, *fields, "Button", "ToggleButton"}
    # Colab and VS Code load these by themselves; any other package's widgets they would not.
    modules = {one._view_module for one in all_widgets(panel.widget)}
    assert modules == {"@jupyter-widgets/controls"}


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


def test_it_knows_when_its_widgets_were_closed(panel):
    panel.widget.close()
    assert panel.closed


def test_what_auto_chose_stands_below_the_status(panel):
    assert "nas-choice" not in shown(panel)
    panel._search.strategy_reason = "grid, because it is <small>."
    panel.paint()
    said = '</p><p class="nas-about nas-choice">evolution: grid, because it is &lt;small&gt;.</p>'
    assert said in shown(panel)
