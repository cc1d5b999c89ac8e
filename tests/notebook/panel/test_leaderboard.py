from __future__ import annotations

import pytest

from nas_nb.notebook.panel.trials_tab import Leaderboard
from nas_nb.notebook.wording import Snapshot
from tests.notebook.fakes import FAILED, FakeSearch, panel_context


@pytest.fixture
def search():
    return FakeSearch(*[0.5 + number / 100 for number in range(45)], FAILED)


@pytest.fixture
def tab(search):
    def repaint() -> None:
        paint(tab)

    tab = Leaderboard(panel_context(search, repaint))
    paint(tab)
    return tab


def paint(tab):
    tab.paint(Snapshot(tab._context.search))


def test_it_shows_ten_trials_at_a_time(tab):
    assert "1 to 10 of 46 trials, by score" in tab._table.value
    assert tab.back.disabled
    for _ in range(5):
        tab.forth.click()
    assert "41 to 46 of 46 trials" in tab._table.value
    assert "page 5 of 5" in tab._where.value
    assert tab.forth.disabled
    tab.back.click()
    assert "page 4 of 5" in tab._where.value


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
    tab.sort_by("trial")
    assert tab._table.value.index(">45<") < tab._table.value.index(">44<")


def test_a_click_on_a_header_sorts_and_on_a_row_selects(search, tab):
    assert tab._table.value.count(' data-trial="') == 10
    assert 'data-sort="params"' in tab._table.value
    for column, by in (("params", "params"), ("val_accuracy", "score"), ("no such", "score")):
        tab.sort_by(column)
        assert tab.sort.value == by
    tab._context.selection.choose(40)
    paint(tab)
    assert tab._table.value.count('aria-current="true"') == 1
    assert 'aria-current="true" data-trial="40"' in tab._table.value


def test_columns_are_chosen_and_sorted_by(search, tab):
    assert ">configuration<" not in tab._table.value  # beside it stands the selected trial
    tab.columns.value = ("configuration",)
    assert ">configuration<" in tab._table.value
    tab.columns.value = ("seconds", "units_1")
    assert 'data-sort="units_1"' in tab._table.value
    tab.sort_by("units_1")
    assert "by units_1" in tab._table.value
    assert tab._table.value.index('data-trial="0"') < tab._table.value.index('data-trial="1"')


def test_every_score_has_a_bar_from_the_worst_to_the_best(tab):
    assert tab._table.value.count("<meter") == 10
    assert '<meter value="1.00"' in tab._table.value
    tab.sort_by("trial")  # the latest one failed
    assert tab._table.value.count("<meter") == 9
