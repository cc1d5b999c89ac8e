from __future__ import annotations

import pytest

from nas_nb.errors import SearchError
from nas_nb.explain.summary import SearchSummary, ablate, one_change_neighbours
from nas_nb.record.history import History
from nas_nb.record.trial_facts import ancestry, ancestry_text
from tests.explain.worlds import DOMAIN, drawn_history, evolved_history, history_of, planted
from tests.search.tiny import tiny_search, unbuildable


def test_all_one_change_neighbours_are_there_measured_or_predicted_and_marked():
    history = evolved_history(60, 0)
    around = one_change_neighbours(history, DOMAIN)
    best = history.incumbent
    assert len(around) == len(DOMAIN.neighbours(best.values))
    measured = [one for one in around if one.is_measured]
    assert measured
    for one in measured:
        assert history[one.trial].values == one.values
        assert one.score == history[one.trial].score
        assert one.deviation is None
    for one in around:
        assert one.before == best.values[one.choice]
        assert one.gain == pytest.approx(one.score - best.score)
    predicted = [one for one in around if not one.is_measured]
    assert all(one.deviation > 0 for one in predicted)
    misses = [abs(one.score - planted(one.values)) for one in predicted]
    assert sum(misses) / len(misses) < 0.03


def test_of_few_trials_nothing_is_predicted():
    around = one_change_neighbours(drawn_history(10, 0), DOMAIN)
    assert all(one.score is None and one.gain is None for one in around if not one.is_measured)


def test_without_a_winner_one_sentence():
    with pytest.raises(SearchError, match=r"Expected a completed trial. Received: 0 trials"):
        one_change_neighbours(History(), DOMAIN)


def test_ablation_measures_neighbours_with_the_winners_seed_and_leaves_the_record_alone(tmp_path):
    search = tiny_search(tmp_path, max_trials=3, epochs=1).run()
    told = []
    around = ablate(search, None, lambda *done: told.append(done))
    assert len(around) == len(search.space.domain.neighbours(search.best.values))
    assert all(one.is_measured for one in around)
    assert any(one.ablated for one in around)
    assert told[-1][0] == told[-1][1] == sum(one.ablated for one in around)
    assert len(search.history.trials) == 3
    assert not any(one.ablated for one in ablate(search, 1e-6))


def test_an_ablated_neighbour_has_the_score_of_a_trial_with_the_winners_seed(tmp_path):
    search = tiny_search(tmp_path, max_trials=3, epochs=1).run()
    one = next(one for one in ablate(search, None) if one.ablated)
    seed = search.history.incumbent.seed
    model = search.space.build_values(one.values)
    assert model.count_params() > 0
    assert one.gain == pytest.approx(one.score - search.best.score)
    assert seed is not None


def family():
    history = history_of([({"a": 1, "b": 1}, 0.5, "drawn"), ({"a": 2, "b": 1}, 0.6, "mutated")])
    tell = history.apply
    tell(
        {
            "event": "trial_proposed",
            "time": 99.0,
            "trial": 2,
            "values": {"a": 2, "b": 3},
            "origin": "evolution",
            "how": "mutated",
            "ancestors": [1],
        }
    )
    tell({"event": "trial_started", "time": 100.0, "trial": 2, "attempt": 1, "seed": 1})
    tell({"event": "trial_ended", "time": 101.0, "trial": 2, "status": "completed", "score": 0.7})
    return history


def test_a_neighbour_that_can_not_be_built_stays_unmeasured(tmp_path):
    search = tiny_search(tmp_path, space=unbuildable, max_trials=2, strategy="grid").run()
    assert [(one.now, one.score) for one in ablate(search, max_time=None)] == [(9, None)]


def test_lineage_says_what_changed_at_each_step_and_what_it_gained():
    history = family()
    steps = ancestry(history, history[2])
    assert [step.trial.number for step in steps] == [1, 2]
    assert steps[1].changes == {"b": (1, 3)}
    assert steps[1].gain == pytest.approx(0.1)
    assert ancestry_text(history, history[2]) == (
        "Trial 2 descends from trial 1 (mutated, score 0.6000) in 1 step: b: 1 → 3 (+0.1000, trial "
        "2)."
    )
    assert ancestry_text(history, history[0]) == "Trial 0 has no ancestors: it was drawn."


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
    assert "on other rows, with the same weights: what other seeds change, `search.confirm()`" in (
        summary.text
    )
    assert "within noise of it; the smallest, trial" in summary.text
    assert "The choices that mattered most: b (29% of the variance; here 2), child" in summary.text
    assert summary.believed < best.score


def test_a_winner_that_was_drawn_and_that_no_mutant_beat_is_told_as_such():
    told = SearchSummary(family(), DOMAIN).text
    assert "drawn at random" not in told
    lucky = [({"a": 1, "b": 1}, 0.9, "drawn"), ({"a": 2, "b": 1}, 0.6, "mutated")]
    told = SearchSummary(history_of([*lucky, ({"a": 2, "b": 2}, 0.7, "crossed")]), DOMAIN).text
    assert "It was drawn at random: none of those mutated or crossed after it (2) scored" in told
    assert "at random" not in SearchSummary(history_of(lucky[:1]), DOMAIN).text


def test_a_trial_that_is_believed_to_be_better_than_the_luckiest_is_named():
    for seed in (0, 4, 8):
        summary = SearchSummary(drawn_history(60, seed, noise=0.05), DOMAIN, error=0.05)
        other, best = summary.believed_best, summary.best
        named = f"is believed to be better: `search.trial({other.number})`" in summary.text
        assert named == (other.number != best.number)


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
