from __future__ import annotations

from nas_nb.notebook.panel.settings_view import coverage_text
from nas_nb.search.budget import Budget
from tests.notebook.fakes import FakeSearch


def test_it_says_how_much_of_the_space_the_budget_covers():
    assert coverage_text(FakeSearch()).startswith(
        "10 of 984 architectures (1 %), without a time limit"
    )


def test_time_is_told_only_where_something_was_measured():
    search = FakeSearch(0.5, 0.6)  # one epoch of one second each
    assert coverage_text(search).endswith("about 20 s by what was measured so far.")
    search.settings.budget = Budget(max_trials=10, max_time_s=15)
    assert coverage_text(search).endswith("at most 15 s.")


def test_epochs_and_time_limit_the_trials_too():
    search = FakeSearch()
    search.settings.budget = Budget(max_epochs=9)
    assert coverage_text(search).startswith("5 of 984 architectures")
    search.settings.budget = Budget(max_time_s=60)
    text = "As many of 984 architectures as the budget allows, at most 1 min."
    assert coverage_text(search) == text
