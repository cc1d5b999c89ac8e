from __future__ import annotations

import math
import pickle
import tracemalloc

import pytest

from nas_nb.errors import JournalError
from nas_nb.record.history import History
from nas_nb.record.journal import Journal
from nas_nb.record.trial import Trial, TrialStatus
from tests.record.logbook import (
    complete,
    end,
    fail,
    numbers,
    open_session,
    opened,
    propose,
    start,
)


def test_an_empty_history_has_nothing() -> None:
    history = History()
    assert len(history) == 0
    assert history.trials == history.completed == history.unfinished == ()
    assert history.incumbent is None
    assert history.running is None
    assert history.failures_in_a_row == (0, None)
    assert history.pareto_front("score", "params").trials == ()


def test_the_opening_says_what_is_compared() -> None:
    history = opened("min", "val_loss", seed=5).history
    assert (history.objective, history.direction, history.seed) == ("val_loss", "min", 5)
    assert history.opened[0]["objective"] == "val_loss"


def test_a_trial_is_followed_from_proposal_to_score() -> None:
    journal = opened()
    number = propose(journal, units=32)
    assert journal.history[number].status == TrialStatus.PROPOSED
    journal.append("trial_started", trial=0, attempt=1, seed=9, epochs=2, time=100.0)
    journal.append("trial_built", trial=0, costs={"params": 10}, note="slow path")
    journal.append("epoch_ended", trial=0, epoch=1, logs={"loss": 2.0}, duration_s=0.5)
    running = journal.history.running
    assert running is not None
    assert (running.epochs, running.status, running.duration_s) == (1, "running", 0.5)
    end(journal, 0, score=0.75, duration_s=0.9, checkpoint="0.weights.h5", time=101.0)
    trial = journal.history[0]
    assert trial.values == {"units": 32}
    assert (trial.status, trial.score, trial.origin) == ("completed", 0.75, "test")
    assert (trial.attempt, trial.seed, trial.epochs_granted) == (1, 9, 2)
    assert trial.curve == ({"loss": 2.0},)
    assert (trial.costs, trial.note) == ({"params": 10}, "slow path")
    assert (trial.duration_s, trial.started, trial.ended) == (0.9, 100.0, 101.0)
    assert trial.checkpoint == "0.weights.h5"
    assert journal.history.running is None


def test_a_snapshot_does_not_change_when_the_search_goes_on() -> None:
    journal = opened()
    start(journal)
    before = journal.history.trials
    journal.append("epoch_ended", trial=0, epoch=1, logs={"loss": 1.0})
    end(journal, 0, score=1.0)
    assert before[0].status == "running"
    assert before[0].epochs == 0
    assert journal.history.trials[0].status == "completed"


def test_trials_are_sorted_into_completed_finished_and_unfinished() -> None:
    journal = opened()
    complete(journal, 0.5)
    fail(journal, "shape")
    end(journal, start(journal), "stopped", reason="by the user")
    start(journal)
    propose(journal)
    history = journal.history
    assert numbers(history.completed) == [0]
    assert numbers(history.finished) == [0, 1]
    assert numbers(history.unfinished) == [2, 3, 4]
    assert numbers(history) == numbers(history.trials) == [0, 1, 2, 3, 4]


def test_the_incumbent_is_the_first_of_the_best() -> None:
    for direction, scores, best in (
        ("max", [0.1, 0.9, 0.5, 0.9], 1),
        ("min", [0.9, 0.1, 0.5, 0.1], 1),
    ):
        journal = opened(direction)
        for score in scores:
            complete(journal, score)
        assert journal.history.incumbent is not None
        assert journal.history.incumbent.number == best
        assert journal.history.incumbent_path == ((0, scores[0]), (1, scores[1]))


@pytest.mark.parametrize("direction", ["max", "min"])
def test_of_equal_scores_the_smaller_model_is_the_incumbent(direction: str) -> None:
    journal = opened(direction)
    worse = 0.1 if direction == "max" else 0.9
    for score, params in ((0.5, None), (0.5, 300), (0.5, 200), (0.5, 250), (0.5, 200), (worse, 1)):
        complete(journal, score, None if params is None else {"params": params})
    history = journal.history
    assert history.incumbent is not None
    assert history.incumbent.number == 2
    assert [number for number, _ in history.incumbent_path] == [0, 1, 2]
    assert [t.number for t in sorted(history.completed, key=history.rank)] == [2, 4, 3, 1, 0, 5]


@pytest.mark.parametrize("score", [None, math.nan, math.inf, -math.inf])
def test_a_score_that_cannot_be_compared_never_leads(score: float | None) -> None:
    for direction in ("max", "min"):
        journal = opened(direction)
        complete(journal, score)
        assert len(journal.history.incumbent_path) == 0
        complete(journal, 0.5)
        complete(journal, score)
        assert list(journal.history.incumbent_path) == [(1, 0.5)]
        assert not journal.history.is_better(score, 0.5)
        assert journal.history.is_better(0.5, score)


def test_better_compares_trials_and_scores_alike() -> None:
    journal = opened()
    complete(journal, 0.1)
    complete(journal, 0.2)
    low, high = journal.history.trials
    assert journal.history.is_better(high, low)
    assert journal.history.is_better(0.3, high)
    assert not journal.history.is_better(high, high)
    assert not journal.history.is_better(None, None)


