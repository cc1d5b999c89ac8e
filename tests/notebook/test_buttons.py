from __future__ import annotations

import pytest

from nas_nb.notebook.panel.inputs import Buttons
from nas_nb.workers.control import SearchState
from tests.notebook.fakes import FakeSearch


@pytest.fixture
def search():
    return FakeSearch()


@pytest.fixture
def buttons(search):
    made = Buttons(search, lambda: made.enable(search.state, legal=True))
    return made


@pytest.mark.parametrize(
    ("state", "on"),
    [
        (SearchState.NEW, {"Start"}),
        (SearchState.RUNNING, {"Pause", "Stop"}),
        (SearchState.PAUSED, {"Resume", "Stop"}),
        (SearchState.STOPPED, {"Go on"}),
        (SearchState.FINISHED, {"Go on"}),
        (SearchState.FAILED, {"Go on"}),
    ],
)
def test_only_what_is_legal_is_on(buttons, state, on):
    buttons.enable(state, legal=True)
    all_three = (buttons.start, buttons.pause, buttons.stop)
    assert {button.description for button in all_three if not button.disabled} == on


def test_start_is_off_while_a_control_holds_what_does_not_fit(buttons):
    buttons.enable(SearchState.NEW, legal=False)
    assert buttons.start.disabled


def test_clicks_ask_the_search(search, buttons):
    buttons.start.click()
    buttons.pause.click()
    assert buttons.pause.description == "Resume"
    buttons.pause.click()
    buttons.stop.click()
    assert search.asked == ["start", "pause", "resume", "stop"]


def test_a_refusal_is_said_beside_them_until_the_next_click(search, buttons):
    search.refusal = "another <search> runs"
    buttons.start.click()
    assert "another &lt;search&gt; runs" in buttons._refusal.value
    search.refusal = None
    buttons.start.click()
    assert buttons._refusal.value == ""


def test_none_has_an_icon_which_would_be_fetched_from_elsewhere(buttons):
    assert not any((buttons.start.icon, buttons.pause.icon, buttons.stop.icon))
