from __future__ import annotations

import re

import ipywidgets as widgets
import pytest

from nas_nb.errors import StrategyError
from nas_nb.notebook.panel import settings_form
from nas_nb.notebook.panel.settings_form import OptionsForm, option_kinds, strategies_offered
from nas_nb.notebook.panel.settings_view import about
from nas_nb.strategy.base import option_help
from nas_nb.strategy.registry import STRATEGIES, make_strategy


@pytest.fixture
def form():
    return OptionsForm(lambda: None)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_option_of_every_strategy_has_a_field_and_is_explained(name, form):
    strategy = make_strategy(name)
    form.show(strategy)
    assert list(form.inputs) == list(strategy.option_names())
    assert form.read() == strategy.options
    assert set(option_help(STRATEGIES[name])) >= set(form.inputs)
    assert all(len(option_help(STRATEGIES[name])[option]) > 10 for option in form.inputs)


@pytest.mark.parametrize("name", STRATEGIES)
def test_what_a_strategy_does_is_one_sentence_with_its_paper(name):
    text, link, rest = about(make_strategy(name)).partition("<a ")
    assert text.startswith(f"{name}: ")
    assert text.strip().endswith(".")
    assert text.count(". ") <= 1
    assert not link or re.fullmatch(r'href="https://\S+" target="_blank" .*, \d{4}</a>\.', rest)


def test_a_strategy_of_ones_own_is_told_by_its_docstring():
    def mine(history, rng):
        """Draws <two> at random.

        And more.
        """
        return {}

    assert about(make_strategy(mine)) == "mine: Draws &lt;two&gt; at random."


def test_options_become_the_strategy_again(form):
    form.show(make_strategy("reinforce", learning_rate=0.2))
    form.inputs["decay"].value = 0.5
    made = make_strategy("reinforce", **form.read())
    assert (made.learning_rate, made.decay) == (0.2, 0.5)


def test_an_option_that_may_be_none_may_be_left_empty(form):
    form.show(make_strategy("greedy"))
    assert isinstance(form.inputs["patience"], widgets.Text)
    assert form.read()["patience"] is None
    form.inputs["patience"].value = "4"
    assert form.read()["patience"] == 4
    form.inputs["patience"].value = "four"
    with pytest.raises(StrategyError, match="Expected `patience` to be a whole number or empty"):
        form.read()


def test_what_no_field_can_hold_is_left_to_code(form):
    form.show(make_strategy(lambda history, rng: {}))
    assert form.inputs == {}
    assert option_kinds(type(make_strategy("local_search"))) == {}


def test_every_change_is_told(form):
    told = []
    form = OptionsForm(lambda: told.append(1))
    form.show(make_strategy("evolution"))
    form.inputs["population"].value = 33
    assert told == [1]


def test_strategies_whose_library_is_missing_say_so(monkeypatch):
    assert strategies_offered() == [(name, name) for name in STRATEGIES]
    monkeypatch.setattr(settings_form, "find_spec", lambda name: None)
    needing = {name for label, name in strategies_offered() if "needs the extra optuna" in label}
    assert needing == {"tpe", "cma_es"}
