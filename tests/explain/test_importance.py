from __future__ import annotations

import numpy as np
import pytest

from nas_nb.errors import SearchError
from nas_nb.explain import importance
from nas_nb.explain.importance import choice_importance, optuna_importance
from nas_nb.record.history import History
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind
from tests.explain.worlds import DOMAIN, DRIVERS, INERT, drawn_history, evolved_history, history_of

SEEDS = range(8)


def measured(make, trials):
    """Of 8 worlds: with a driver first; drivers among the first three; share of inert choices."""
    first, among, inert = 0, 0, 0.0
    for seed in SEEDS:
        found = choice_importance(make(trials, seed), DOMAIN).choices
        names = [choice.name for choice in found]
        first += names[0] in DRIVERS
        among += len(DRIVERS & set(names[:3]))
        shares = {choice.name: choice.share for choice in found}
        inert += sum(share for name, share in shares.items() if name in INERT) / sum(
            shares.values()
        )
    return first, among / len(SEEDS), inert / len(SEEDS)


@pytest.mark.parametrize(
    ("make", "trials", "least_first", "least_among", "most_inert"),
    [
        (drawn_history, 25, 8, 2.4, 0.14),
        (drawn_history, 50, 8, 2.8, 0.07),
        (drawn_history, 100, 8, 2.9, 0.04),
        (evolved_history, 25, 6, 1.5, 0.28),
        (evolved_history, 50, 7, 1.9, 0.20),
        (evolved_history, 100, 7, 2.1, 0.13),
    ],
)
def test_planted_drivers_are_found(make, trials, least_first, least_among, most_inert, monkeypatch):
    monkeypatch.setattr(importance, "_RESAMPLES", 2)  # intervals and evidence are tested below
    monkeypatch.setattr(importance, "_evidence", lambda *_: (1.0, ""))
    first, among, inert = measured(make, trials)
    assert first >= least_first
    assert among >= least_among
    assert inert <= most_inert


def test_a_planted_pair_is_found_and_none_is_looked_for_in_few_trials():
    found = choice_importance(drawn_history(160, 0), DOMAIN)
    assert set(found.pairs[0].names) == {"c", "d"}
    assert choice_importance(drawn_history(79, 0), DOMAIN).pairs == ()


def test_a_dominant_choice_has_nearly_all_and_its_values_their_direction():
    history = drawn_history(60, 0, score=lambda values: 0.5 + 0.1 * (values["a"] == 3))
    found = choice_importance(history, DOMAIN)
    top = found.choices[0]
    assert top.name == "a"
    assert 0.6 < top.low <= top.share <= top.high <= 1
    assert top.share > 15 * found.choices[1].share
    assert [effect.value for effect in top.effects] == ["0", "1", "2", "3"]
    assert top.effects[3].low > 0.06
    assert all(effect.high < 0 for effect in top.effects[:3])
    assert sum(effect.trials for effect in top.effects) == top.trials == 60


def test_a_conditional_choice_rests_on_the_trials_that_make_it():
    history = drawn_history(100, 1)
    child = next(c for c in choice_importance(history, DOMAIN).choices if c.name == "child")
    assert child.trials == sum("child" in trial.values for trial in history.trials) < 60


def test_the_interval_of_an_inert_choice_reaches_zero():
    choices = choice_importance(drawn_history(60, 2), DOMAIN).choices
    assert all(choice.low <= 0.01 for choice in choices if choice.name in INERT)


def test_drawn_trials_are_taken_alone_where_they_suffice_and_else_it_is_said():
    drawn = drawn_history(30, 0).trials
    both = history_of(
        [(dict(t.values), t.score, "drawn") for t in drawn]
        + [({**drawn[0].values, "a": 0}, 0.9, "mutated")] * 10
    )
    found = choice_importance(both, DOMAIN)
    assert (found.trials, found.drawn) == (30, 30)
    assert found.basis == "It rests on 30 trials that were drawn at random."
    evolved = choice_importance(evolved_history(40, 0), DOMAIN)
    assert (evolved.trials, evolved.drawn) == (40, 10)
    assert "30 were chosen near good ones" in evolved.basis


def test_long_ranges_are_judged_in_parts():
    rate = Parameter("rate", ParameterKind.FLOAT, low=1e-4, high=1e-1, log=True)
    domain = Domain((rate, Parameter("idle", ParameterKind.CHOICE, (1, 2))))
    rng = np.random.default_rng(0)
    points = [domain.sample(rng) for _ in range(60)]
    scored = [(p, -abs(np.log10(p["rate"]) + 2.5), "drawn") for p in points]
    top = choice_importance(history_of(scored), domain).choices[0]
    assert top.name == "rate"
    assert len(top.effects) == 4
    assert top.effects[0].value.startswith("0.0001")


@pytest.mark.parametrize(
    ("history", "told"),
    [
        (History(), "0 comparable trials have completed, and 25 are needed"),
        (drawn_history(24, 0), "24 comparable trials have completed"),
        (drawn_history(40, 0, noise=0, score=lambda _: 0.5), "All 40 trials have the same score"),
        (drawn_history(40, 0, noise=1.0, score=lambda _: 0.5), "cross-validated R² -0"),
    ],
)
def test_without_evidence_one_sentence_says_why(history, told):
    found = choice_importance(history, DOMAIN)
    assert told in found.missing
    assert found.choices == found.pairs == ()


def test_scores_far_out_do_not_decide():
    points = [(dict(t.values), t.score, "drawn") for t in drawn_history(60, 0).trials]
    broken = [(v, -1e9 if at == 7 else s, how) for at, (v, s, how) in enumerate(points)]
    assert choice_importance(history_of(broken), DOMAIN).choices[0].name in DRIVERS


def test_the_same_trials_give_the_same_answer():
    assert choice_importance(drawn_history(30, 0), DOMAIN) == choice_importance(
        drawn_history(30, 0), DOMAIN
    )


def test_optuna_gives_a_second_opinion_on_the_same_choices():
    pytest.importorskip("optuna")
    shares = optuna_importance(drawn_history(100, 0), DOMAIN)
    assert set(shares) == set(DOMAIN.names)
    assert sum(shares.values()) == pytest.approx(1)
    assert next(iter(shares)) in DRIVERS
    with pytest.raises(SearchError, match=r"Expected 25 completed trials or more.*Received: 5"):
        optuna_importance(drawn_history(5, 0), DOMAIN)
