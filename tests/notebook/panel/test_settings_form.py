from __future__ import annotations

from pathlib import Path

import pytest

from nas_nb.notebook.panel.settings_form import SettingsForm
from nas_nb.search.budget import LIMITS, Budget
from nas_nb.strategy.evolution import Evolution
from tests.notebook.fakes import FakeSearch


@pytest.fixture
def search():
    return FakeSearch()


@pytest.fixture
def controls(search):
    return SettingsForm(search, lambda: None)


def complaints(controls):
    return {name: html.value for name, html in controls._complaints.items() if html.value}


def test_they_show_the_search_as_it_is(controls):
    shown = {name: control.value for name, control in controls.inputs.items()}
    assert shown == {
        "strategy": "evolution",
        "cost": "none",
        "objective": "val_accuracy",
        "epochs": 2,
        "batch_size": 32,
        "seed": 0,
        "directory": "nas_nb_runs/digits",
        **{limit.name: "10" if limit.name == "max_trials" else "" for limit in LIMITS},
    }


def test_a_change_that_fits_is_the_searchs_at_once(search, controls):
    controls.inputs["strategy"].value = "random"
    controls.inputs["max_time"].value = "2 min"
    assert search.strategy.name == "random"
    assert search.budget == Budget(max_trials=10, max_time_s=120)
    assert controls.legal


def test_what_does_not_fit_is_said_beside_the_control(search, controls):
    controls.inputs["max_time"].value = "2 <b>apples"
    assert not controls.legal
    assert list(complaints(controls)) == ["max_time"]
    assert "2 &lt;b&gt;apples" in complaints(controls)["max_time"]
    assert search.budget == Budget(max_trials=10)
    controls.inputs["max_time"].value = ""
    assert controls.legal


def test_no_limit_at_all_does_not_fit_until_there_is_another(search, controls):
    controls.inputs["max_trials"].value = ""
    assert "no budget" in complaints(controls)["max_trials"]
    controls.inputs["max_time"].value = "90 s"
    assert complaints(controls) == {}
    assert search.budget == Budget(max_time_s=90)


def test_a_complaint_stays_where_its_cause_is(controls):
    controls.inputs["max_time"].value = "apples"
    controls.inputs["epochs"].value = 5
    assert list(complaints(controls)) == ["max_time"]


def test_a_strategy_with_options_can_be_chosen_again(search):
    search.settings.strategy = given = Evolution(population=7, sample=3)
    controls = SettingsForm(search, lambda: None)
    controls.inputs["strategy"].value = "random"
    controls.inputs["strategy"].value = "evolution"
    assert search.strategy == given


def test_a_strategy_of_the_users_own_is_among_the_choices(search):
    class Mine(Evolution):
        name = "mine"

    search.settings.strategy = Mine()
    controls = SettingsForm(search, lambda: None)
    assert controls.inputs["strategy"].value == "mine"


def test_a_time_stays_exact_though_it_is_shown_rounded(search):
    search.settings.budget = Budget(max_time_s=90.4)
    controls = SettingsForm(search, lambda: None)
    controls.inputs["epochs"].value = 5
    assert search.budget.max_time_s == 90.4


def test_code_that_configures_the_search_moves_them(search, controls):
    search.settings.budget = Budget(max_trials=33, max_time_s=60)
    controls.sync()
    assert controls.inputs["max_trials"].value == "33"
    assert controls.inputs["max_time"].value == "1 min"


def test_limits_of_a_model_and_the_objective_are_set_too(search, controls):
    controls.inputs["max_params"].value = "5,000"
    controls.inputs["max_latency"].value = "5 ms"
    controls.inputs["objective"].value = "val_loss"
    assert search.budget == Budget(max_trials=10, max_params=5000, max_latency_s=0.005)
    assert search.settings.objective.name == "val_loss"


