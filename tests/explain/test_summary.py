from __future__ import annotations

import pytest

from nas_nb.errors import SearchError
from nas_nb.explain.summary import SearchSummary
from nas_nb.record.history import History
from tests.explain.worlds import DOMAIN, drawn_history, history_of, planted


def drawn(count, **more):
    trials = [(dict(t.values), t.score, "drawn") for t in drawn_history(count, 0).trials]
    return history_of(trials, **more)


def test_the_first_paragraph_says_what_won_how_sure_what_made_it_and_what_smaller_costs():
    history = drawn(60, rows=100, params=lambda values: round(1000 * planted(values)))
    summary, best = SearchSummary(history, DOMAIN), history.incumbent
    assert summary.text.startswith(f"Trial {best.number} won with val_accuracy {best.score:.4f} ±")
    assert f"the luck of being the best of 60, it is believed to be {summary.believed:.4f}" in (
        summary.text
    )
    assert "within noise of it; the smallest, trial" in summary.text
    assert "The choices that mattered most: b (29% of the variance; here 2), child" in summary.text
    assert summary.believed < best.score


def test_without_an_error_it_says_how_to_measure_it():
    text = SearchSummary(drawn(30), DOMAIN).text
    assert "How sure that is was not measured: `search.confirm()`" in text


def test_the_price_of_the_next_smaller_model_is_told():
    history = drawn(5, params=lambda values: round(1000 * planted(values)))
    assert "The best smaller model, trial" in SearchSummary(history, DOMAIN).text


def test_a_search_of_one_trial_has_no_rival_and_one_without_trials_a_sentence():
    assert "no other trial completed" in SearchSummary(drawn(1), DOMAIN).text
    with pytest.raises(SearchError, match=r"Expected a completed trial. Received: 0 trials"):
        SearchSummary(History(), DOMAIN)


def test_constant_scores_are_a_tie_and_no_evidence():
    constant = history_of([(dict(t.values), 0.5, "drawn") for t in drawn(30).trials], rows=100)
    text = SearchSummary(constant, DOMAIN).text
    assert "tied with trial" in text
    assert "All 30 trials have the same score" in text