def test_values_count_as_tried_from_their_proposal_on() -> None:
    journal = opened()
    assert not journal.history.has_tried({"a": 1, "b": 2.0})
    propose(journal, a=1, b=2.0)
    assert journal.history.has_tried({"b": 2.0, "a": 1})
    assert not journal.history.has_tried({"a": 1, "b": 2})


def test_the_pareto_front_follows_the_direction_of_the_score() -> None:
    points = [(0.9, 100), (0.8, 50), (0.7, 60), (0.9, 90), (0.1, 10)]
    for direction, sign in (("max", 1), ("min", -1)):
        journal = opened(direction)
        for score, params in points:
            complete(journal, sign * score, {"params": params})
        assert numbers(journal.history.pareto_front("score", "params").trials) == [3, 1, 4]


def test_a_trial_without_the_cost_is_not_on_the_front() -> None:
    journal = opened()
    complete(journal, 0.9)
    complete(journal, 0.5, {"params": 10})
    complete(journal, math.nan, {"params": 1})
    assert numbers(journal.history.pareto_front("score", "params").trials) == [1]
    assert numbers(journal.history.pareto_front("score").trials) == [0]


def test_an_unknown_objective_names_the_nearest() -> None:
    journal = opened()
    complete(journal, 0.5, {"params": 10})
    with pytest.raises(JournalError, match="Did you mean 'params'"):
        journal.history.pareto_front("score", "param")


def test_an_unknown_number_is_refused() -> None:
    for number in (-1, 1):
        with pytest.raises(JournalError, match="one of 1 trials"):
            _ = (journal := opened(), propose(journal), journal.history[number])


def test_the_scores_of_a_journal_have_one_objective() -> None:
    journal = opened("max", "val_accuracy")
    open_session(journal, "min", "val_loss")
    complete(journal, 0.5)
    with pytest.raises(JournalError, match=r"val_loss \(min\).*Received: val_accuracy \(max\)"):
        open_session(journal, "max", "val_accuracy")


def test_trials_can_be_put_into_sets() -> None:
    journal = opened()
    complete(journal, 0.5)
    assert len({*journal.history.trials, *journal.history.completed}) == 1


def test_a_journal_in_memory_has_no_file() -> None:
    assert Journal.in_memory().path is None


def test_the_steps_of_an_epoch_are_known_where_the_journal_tells() -> None:
    assert opened(steps_per_epoch=34).history.steps_per_epoch == 34
    assert opened().history.steps_per_epoch is None
    with pytest.raises(JournalError, match="steps_per_epoch"):
        opened(steps_per_epoch="34")


def logs_of(epochs: int) -> list[dict[str, float]]:
    return [{"loss": 1 / (epoch + 1), "val_loss": math.nan} for epoch in range(epochs)]


def trial_with(logs: list[dict[str, float]]) -> Trial:
    journal = opened()
    start(journal)
    for epoch, measured in enumerate(logs, start=1):
        journal.append("epoch_ended", trial=0, epoch=epoch, logs=measured)
    return journal.history[0]


@pytest.mark.parametrize(
    "logs",
    [
        logs_of(3),
        [{"loss": 0.5}, {"loss": 0.25, "lr": 0.1}, {"lr": 0.1}],
        [{}, {"loss": 0.5}],
        [{"loss": 1}, {"loss": 2**60 + 1}],
        [],
    ],
)
def test_a_curve_reads_as_a_tuple_of_what_was_measured(logs: list[dict[str, float]]) -> None:
    curve = trial_with(logs).curve
    assert repr(curve) == repr(tuple(logs))
    assert repr(list(curve)) == repr(logs)
    assert len(curve) == len(logs)
    assert repr(curve[1:]) == repr(tuple(logs[1:]))
    assert curve == trial_with(logs).curve == pickle.loads(pickle.dumps(curve))
    if logs:
        assert repr(curve[-1]) == repr(logs[-1])
        assert curve != trial_with(logs[:-1]).curve
    with pytest.raises(IndexError):
        curve[len(logs)]


def test_a_curve_stays_as_it_was_while_its_trial_goes_on() -> None:
    journal = opened()
    start(journal)
    for epoch, measured in enumerate(logs_of(3), start=1):
        journal.append("epoch_ended", trial=0, epoch=epoch, logs=measured)
    running = journal.history[0].curve
    end(journal, 0, "failed", reason="x")
    failed = journal.history[0].curve
    journal.append("trial_started", trial=0, from_epoch=1)
    journal.append("epoch_ended", trial=0, epoch=2, logs={"loss": 7.0, "val_loss": 7.0})
    assert repr(running) == repr(failed) == repr(tuple(logs_of(3)))
    assert [logs["loss"] for logs in journal.history[0].curve] == [1.0, 7.0]
    assert not hasattr(running, "append")


def test_learning_curves_of_many_trials_take_little_memory() -> None:
    tracemalloc.start()
    try:
        journal = opened()
        for number in range(300):
            start(journal, units=number, activation="relu")
            for epoch in range(1, 11):
                logs = dict.fromkeys(("loss", "accuracy", "val_loss", "val_accuracy"), number / 7)
                journal.append("epoch_ended", trial=number, epoch=epoch, logs=logs)
            end(journal, number, score=number / 7)
        assert len(journal.history.trials) == 300
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 300 * 3_000
