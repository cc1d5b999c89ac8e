from __future__ import annotations

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError

from nas_nb.notebook import magic_arguments
from nas_nb.notebook.magic_arguments import candidates
from nas_nb.record.history import History


def test_a_line_without_words_asks_for_the_status():
    asked = magic_arguments.line_parser().read("")
    assert (asked.action, asked.words) == ("status", [])


def test_a_cells_line_gives_a_name_and_options():
    line = "mine --max-time '2 min' --max-trials 7 --seed 0 --start"
    asked = vars(magic_arguments.cell_parser().read(line))
    given = {name: value for name, value in asked.items() if value is not None}
    assert given == {
        "name": "mine",
        "max_time": "2 min",
        "max_trials": 7,
        "seed": 0,
        "start": True,
    }


@pytest.mark.parametrize(
    ("parser", "line", "message"),
    [
        (magic_arguments.line_parser, "stat", "there is no 'stat'. Did you mean 'start'?"),
        (magic_arguments.cell_parser, "", "the following arguments are required: name"),
        (magic_arguments.cell_parser, "s --max-trails 3", "Did you mean '--max-trials'?"),
        (magic_arguments.cell_parser, "s --seed x", "argument --seed: invalid int value: 'x'"),
        (magic_arguments.cell_parser, "s --data", "argument --data: expected one argument"),
        (magic_arguments.cell_parser, "s --max-time '2 min", "No closing quotation"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(parser, line, message):
    with pytest.raises(UsageError) as caught:
        parser().read(line)
    text = str(caught.value)
    assert message in text
    assert "\n" not in text
    assert text.endswith("nas -h`.")


@pytest.mark.parametrize("parser", [magic_arguments.line_parser, magic_arguments.cell_parser])
def test_help_is_handed_over_and_exits_nothing(parser):
    with pytest.raises(magic_arguments.HelpAsked, match=r"usage: %%?nas"):
        parser().read("-h")


def test_the_help_names_every_action_and_option():
    text = magic_arguments.help_text()
    for word in (*magic_arguments.ACTIONS, *magic_arguments.cell_parser().options()):
        assert word in text


def complete(shell, code, position=None):
    with provisionalcompleter():
        end = len(code) if position is None else position
        return [one.text for one in shell.Completer.completions(code, end)]


@pytest.mark.parametrize(
    ("text", "token", "expected"),
    [
        ("%nas sta", "sta", ["status", "start"]),
        ("x = %nas be", "be", ["best"]),
        ("%nas data di", "di", ["digits", "diabetes"]),
        ("%nas stop ", "", []),
        ("%%nas mine --st", "--st", ["--strategy", "--start"]),
        ("%%nas mine --strategy ev", "ev", ["evolution"]),
        ("%%nas mine --data w", "w", ["waves", "wine"]),
        ("%%nas mine --start --s", "--s", ["--strategy", "--seed"]),
        ("%%nas ", "", []),
        ("nas", "nas", []),
        ("%nasty st", "st", []),
    ],
)
def test_what_may_stand_at_the_cursor(text, token, expected):
    assert candidates(text, token, {}) == expected


def test_variables_that_hold_data_are_offered():
    from nas_nb.data.datasets import load

    assert "my_rows" in candidates("%nas data my", "my", {"my_rows": load("wine"), "my_x": 1})


def test_the_shell_offers_ours_alone(shell):
    shell.user_ns["steps"] = History()
    assert complete(shell, "%nas sta") == ["start", "status"]
    assert complete(shell, "%%nas mine --ep\n{}", len("%%nas mine --ep")) == ["--epochs"]


def test_the_rest_of_the_shell_is_left_alone(shell):
    assert "print" in complete(shell, "prin")
    assert "%nas" in complete(shell, "%na")


def test_unloading_takes_it_away(shell):
    before = len(shell.Completer.custom_matchers)
    shell.run_line_magic("reload_ext", "nas_nb")
    assert len(shell.Completer.custom_matchers) == before
    shell.run_line_magic("unload_ext", "nas_nb")
    assert len(shell.Completer.custom_matchers) == before - 1


def test_folders_of_searches_are_offered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("1-wine", "2-wine", "3-nothing"):
        (tmp_path / "nas_nb_runs" / name).mkdir(parents=True)
        if "wine" in name:
            (tmp_path / "nas_nb_runs" / name / "journal.jsonl").touch()
    assert candidates("%nas open ", "", {}) == ["nas_nb_runs/2-wine", "nas_nb_runs/1-wine"]
