from __future__ import annotations

import pytest

from nas_nb.errors import SearchError
from nas_nb.explain.neighbours import ablate, one_change_neighbours
from nas_nb.record.history import History
from nas_nb.record.trial_facts import ancestry, ancestry_text
from tests.explain.worlds import DOMAIN, drawn_history, evolved_history, history_of, planted
from tests.search.tiny import tiny_search


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
