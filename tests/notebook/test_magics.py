from __future__ import annotations

import traceback

import pandas as pd
import pytest
from IPython.core.error import UsageError

import nas_nb
from nas_nb.errors import SpaceError
from nas_nb.notebook import magic_arguments
from nas_nb.notebook.magics import space_of_cell
from nas_nb.notebook.search_display import Search
from nas_nb.workers.control import SearchState
from tests.search.tiny import CHOICES, tiny_data, tiny_search

CELL = f"{CHOICES!r}"
SHORT = "--max-trials 2 --epochs 1"


@pytest.fixture
def shell_with_data(shell):
    shell.user_ns["rows"] = tiny_data()
    return shell


@pytest.fixture
def search(shell_with_data):
    shell_with_data.run_cell_magic("nas", f"mine {SHORT} --data rows", CELL)
    return shell_with_data.user_ns["mine"]


def refusal(shell, line, cell=None):
    kind = "line" if cell is None else "cell"
    arguments = (line,) if cell is None else (line, cell)
    with pytest.raises(UsageError) as caught:
        getattr(shell, f"run_{kind}_magic")("nas", *arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_cell_makes_a_search_under_its_name(search):
    assert isinstance(search, Search)
    assert search.name == "mine"
    assert search.state is SearchState.NEW
    assert search.data.name == "tiny"
    assert search.budget.max_trials == 2


def test_a_cell_takes_the_default_data(shell):
    nas_nb.use(tiny_data())
    shell.run_cell_magic("nas", f"mine {SHORT} --strategy random --seed 3", CELL)
    assert shell.user_ns["mine"].seed == 3
    assert shell.user_ns["mine"].strategy.name == "random"


def test_a_cell_may_start_its_search_at_once(shell_with_data):
    shell_with_data.run_cell_magic("nas", f"mine {SHORT} --data rows --start", CELL)
    shell_with_data.run_line_magic("nas", "wait")
    assert shell_with_data.user_ns["mine"].state is SearchState.FINISHED


def test_the_line_runs_a_search_from_start_to_report(shell, search, capsys):
    shell.run_line_magic("nas", "start")
    shell.run_line_magic("nas", "wait")
    assert "Finished: max_trials=2 reached. 2 of 2 trials ended." in capsys.readouterr().out
    assert shell.run_line_magic("nas", "best").score == search.best.score
    trials = shell.run_line_magic("nas", "trials")
    assert isinstance(trials, pd.DataFrame)
    assert len(trials) == 2
    assert "Architecture search 'mine'" in repr(shell.run_line_magic("nas", "report"))
    assert "won with val_accuracy" in repr(shell.run_line_magic("nas", "explain"))


def test_without_words_it_says_the_status(shell, search, capsys):
    shell.run_line_magic("nas", "")
    assert capsys.readouterr().out == "mine: Ready to start.\n"


def test_the_panel_is_text_in_a_terminal(shell, search, capsys):
    shell.run_line_magic("nas", "panel")
    assert "`%nas start`" in capsys.readouterr().out


def test_help_is_printed_and_ends_nothing(shell, capsys):
    shell.run_line_magic("nas", "-h")
    shell.run_cell_magic("nas", "-h", CELL)
    out = capsys.readouterr().out
    assert "usage: %nas" in out
    assert "usage: %%nas NAME" in out
    assert "%nas" in shell.magics_manager.magics["line"]["nas"].__doc__


def test_a_data_set_becomes_the_default(shell_with_data, capsys):
    shell_with_data.run_line_magic("nas", "data rows")
    assert nas_nb.data.default_data() is shell_with_data.user_ns["rows"]
    shell_with_data.run_line_magic("nas", "data wine")
    assert nas_nb.data.default_data().name == "wine"
    assert "Default data: tiny" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("stat", "Did you mean 'start'?"),
        ("data", "which one?"),
        ("data digitz", "'digitz' is no variable and no data set"),
        ("data digitz", "Did you mean 'digits'?"),
        ("data number", "'number' is not data"),
        ("stop it", "takes no argument"),
    ],
)
def test_a_bad_line_is_refused_in_one_line(shell, line, message):
    shell.user_ns["number"] = 3
    assert message in refusal(shell, line)


