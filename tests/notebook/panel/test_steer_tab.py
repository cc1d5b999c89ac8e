"""The sections of the steering tab: what they offer, what they ask for, and how they refuse."""

from __future__ import annotations

import pytest

from nas_nb.notebook.panel.steer_tab import (
    BudgetSection,
    CandidateSection,
    RestrictSection,
    SteerTab,
    StrategySection,
    TrainingSection,
    names_offered,
    nearest_legal,
    values_offered,
)
from nas_nb.notebook.wording import Snapshot
from nas_nb.search.budget import Budget
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind
from tests.notebook.fakes import DOMAIN, RUNNING, FakeSearch, add_trial, panel_context, tell


@pytest.fixture
def search():
    search = FakeSearch(0.5)
    add_trial(search.history, 0.9, depth=2, layer_1="Dense", units_1=7, layer_2="Dense", units_2=64)
    return search


@pytest.fixture
def context(search):
    return panel_context(search)


def paint(part):
    context = getattr(part, "context", None) or part._context
    part.paint(Snapshot(context.search))


def test_choices_of_all_layers_are_offered_as_one():
    names = names_offered(DOMAIN)
    assert names == ["layer", "units", "depth", "layer_1", "units_1", "layer_2", "units_2"]
    assert values_offered(DOMAIN, "layer") == ["Conv2D", "Dense"]
    assert values_offered(DOMAIN, "units_2") == [32, 64]
    assert values_offered(DOMAIN, "units") == []  # units_1 is a long range


def test_a_rule_tells_what_it_would_leave_before_it_holds(search, context):
    section = RestrictSection(context)
    section.name.value, section.value.value = "depth", "1"
    paint(section)
    assert "All 20,000 architectures may be proposed." in section._left.value
    assert "The rule would leave 4,000." in section._left.value
    assert section.release.disabled
    tell(search.history, "steered", action="restrict", detail={"without": {"layer_1": ["Dense"]}})
    paint(section)
    assert "10,000 architectures of 20,000 are left (layer_1 without Dense)" in section._left.value
    assert "The rule would leave 2,000." in section._left.value
    assert not section.release.disabled


def test_what_is_left_of_an_infinite_space_is_said_once(search, context):
    section = RestrictSection(context)
    rate = Parameter("rate", ParameterKind.FLOAT, low=0.1, high=0.9)
    section._domain = Domain((*DOMAIN.parameters, rate))
    tell(search.history, "steered", action="restrict", detail={"without": {"layer_1": ["Dense"]}})
    paint(section)
    assert "<p>infinitely many architectures are left (layer_1 without Dense)." in (
        section._left.value
    )


@pytest.mark.parametrize(
    ("kind", "name", "value", "action", "given"),
    [
        ("pin to", "depth", "2", "pin", {"depth": 2}),
        ("leave out", "layer", "Dense", "without", {"layer": "Dense"}),
        ("at least", "units", "64", "at_least", {"units": 64.0}),
        ("at most", "units_2", "32", "at_most", {"units_2": 32}),
    ],
)
def test_a_rule_is_asked_for_with_values_of_the_space(
    search, context, kind, name, value, action, given
):
    section = RestrictSection(context)
    section.name.value, section.kind.value, section.value.value = name, kind, value
    section.apply.click()
    section.release.click()
    assert search.steered == [(action, (), given), ("unrestrict", (), {})]


def test_a_rule_that_makes_no_sense_is_refused_before_and_after_the_click(search, context):
    section = RestrictSection(context)
    section.name.value, section.kind.value = "layer", "at least"
    paint(section)
    assert "Expected a number as the bound" in section._left.value
    search.refusal = "nothing would be <left>"
    section.apply.click()
    assert section.refusal.value == '<p role="alert">nothing would be &lt;left&gt;</p>'
    search.refusal = None
    section.apply.click()
    assert section.refusal.value == ""


