from __future__ import annotations

import pytest

from nas_nb.notebook.panel.leaderboard_tab import LeaderboardTab
from nas_nb.notebook.snapshot import Snapshot
from tests.notebook.fakes import FAILED, FakeSearch, add_trial, panel_context


@pytest.fixture
def search():
    return FakeSearch(*[0.5 + number / 100 for number in range(45)], FAILED)


@pytest.fixture
def tab(search):
    def repaint() -> None:
        paint(tab)

    tab = LeaderboardTab(panel_context(search, repaint))
    paint(tab)
    return tab


def paint(tab):
    tab.paint(Snapshot(tab._context.search))


def test_it_shows_twenty_trials_at_a_time(tab):
    assert "1 to 20 of 46 trials, by score" in tab._table.value
    assert tab.back.disabled
    for _ in range(3):
        tab.forth.click()
    assert "41 to 46 of 46 trials" in tab._table.value
    assert "page 3 of 3" in tab._where.value
    assert tab.forth.disabled
    tab.back.click()
    assert "page 2 of 3" in tab._where.value


def test_a_filter_starts_at_the_first_page(tab):
    tab.forth.click()
    tab.filter.value = "score>0.905"
    assert "1 to 4 of 4 trials that fit, of 46" in tab._table.value
    tab.filter.value = "LSTM"
    assert "None of 46 trials fits" in tab._table.value


def test_a_filter_that_does_not_fit_is_refused_beside_it(tab):
    before = tab._table.value
    tab.filter.value = "score>high"
    assert 'role="alert"' in tab._refusal.value
    assert tab._table.value == before
    tab.filter.value = ""
    assert tab._refusal.value == ""


def test_it_is_sorted_as_asked(tab):
    tab.sort.value = "latest first"
    assert tab._table.value.index(">45<") < tab._table.value.index(">44<")


def test_a_trial_on_the_page_is_chosen_for_all_views(search, tab):
    tab.pick.value = 30
    assert tab._context.selection.chosen == 30
    paint(tab)
    assert tab._table.value.count('aria-current="true"') == 1
    add_trial(search.history, 0.99)
    paint(tab)
    assert tab._context.selection.chosen == 30  # though the list of choices is another one now


def test_a_better_trial_that_ends_leaves_the_places_of_the_others_in_the_choice():
    # The page reports a choice by its place: were it to shift, another trial would be chosen.
    search = FakeSearch(0.5, 0.6)
    tab = LeaderboardTab(panel_context(search))
    paint(tab)
    before = [number for _, number in tab.pick.options]
    add_trial(search.history, 0.9)
    paint(tab)
    assert [number for _, number in tab.pick.options] == [*before, 2]