@pytest.mark.parametrize(
    ("line", "cell", "message"),
    [
        (f"9mine {SHORT} --data rows", CELL, "'9mine' is no name"),
        (f"mine {SHORT} --data row", CELL, "Did you mean 'rows'?"),
        (f"mine {SHORT} --data rows --strategy evolutoin", CELL, "Did you mean 'evolution'?"),
        ("mine --data rows", CELL, "no budget"),
        (f"mine {SHORT} --data rows --option population", CELL, "takes NAME=VALUE"),
        (f"mine {SHORT} --data rows", "x = 1", "Expected one search space"),
        (f"mine {SHORT} --data rows --max-time abc", CELL, "no duration"),
    ],
)
def test_a_bad_cell_is_refused_in_one_line(shell_with_data, line, cell, message):
    assert message in refusal(shell_with_data, line, cell)
    assert "mine" not in shell_with_data.user_ns


def test_what_a_search_can_not_do_now_is_refused_in_one_line(shell, search):
    assert "nothing to stop" in refusal(shell, "stop")
    assert "no incumbent yet" in refusal(shell, "best")


def test_advice_is_given_in_magics(shell, search):
    assert refusal(shell, "best").endswith("run it: `%nas start`.")


def test_what_is_asked_for_is_answered_in_one_line(shell, search, capsys):
    search.configure(max_trials=1000, epochs=1000)
    for action in ("start", "pause", "resume", "stop"):
        shell.run_line_magic("nas", action)
        assert capsys.readouterr().out.count("\n") == 1
    search.wait()
    assert search.state is SearchState.STOPPED


def test_a_folder_is_opened_again(shell, tmp_path):
    who = "--strategy evolution --option population=3 --option sample=2"
    line = f"mine {SHORT} --data wine --directory kept {who}"
    shell.run_cell_magic("nas", f"{line} --start", CELL)
    shell.run_line_magic("nas", "wait")
    opened = shell.run_line_magic("nas", "open kept")
    assert opened.strategy.options == {"population": 3, "sample": 2, "inherit_weights": False}
    assert len(opened.history.completed) == 2
    assert "which folder" in refusal(shell, "open")
    assert "There is no search" in refusal(shell, "open nowhere")


def test_an_error_of_the_users_own_code_is_not_shortened(shell):
    with pytest.raises(ZeroDivisionError):
        shell.run_cell_magic("nas", f"mine {SHORT}", "1 / 0")


def test_the_status_says_in_its_line_what_auto_chose(shell, search, capsys):
    search.configure(strategy="auto", max_trials=1, epochs=1)
    search.run()
    capsys.readouterr()
    shell.run_line_magic("nas", "")
    said = capsys.readouterr().out
    assert said.endswith(f" auto: {search.strategy_reason}\n")
    assert said.count("\n") == 1


CHOICES = "{'layers': ['Dense'], 'units': [2], 'activations': ['relu']}"


def test_a_dict_at_the_end_is_the_space(shell):
    assert space_of_cell(shell, CHOICES)["units"] == [2]


def test_the_only_dict_that_is_assigned_is_the_space(shell):
    body = f"widths = [2, 3]\nchoices = {CHOICES}\nchoices['units'] = widths"
    assert space_of_cell(shell, body)["units"] == [2, 3]


def test_a_build_function_is_the_space_whatever_else_is_there(shell):
    space = space_of_cell(shell, f"other = {CHOICES}\ndef build(hp):\n    return hp\n")
    assert space is shell.user_ns["build"]


def test_the_cell_sees_the_notebooks_variables(shell):
    shell.user_ns["widths"] = [5]
    assert space_of_cell(shell, "dict(units=widths)") == {"units": [5]}