def test_only_choices_that_count_have_controls(context):
    section = CandidateSection(context)
    assert list(section.inputs) == ["depth", "layer_1", "units_1"]
    section.inputs["depth"].value = 2
    assert list(section.inputs) == ["depth", "layer_1", "units_1", "layer_2", "units_2"]
    section.inputs["units_2"].value = 64
    first = section.inputs["layer_1"]
    section.inputs["depth"].value = 1
    assert section.values == {"depth": 1, "layer_1": "Conv2D", "units_1": 1}
    assert section.inputs["layer_1"] is first


def test_a_candidate_starts_from_a_trial_and_is_queued(search, context):
    section = CandidateSection(context)
    section.take.click()
    paint(section)
    assert "Trial 1 is exactly this, completed: val_accuracy 0.9000." in section._about.value
    section.inputs["units_1"].value = 8
    paint(section)
    assert "It is new. It differs from the incumbent in 1 choices." in section._about.value
    section.queue.click()
    values = {"depth": 2, "layer_1": "Dense", "units_1": 8, "layer_2": "Dense", "units_2": 64}
    assert search.steered == [("queue", (values,), {})]


def test_a_random_candidate_is_legal(context):
    section = CandidateSection(context)
    for _ in range(5):
        section.draw.click()
        assert DOMAIN.contains(section.values)


def test_what_is_not_legal_together_gives_way_to_its_parents():
    wanted = {"depth": 1, "units_2": 64, "layer_1": "LSTM", "units_1": 5}
    assert nearest_legal(DOMAIN, wanted) == {"depth": 1, "layer_1": "Conv2D", "units_1": 5}


def test_single_trials_are_stopped_and_trained_longer(search, context):
    section = TrainingSection(context)
    paint(section)
    assert section.stop.disabled
    assert section.grant.description == "Train trial 1 longer"
    add_trial(search.history, RUNNING)
    context.selection.choose(0)
    paint(section)
    assert section.stop.description == "Stop trial 2"
    section.epochs.value = 5
    section.stop.click()
    section.grant.click()
    assert search.steered == [("stop_trial", (), {}), ("more_epochs", (0, 5), {})]


def test_a_strategy_is_changed_with_its_options(search, context):
    section = StrategySection(context)
    section.name.value = "reinforce"
    section.options.inputs["decay"].value = 0.5
    section.change.click()
    assert search.steered == [("strategy", ("reinforce",), {"learning_rate": 0.1, "decay": 0.5})]


def test_a_budget_is_changed_and_what_is_no_number_refused(search, context):
    section = BudgetSection(context)
    assert section.fields.inputs["max_trials"].value == "10"
    section.fields.inputs["max_trials"].value = ""
    section.fields.inputs["max_time"].value = "2 min"
    section.change.click()
    assert search.steered == [("budget", (), {"max_trials": None, "max_time": "2 min"})]
    section.fields.inputs["max_trials"].value = "many"
    section.change.click()
    assert "Expected `max_trials`" in section.refusal.value


def test_changing_one_limit_changes_one_and_the_fields_show_what_holds(search, context):
    search.settings.budget = Budget(max_trials=10, max_time_s=90)
    section = BudgetSection(context)
    section.fields.inputs["max_trials"].value = "40"
    section.change.click()
    assert search.steered == [("budget", (), {"max_trials": 40})]
    search.settings.budget = Budget(max_trials=40, max_time_s=120)  # and elsewhere the time
    paint(section)
    shown = {name: field.value for name, field in section.fields.inputs.items()}
    assert shown == {"max_trials": "40", "max_time": "2 min", "max_epochs": ""}
    section.fields.inputs["max_epochs"].value = "7"
    paint(section)
    assert section.fields.inputs["max_epochs"].value == "7"  # still being edited


def test_what_was_steered_is_listed_latest_first(search, context):
    tell(search.history, "steered", action="pause", detail={})
    tell(search.history, "steered", action="resume", detail={})
    tab = SteerTab(context)
    paint(tab)
    assert tab._done.value.index("resumed") < tab._done.value.index("paused")
