from __future__ import annotations

import pytest

import nas_nb
from nas_nb.notebook.magic_arguments import cell_parser
from nas_nb.notebook.panel.settings_view import magic_text, python_text
from nas_nb.strategy.registry import make_strategy
from tests.search.tiny import CHOICES

GIVEN = {
    "strategy": "nsga2",
    "strategy_options": {"cost": "macs", "population": 7},
    "objective": "val_loss",
    "max_trials": 9,
    "max_time": "2 min 5 s",
    "max_epochs": 40,
    "max_time_per_trial": "30 s",
    "max_params": 5000,
    "max_macs": 10**6,
    "max_latency": 0.005,
    "epochs": 3,
    "batch_size": 16,
    "data_fraction": 0.5,
    "executions_per_trial": 2,
    "patience": 2,
    "min_delta": 0.001,
    "prune": True,
    "seed": 4,
    "workers": 2,
    "directory": "run",
}


@pytest.fixture
def search(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return nas_nb.Search(CHOICES, "wine", **GIVEN)


def test_the_python_makes_the_same_search(search):
    made = {"nas": nas_nb, "space": CHOICES}
    exec(python_text(search), made)
    assert made["search"].directory == search.directory
    assert made["search"].settings.opening() | {"search": ""} == search.settings.opening() | {
        "search": ""
    }


def test_the_magic_names_the_same_settings(search):
    line = magic_text(search)
    asked = vars(cell_parser().read(line.removeprefix("%%nas ")))
    given = {name: value for name, value in asked.items() if value not in (None, False)}
    expected = {**GIVEN, "name": "search", "data": "wine", "option": GIVEN["strategy_options"]}
    assert given == {n: v for n, v in expected.items() if n != "strategy_options"} | {
        "max_latency": "0.005"
    }


def test_several_objectives_are_a_list_and_for_the_magic_words_with_commas(tmp_path):
    given = {"objective": ["val_loss", "macs"], "strategy": "random", "max_trials": 2}
    made = nas_nb.Search(CHOICES, "wine", directory=tmp_path, **given)
    assert "objective=['val_loss', 'macs']" in python_text(made)
    asked = cell_parser().read(magic_text(made).removeprefix("%%nas "))
    again = nas_nb.Search(CHOICES, "wine", objective=asked.objective, max_trials=2)
    assert again.settings.minimised == made.settings.minimised == ("macs",)


def test_what_is_at_its_default_is_left_out():
    short = nas_nb.Search(CHOICES, "wine", strategy="evolution", max_trials=5)
    text = "search = nas.Search(space, nas.load(\"wine\"), strategy='evolution', max_trials=5)"
    assert python_text(short) == text


def test_a_strategy_of_the_users_own_is_named_not_quoted(tmp_path):
    def mine(history, rng):
        return {}

    search = nas_nb.Search(CHOICES, "wine", strategy=mine, max_trials=5, directory=tmp_path)
    assert "strategy=mine" in python_text(search)
    assert make_strategy(mine).name == "mine"
