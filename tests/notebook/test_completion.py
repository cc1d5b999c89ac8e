from __future__ import annotations

import pytest
from IPython.core.completer import provisionalcompleter

from nas_nb.notebook.magic_arguments import candidates
from nas_nb.record.history import History


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