def test_a_build_function_of_an_earlier_cell_does_not_count(shell):
    shell.user_ns["build"] = print
    with pytest.raises(SpaceError, match="Received: none"):
        space_of_cell(shell, "x = 1")


@pytest.mark.parametrize(("body", "found"), [("", "none"), ("a = {}\nb = {}", "a, b")])
def test_no_space_and_two_spaces_are_refused(shell, body, found):
    with pytest.raises(SpaceError, match=found):
        space_of_cell(shell, body)


def test_an_error_of_the_cell_shows_its_line(shell):
    with pytest.raises(ZeroDivisionError) as caught:
        space_of_cell(shell, "x = 1\ny = x / 0\n")
    assert "y = x / 0" in "".join(traceback.format_exception(caught.value))


@pytest.fixture
def small(shell, tmp_path):
    return tiny_search(tmp_path / "mine", max_trials=2, epochs=1)


def steer(shell, line: str) -> None:
    shell.run_line_magic("nas", line)


def test_lines_restrict_the_space_and_say_what_is_left(shell, small, capsys):
    steer(shell, "pin units=2,3")
    steer(shell, "without activation_1=tanh")
    assert small.space_left == 4
    said = capsys.readouterr().out.splitlines()[-1]
    assert said == (
        "tiny: units pinned to 2, 3; activation_1 without tanh; 4 of 12 architectures are left."
    )
    steer(shell, "unrestrict units")
    steer(shell, "at_least units=4")
    assert [str(rule) for rule in small.steer.rules] == [
        "activation_1 without tanh",
        "units at least 4",
    ]
    steer(shell, "unrestrict")
    assert small.space_left == 12


def test_a_line_queues_the_incumbent_with_other_choices(shell, small, capsys):
    steer(shell, "queue units_1=4")
    assert small.steer.queued[0].values == small.space.domain.complete({"units_1": 4})
    assert "1 of yours wait" in capsys.readouterr().out
    small.run()
    best = small.history.incumbent
    steer(shell, "queue learning_rate=0.1 activation_1=tanh")
    changed = {**best.values, "learning_rate": 0.1, "activation_1": "tanh"}
    assert small.steer.queued[0].values == changed
    steer(shell, "unqueue")
    steer(shell, f"more_epochs {best.number} 3")
    assert small.steer.queued[0].parent == best.number


def test_lines_change_strategy_and_budget(shell, small):
    steer(shell, "strategy evolution population=6 sample=3")
    steer(shell, "budget max_trials=7 max_time='2 min'")
    assert small.strategy.options == {
        **small.strategy.options,
        "population": 6,
        "sample": 3,
    }
    assert (small.budget.max_trials, small.budget.max_time_s) == (7, 120)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("pin", "takes NAME=VALUE"),
        ("pin units", "Received: 'units'"),
        ("pin unitz=3", "Did you mean 'units'"),
        ("budget max_trails=3", "Did you mean 'max_trials'"),
        ("more_epochs 3", "a trial and how many epochs"),
        ("strategy", "which one"),
        ("stop_trial", "no trial to stop"),
        ("unqueue 3", "takes no argument"),
        ("start now", "takes no argument"),
        ("replay a b", "takes one argument"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(shell, small, line, words):
    with pytest.raises(UsageError, match=words) as caught:
        steer(shell, line)
    assert "\n" not in str(caught.value)
    assert small.space_left == 12


def test_a_line_plays_the_current_search_back(shell, small):
    small.run()
    played = shell.run_line_magic("nas", "replay")
    assert len(played) == 2
    assert played.to(1).finished == small.history.finished[:1]


def test_choices_are_offered_on_tab(small):
    offered = magic_arguments.candidates("%nas pin depth=1 un", "un", {})
    assert offered == ["units_1="]
    assert "evolution" in magic_arguments.candidates("%nas strategy ", "", {})
