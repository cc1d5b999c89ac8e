from __future__ import annotations

import pytest

from nas_nb.record.history import History
from nas_nb.record.uncertainty import score_error, share_error, tied, within_error
from tests.notebook.fakes import add_trial, history_of, tell


def measured(*scores, rows=100, objective="val_accuracy"):
    history = History()
    opening = {"seed": 0, "objective": objective, "direction": "max", "validation_rows": rows}
    tell(history, "search_opened", **opening)
    for score in scores:
        add_trial(history, score)
    return history


def test_the_error_of_a_share_is_the_binomial_one_and_never_none_at_all():
    assert share_error(0.5, 100) == pytest.approx(0.05)
    assert share_error(0.9861, 360) == pytest.approx(0.00617, abs=1e-5)
    assert [share_error(p, 100) for p in (0.0, 1.0)] == pytest.approx([0.00705] * 2, abs=1e-5)


@pytest.mark.parametrize(
    "objective", ["val_accuracy", "val_acc", "val_binary_accuracy", "val_top_k_accuracy"]
)
def test_an_accuracy_on_the_validation_rows_has_an_error(objective):
    history = measured(0.5, objective=objective)
    assert score_error(history, history[0]) == pytest.approx(0.05)


@pytest.mark.parametrize("objective", ["val_loss", "accuracy", "val_auc", "val_accuracy_gap"])
def test_what_is_no_share_of_the_validation_rows_has_none(objective):
    history = measured(0.5, objective=objective)
    assert score_error(history, history[0]) is None


def test_without_known_rows_there_is_no_error():
    history = history_of(0.5)
    assert score_error(history, history[0]) is None
    assert within_error(history) == 0


def test_ties_and_near_ties_of_the_incumbent_are_found():
    history = measured(0.9, 0.5, 0.88, 0.9)
    assert {trial.score for trial in tied(history)} == {0.9}
    assert len(tied(history)) == 1
    assert within_error(history) == 2
    assert tied(measured()) == ()
