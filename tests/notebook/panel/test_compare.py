from __future__ import annotations

import dataclasses

from nas_nb.notebook.panel.trials_tab import differences_table, facts_table, trial_facts
from nas_nb.notebook.tables import trials_table
from tests.notebook.fakes import FAILED, add_trial, history_of


def test_only_what_differs_is_told_apart():
    history = history_of()
    add_trial(history, 0.5, depth=1, layer_1="Dense", units_1=3)
    add_trial(history, 0.75, depth=2, layer_1="Dense", units_1=3, units_2=64)
    html = differences_table(*history.trials)
    assert "2 of 4 choices differ" in html
    assert "none" in html
    assert "layer_1" not in html
    worth = facts_table(*history.trials, history)
    assert "-0.2500" in worth
    assert "1,234" in worth  # the params of both


def test_the_same_choices_are_said_to_be_the_same():
    history = history_of()
    for score in (0.5, 0.6):
        add_trial(history, score, depth=1)
    assert "They make the same choices" in differences_table(*history.trials)


def test_the_facts_of_a_failed_trial_name_its_reason():
    history = history_of(FAILED)
    facts = dict(trial_facts(history[0], history))
    assert facts["status"] == "failed: it is too <deep>"
    assert facts["origin"] == "random"
    assert "note" not in facts


def test_small_costs_and_differences_are_told_with_the_digits_that_count():
    history = history_of(0.9, 0.91)
    trials = [
        dataclasses.replace(trial, costs={"params": 50_000 + n, "latency_s": 0.00125 + n / 1e5})
        for n, trial in enumerate(history.trials)
    ]
    html = facts_table(*trials, history)
    assert "-1.000e-05" in html
    assert ">-1<" in html
    assert dict(trial_facts(trials[0], history))["latency_s"] == "0.00125"
    assert "0.00125" in trials_table("", trials, history, columns=["latency_s"])