def test_a_second_objective_is_one_of_the_searchs(search, controls):
    controls.inputs["cost"].value = "macs"
    controls.inputs["objective"].value = "val_loss"
    controls.inputs["epochs"].value = 5
    assert search.settings.minimised == ("macs",)
    assert search.settings.objective.name == "val_loss"
    assert controls.legal
    controls.inputs["cost"].value = "none"
    assert search.settings.minimised == ()
    controls.sync()
    assert controls.inputs["cost"].value == "none"


def test_a_strategy_that_needs_a_cost_shows_its_own_and_asks_for_one(search, controls):
    controls.inputs["strategy"].value = "nsga2"
    assert controls.inputs["cost"].value == "params"
    controls.inputs["cost"].value = "macs"
    assert search.settings.minimised == ("macs",)
    assert "cost" not in controls.options.inputs
    controls.inputs["cost"].value = "none"
    assert "choose which" in complaints(controls)["cost"]
    controls.inputs["strategy"].value = "evolution"
    assert controls.inputs["cost"].value == "none"
    assert controls.legal


def test_the_folder_can_be_changed_and_what_is_wrong_with_it_is_said_beside_it(search, controls):
    controls.inputs["directory"].value = "runs/taken"
    assert list(complaints(controls)) == ["directory"]
    controls.inputs["directory"].value = " "
    assert "Received: nothing" in complaints(controls)["directory"]
    controls.inputs["directory"].value = "runs/mine"
    assert controls.legal
    assert search.directory == Path("runs/mine")


def test_the_options_are_those_of_the_strategy_that_is_chosen(search, controls):
    assert list(controls.options.inputs) == ["population", "sample", "inherit_weights"]
    controls.options.inputs["population"].value = 30
    assert search.strategy == Evolution(population=30)
    controls.inputs["strategy"].value = "tpe"
    assert "multivariate" in controls.options.inputs
    controls.inputs["strategy"].value = "evolution"
    assert controls.options.inputs["population"].value == 30


def test_an_option_that_does_not_fit_is_said_beside_the_options(search, controls):
    controls.options.inputs["sample"].value = 99
    assert list(complaints(controls)) == ["options"]
    assert "at most `population`" in complaints(controls)["options"]
    assert search.strategy == Evolution()
    controls.options.inputs["sample"].value = 5
    assert controls.legal


def test_a_live_search_locks_them_and_trials_lock_what_defines_them(controls):
    controls.enable(live=True, started=True)
    assert all(control.disabled for control in controls.inputs.values())
    controls.enable(live=False, started=True)
    locked = [name for name, control in controls.inputs.items() if control.disabled]
    assert locked == ["cost", "objective", "epochs", "batch_size", "seed", "directory"]


def test_every_control_has_a_name(controls):
    assert all(control.description for control in controls.inputs.values())


def test_changing_one_setting_changes_one(search, controls):
    told = []
    configure = search.configure
    search.configure = lambda **changes: told.append(changes) or configure(**changes)
    controls.inputs["max_trials"].value = "12"
    controls.inputs["seed"].value = 3
    controls.inputs["directory"].value = "runs/mine"
    controls.presets["Quick"].click()
    assert told == [
        {"max_trials": 12},
        {"seed": 3},
        {"directory": Path("runs/mine")},
        {"max_trials": 10, "epochs": 5},
    ]
    assert controls.inputs["epochs"].value == 5


def test_every_limit_can_be_set_and_lifted(search, controls):
    for limit in LIMITS:
        controls.inputs[limit.name].value = "77"
        assert getattr(search.budget, limit.field) == 77
        controls.inputs[limit.name].value = ""
        if limit.name != "max_trials":
            assert getattr(search.budget, limit.field) is None
        controls.inputs["max_trials"].value = "10"


def test_what_is_no_number_is_said_in_the_words_of_the_limit(controls):
    controls.inputs["max_trials"].value = "many"
    assert "Expected `max_trials` to be a whole number" in controls.reason
    controls.sync()
    assert controls.inputs["max_trials"].value == "10"
    assert controls.legal


def test_what_is_advanced_is_folded_away(controls):
    assert controls._more.layout.display == "none"
    controls.advanced.value = True
    assert controls._more.layout.display == ""
