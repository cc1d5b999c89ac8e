from __future__ import annotations

import pandas as pd
import pytest

from nas_nb.record.history import History
from nas_nb.record.trial_facts import (
    FACTS,
    FIRST,
    LAST,
    changed_values,
    error_text,
    noise,
    number_text,
    origin_text,
    score_error,
    share_error,
    tied,
    trials_frame,
    trials_text,
    within_noise,
)
from tests.notebook.fakes import add_trial, history_of, tell
from tests.record.logbook import complete, end, fail, opened, propose, start


def test_no_trials_make_an_empty_table_with_its_columns() -> None:
    frame = trials_frame(History())
    assert list(frame.columns) == list(FACTS)
    assert frame.index.name == "trial"
    assert len(frame) == 0


def test_each_trial_is_a_row_with_its_values_and_facts() -> None:
    journal = opened()
    number = start(journal, depth=1, units_1=32)
    journal.append("trial_built", trial=number, costs={"params": 10})
    journal.append("epoch_ended", trial=number, epoch=1, logs={"loss": 1.0}, duration_s=0.5)
    end(journal, number, score=0.75, duration_s=0.6)
    fail(journal, "shape")
    frame = trials_frame(journal.history)
    assert list(frame.columns) == [*FIRST, "depth", "units_1", "n", *LAST]
    assert frame.loc[0].to_dict() | {"n": None} == {
        "depth": 1,
        "units_1": 32,
        "n": None,
        "status": "completed",
        "score": 0.75,
        "epochs": 1,
        "params": 10,
        "duration_s": 0.6,
        "reason": None,
        "origin": "test",
        "note": None,
    }
    assert frame.loc[1, "reason"] == "shape"
    assert type(frame.loc[1, "status"]) is str


def test_whole_numbers_stay_whole_where_some_are_missing() -> None:
    journal = opened()
    propose(journal, units=32, rate=0.1, flag=True)
    propose(journal, kind="Dense")
    frame = trials_frame(journal.history)
    assert str(frame["units"].dtype) == "Int64"
    assert str(frame["flag"].dtype) == "boolean"
    assert str(frame["score"].dtype) == "float64"
    assert frame["units"][0] == 32
    assert pd.isna(frame["units"][1])
    assert pd.isna(frame["rate"][1])


def test_a_value_that_is_called_like_a_fact_has_its_own_column() -> None:
    journal = opened()
    end(journal, start(journal, score=3), score=0.5)
    frame = trials_frame(journal.history)
    assert frame.loc[0, "score"] == 0.5
    assert frame.loc[0, "score (value)"] == 3


def test_the_best_trial_is_found_with_pandas() -> None:
    journal = opened()
    for score in (0.1, 0.9, 0.5):
        complete(journal, score)
    assert trials_frame(journal.history)["score"].idxmax() == 1


def test_columns_stand_in_the_order_that_is_asked_for() -> None:
    journal = opened()
    propose(journal, depth=1, late=2, first=3)
    names = list(trials_frame(journal.history, ("first", "absent", "depth")).columns)[len(FIRST) :]
    assert names[:3] == ["first", "depth", "late"]


def test_fidelities_and_parents_have_columns_where_they_are_used() -> None:
    journal = opened(fidelity={"epochs": 4, "batch_size": 8, "data_fraction": 0.5})
    complete(journal, 0.5)
    journal.append(
        "trial_proposed",
        trial=1,
        values={"n": 0},
        origin="test",
        fidelity={"data_fraction": 1.0, "executions_per_trial": 2},
        parent=0,
    )
    journal.append("trial_started", trial=1, epochs=4)
    for epoch, (score, spread) in enumerate([(0.5, 0.2), (0.75, 0.1), (0.6, 0.3)], start=1):
        logs = {"val_accuracy": score, "val_accuracy_spread": spread}
        journal.append("epoch_ended", trial=1, epoch=epoch, logs=logs)
    end(journal, 1, score=0.75)
    frame = trials_frame(journal.history)
    assert list(frame["data_fraction"]) == [0.5, 1.0]
    assert "resolution" not in frame
    assert frame.loc[1, ["executions_per_trial", "spread", "parent"]].tolist() == [2, 0.1, 0]
    assert frame.loc[0, ["executions_per_trial", "spread", "parent"]].isna().all()


