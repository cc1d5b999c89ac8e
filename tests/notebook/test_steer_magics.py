from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from nas_nb.notebook import magic_arguments
from tests.search.tiny import tiny_search


@pytest.fixture
def search(shell, tmp_path):
    return tiny_search(tmp_path / "mine", max_trials=2, epochs=1)


def steer(shell, line: str) -> None:
    shell.run_line_magic("nas", line)


def test_lines_restrict_the_space_and_say_what_is_left(shell, search, capsys):
    steer(shell, "pin units=2,3")
    steer(shell, "without activation_1=tanh")
    assert search.space_left == 4
    said = capsys.readouterr().out.splitlines()[-1]
    assert said == (
        "tiny: units pinned to 2, 3; activation_1 without tanh; 4 of 12 architectures are left."
    )
    steer(shell, "unrestrict units")
    steer(shell, "at_least units=4")
    assert [str(rule) for rule in search.steer.rules] == [
        "activation_1 without tanh",
        "units at least 4",
    ]
    steer(shell, "unrestrict")
    assert search.space_left == 12


def test_a_line_queues_the_incumbent_with_other_choices(shell, search, capsys):
    steer(shell, "queue units_1=4")
    assert search.steer.queued[0].values == search.space.domain.complete({"units_1": 4})
    assert "1 of yours wait" in capsys.readouterr().out
    search.run()
    best = search.history.incumbent
    steer(shell, "queue learning_rate=0.1 activation_1=tanh")
    changed = {**best.values, "learning_rate": 0.1, "activation_1": "tanh"}
    assert search.steer.queued[0].values == changed
    steer(shell, "unqueue")
    steer(shell, f"more_epochs {best.number} 3")
    assert search.steer.queued[0].parent == best.number


def test_lines_change_strategy_and_budget(shell, search):
    steer(shell, "strategy evolution population=6 sample=3")
    steer(shell, "budget max_trials=7 max_time='2 min'")
    assert search.strategy.options == {**search.strategy.options, "population": 6, "sample": 3}
    assert (search.budget.max_trials, search.budget.max_time_s) == (7, 120)


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
def test_what_does_not_fit_is_said_in_one_line(shell, search, line, words):
    with pytest.raises(UsageError, match=words) as caught:
        steer(shell, line)
    assert "\n" not in str(caught.value)
    assert search.space_left == 12


def test_a_line_plays_the_current_search_back(shell, search):
    search.run()
    played = shell.run_line_magic("nas", "replay")
    assert len(played) == 2
    assert played.to(1).finished == search.history.finished[:1]


def test_choices_are_offered_on_tab(search):
    offered = magic_arguments.candidates("%nas pin depth=1 un", "un", {})
    assert offered == ["units_1="]
    assert "evolution" in magic_arguments.candidates("%nas strategy ", "", {})
