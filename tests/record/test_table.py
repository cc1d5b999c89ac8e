from __future__ import annotations

import pandas as pd

from nas_nb.record.dataframe import FACTS, FIRST, LAST, trials_frame
from nas_nb.record.history import History
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