def test_an_epoch_of_repeats_is_spent_once_for_each() -> None:
    journal = opened(fidelity={"executions_per_trial": 3})
    number = start(journal)
    journal.append("epoch_ended", trial=number, epoch=1, logs={})
    assert journal.history.epochs_spent == 3


BRED_FROM = {"depth": 1, "units_1": 32, "rate": 0.00123456}


def bred() -> History:
    journal = opened()
    about = {"origin": "evolution"}
    journal.append("trial_proposed", trial=0, values=BRED_FROM, how="drawn", **about)
    second = {**BRED_FROM, "units_1": 64}
    journal.append("trial_proposed", trial=1, values=second, how="mutated", ancestors=[0], **about)
    third = {"depth": 2, "units_1": 64, "units_2": 8, "rate": 0.1}
    crossed = {"origin": "nsga2", "how": "crossed", "ancestors": [1, 0]}
    journal.append("trial_proposed", trial=2, values=third, **crossed)
    journal.append("trial_proposed", trial=3, values=third, origin="asha", parent=2)
    journal.append("trial_proposed", trial=4, values=BRED_FROM, origin="mine", parent=2)
    journal.append("trial_proposed", trial=5, values=BRED_FROM, origin="grid")
    return journal.history


def test_the_origin_says_how_an_architecture_was_found_and_what_was_changed() -> None:
    history = bred()
    assert [origin_text(trial, history) for trial in history] == [
        "evolution: drawn",
        "evolution: mutated from trial 0 (units_1: 32 → 64)",
        "nsga2: crossed from trials 1 and 0 (depth: 1 → 2, units_2: none → 8, "
        "rate: 0.001235 → 0.1)",
        "asha: continued from trial 2",
        "mine: changed from trial 2 (depth: 2 → 1, units_1: 64 → 32, rate: 0.1 → 0.001235, "
        "units_2: 8 → none)",
        "grid",
    ]
    assert list(trials_frame(history)["origin"])[1].startswith("evolution: mutated from trial 0")


def test_ancestors_say_nothing_of_weights() -> None:
    second = bred()[1]
    assert (second.how, second.ancestors, second.parent) == ("mutated", (0,), None)


def test_an_ancestor_that_never_was_is_left_out() -> None:
    journal = opened()
    about = {"how": "mutated", "ancestors": [3, "x", 0]}
    journal.append("trial_proposed", trial=0, values=BRED_FROM, origin="x", **about)
    assert journal.history[0].ancestors == ()


def test_choices_that_are_not_made_are_none() -> None:
    assert changed_values({"a": 1, "b": 2}, {"a": 1, "c": 3}) == {"c": (None, 3), "b": (2, None)}


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
    assert within_noise(history) is None


def test_ties_and_near_ties_of_the_incumbent_are_found():
    # 100 rows: 1.96 sqrt(0.03² + 0.038²) = 0.096 from the third, 0.098 from the last.
    history = measured(0.9, 0.5, 0.82, 0.9, 0.80)
    assert {trial.score for trial in tied(history)} == {0.9}
    assert len(tied(history)) == 1
    assert [trial.number for trial in within_noise(history) or ()] == [2, 3]
    assert [t.number for t in within_noise(history, 0.2) or ()] == [1, 2, 3, 4]
    assert tied(measured()) == ()


def test_noise_is_half_the_95_percent_interval_of_a_difference():
    assert noise(0.03, 0.04) == pytest.approx(1.96 * 0.05)
    assert noise(0.1, degrees=2) == pytest.approx(0.43027, rel=1e-4)  # Student's t of 3 seeds
    assert noise(0.0, 0.0) == 0


@pytest.mark.parametrize(
    ("error", "text"),
    [(0.0104, "0.010"), (0.0996, "0.10"), (12.34, "12"), (123.4, "120"), (0.0, "0")],
)
def test_errors_keep_two_digits(error: float, text: str) -> None:
    assert error_text(error) == text


def test_trials_are_listed_with_an_and_before_the_last():
    trials = history_of(*[0.5] * 5).completed
    told = [trials_text(trials[:count]) for count in (1, 2, 3, 5)]
    assert told == ["trial 0", "trials 0 and 1", "trials 0, 1 and 2", "trials 0, 1, 2 and 2 more"]


@pytest.mark.parametrize(
    ("number", "text"), [(0.97222, "0.9722"), (0.0, "0.0000"), (1.5e-5, "1.500e-05"), (None, "")]
)
def test_numbers_keep_four_digits(number: float | None, text: str) -> None:
    assert number_text(number) == text
