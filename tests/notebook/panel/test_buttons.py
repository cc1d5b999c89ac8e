from __future__ import annotations

import pytest

from nas_nb.notebook.panel.inputs import Buttons
from nas_nb.search.budget import Budget
from nas_nb.workers.control import SearchState
from tests.notebook.fakes import FakeSearch, history_of


@pytest.fixture
def search():
    return FakeSearch()


@pytest.fixture
def buttons(search):
    made = Buttons(search, lambda: made.enable(search.state, legal=True))
    return made


@pytest.mark.parametrize(
    ("state", "next_", "stops"),
    [
        (SearchState.NEW, "Start", False),
        (SearchState.RUNNING, "Pause", True),
        (SearchState.PAUSED, "Resume", True),
        (SearchState.STOPPED, "Resume", False),
        (SearchState.FAILED, "Resume", False),
        (SearchState.FINISHED, "Continue", False),
    ],
)
def test_one_button_says_what_comes_next(buttons, state, next_, stops):
    buttons.enable(state, legal=True)
    assert buttons.primary.description == next_
    assert not buttons.primary.disabled
    assert buttons.stop.disabled is not stops
    assert (buttons.more.layout.display != "none") == (next_ == "Continue")


def test_start_is_off_while_a_control_holds_what_does_not_fit(buttons):
    buttons.enable(SearchState.NEW, legal=False)
    assert buttons.primary.disabled


def test_clicks_ask_the_search(search, buttons):
    for _ in range(3):
        buttons.primary.click()
    buttons.stop.click()
    buttons.primary.click()
    assert search.asked == ["start", "pause", "resume", "stop", "start"]


def test_a_finished_search_continues_with_so_many_trials_more(buttons, search):
    search.history = history_of(0.5, 0.6)
    search.settings.budget = Budget(max_trials=2, max_time_s=60)
    search.state, search.reason = SearchState.FINISHED, "max_time of 1 min reached"
    buttons.enable(search.state, legal=True)
    buttons.more.value = 5
    buttons.primary.click()
    assert search.budget == Budget(max_trials=7)
    assert search.asked == ["start"]


def test_a_refusal_is_said_beside_them_until_the_next_click(search, buttons):
    search.refusal = "another <search> runs"
    buttons.primary.click()
    assert "another &lt;search&gt; runs" in buttons.refusal.value
    search.refusal = None
    buttons.primary.click()
    assert buttons.refusal.value == ""


def test_none_has_an_icon_which_would_be_fetched_from_elsewhere(buttons):
    assert not any((buttons.primary.icon, buttons.stop.icon))
