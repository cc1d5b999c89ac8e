from __future__ import annotations

import pytest

from nas_nb.notebook.panel.inputs import TrialChooser, TrialSelection
from nas_nb.notebook.wording import Snapshot
from tests.notebook.fakes import FAILED, FakeSearch, add_trial, tell


@pytest.fixture
def search():
    return FakeSearch(0.5, 0.9, FAILED, 0.85)


@pytest.fixture
def selection():
    return TrialSelection(lambda: None)


@pytest.fixture
def chooser(search, selection):
    return TrialChooser(search, selection)


def press(chooser, name):
    chooser.buttons[name]()


def test_it_follows_the_incumbent_until_a_trial_is_chosen(search, selection):
    assert selection.trial(search.history).number == 1
    add_trial(search.history, 0.95)
    assert selection.trial(search.history).number == 4
    selection.choose(2)
    assert selection.trial(search.history).number == 2
    selection.choose(None)
    assert selection.trial(search.history).number == 4


def test_it_is_compared_with_the_best_other_trial(search, selection):
    assert selection.compared(search.history).number == 3
    selection.choose(0)
    assert selection.compared(search.history).number == 1
    selection.compare_with(3)
    assert selection.compared(search.history).number == 3


def test_a_number_chooses_a_trial_and_an_empty_field_the_best(search, selection, chooser):
    chooser.number.value = " 2 "
    assert selection.chosen == 2
    chooser.number.value = ""
    assert selection.chosen is None


@pytest.mark.parametrize("text", ["4", "-1", "two", "1.5", "²", "<b>"])
def test_what_is_no_trial_is_refused_beside_the_field(search, selection, chooser, text):
    chooser.number.value = "0"
    chooser.number.value = text
    assert 'role="alert"' in chooser.refusal.value
    assert "Expected a trial from 0 to 3" in chooser.refusal.value
    assert "<b>" not in chooser.refusal.value
    assert selection.chosen == 0


def test_buttons_step_along_the_leaderboard_and_stop_at_its_ends(selection, chooser):
    for name, expected in (("Worse", 3), ("Worse", 0), ("Worse", 0), ("Better", 3), ("Latest", 3)):
        press(chooser, name)
        assert selection.chosen == expected
    press(chooser, "Best")
    assert selection.chosen is None


def test_it_says_which_trial_is_looked_at(search, chooser):
    chooser.paint(Snapshot(search))
    assert "trial 1: completed, val_accuracy 0.9000, rank 1 of 3" in chooser._about.value
    opening = {"seed": 0, "objective": "val_accuracy", "direction": "max"}
    tell(search.history, "search_opened", validation_rows=100, **opening)
    for number, near in ((1, False), (3, True), (0, False)):  # the best, within 0.08 of it, not
        chooser.select(number)
        chooser.paint(Snapshot(search))
        assert ("of 3, within noise of the best" in chooser._about.value) == near
    chooser.number.value = "2"
    chooser.paint(Snapshot(search))
    assert "trial 2: failed" in chooser._about.value


def test_without_a_trial_there_is_nothing_to_choose():
    search = FakeSearch()
    chooser = TrialChooser(search, TrialSelection(lambda: None))
    for name in chooser.buttons:
        press(chooser, name)
    chooser.paint(Snapshot(search))
    assert "no completed trial yet" in chooser._about.value
