from __future__ import annotations

import pytest

from nas_nb.errors import NasError
from nas_nb.notebook.panel.trials_tab import matching
from tests.notebook.fakes import FAILED, add_trial, history_of


@pytest.fixture(scope="module")
def trials():
    history = history_of()
    add_trial(history, 0.5, depth=1, layer_1="Conv2D", units_1=32)
    add_trial(history, 0.9, depth=2, layer_1="Dense", units_1=64)
    add_trial(history, FAILED, depth=2, layer_1="Dense", units_1=32)
    return history.trials


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [0, 1, 2]),
        ("conv2d", [0]),
        ("Dense units_1=32", [2]),
        ("units_1!=32", [1]),
        ("depth=2 score>0.8", [1]),
        ("score<=0.5", [0]),
        ("params>=1234", [0, 1]),
        ("params<1000", []),
        ("trial>0", [1, 2]),
        ("failed", [2]),
        ("status=completed", [0, 1]),
        ("<deep>", [2]),
        ("nothing=1", []),
    ],
)
def test_words_and_conditions_must_all_hold(trials, text, expected):
    assert [trial.number for trial in matching(trials, text)] == expected


def test_a_condition_that_compares_with_a_word_is_refused(trials):
    with pytest.raises(NasError, match=r"number after .score>.\. Received: high"):
        matching(trials, "score>high")
