from __future__ import annotations

import math
import threading
from collections.abc import Iterator

import pytest

from nas_nb.errors import JournalError
from nas_nb.record import Event, History, Journal, TrialStatus, fold
from tests.record.logbook import (
    complete,
    end,
    everything,
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
    assert history.pareto_front("score", "params") == ()


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


def test_failures_are_counted_while_their_reason_stays_the_same() -> None:
    journal = opened()
    counts = []
    for reason in ("x", "y", "y", "y"):
        fail(journal, reason)
        counts.append(journal.history.failures_in_a_row)
    complete(journal, 0.1)
    counts.append(journal.history.failures_in_a_row)
    assert counts == [(1, "x"), (1, "y"), (2, "y"), (3, "y"), (0, None)]


def test_a_resume_and_a_new_session_forgive_the_failures() -> None:
    journal = opened()
    counts = []
    for forgiven in (
        lambda: journal.append("steered", action="pause"),
        lambda: journal.append("steered", action="resume"),
        lambda: open_session(journal),
    ):
        fail(journal, "y")
        forgiven()
        counts.append(journal.history.failures_in_a_row)
    assert counts == [(1, "y"), (0, None), (0, None)]


def test_a_second_attempt_starts_its_curve_afresh() -> None:
    journal = opened()
    start(journal)
    for epoch in (1, 2):
        journal.append("epoch_ended", trial=0, epoch=epoch, logs={"loss": 1.0}, duration_s=1.0)
    end(journal, 0, "stopped", duration_s=2.5)
    journal.append("trial_started", trial=0, attempt=2, seed=7, epochs=3)
    journal.append("epoch_ended", trial=0, epoch=1, logs={"loss": 3.0}, duration_s=1.0)
    trial = journal.history[0]
    assert (trial.attempt, trial.curve) == (2, ({"loss": 3.0},))
    assert journal.history.epochs_spent == 3
    assert journal.history.busy_s == 3.5


def test_an_attempt_that_continues_keeps_the_epochs_before() -> None:
    journal = opened()
    start(journal)
    for epoch in (1, 2):
        journal.append("epoch_ended", trial=0, epoch=epoch, logs={"loss": float(epoch)})
    open_session(journal)
    journal.append("trial_started", trial=0, attempt=2, seed=7, epochs=3, from_epoch=1)
    journal.append("epoch_ended", trial=0, epoch=2, logs={"loss": 5.0})
    assert journal.history[0].curve == ({"loss": 1.0}, {"loss": 5.0})


def test_a_new_session_finds_the_trial_that_its_kernel_cut_off_stopped() -> None:
    journal = opened()
    start(journal)
    journal.append("epoch_ended", trial=0, epoch=1, logs={"loss": 1.0}, duration_s=2.0)
    open_session(journal)
    trial = journal.history[0]
    assert journal.history.running is None
    assert (trial.status, trial.epochs) == ("stopped", 1)
    assert trial.reason is not None
    assert numbers(journal.history.unfinished) == [0]
    assert journal.history.busy_s == 2.0


def test_a_failed_trial_may_be_tried_again() -> None:
    journal = opened()
    fail(journal, "out of memory")
    journal.append("trial_started", trial=0, attempt=2)
    assert numbers(journal.history.finished) == []
    end(journal, 0, score=0.5)
    assert numbers(journal.history.completed) == numbers(journal.history.finished) == [0]
    assert journal.history[0].reason is None


def test_steering_is_kept_in_order() -> None:
    journal = opened()
    journal.append("steered", action="pause")
    journal.append("steered", action="budget", detail={"max_trials": 9})
    assert [event["action"] for event in journal.history.steering] == ["pause", "budget"]
    assert journal.history.steering[1]["detail"] == {"max_trials": 9}


def test_the_version_counts_events() -> None:
    journal = opened()
    before = journal.history.version
    complete(journal, 0.1)
    assert journal.history.version == before + 3


def test_the_pareto_front_follows_the_direction_of_the_score() -> None:
    points = [(0.9, 100), (0.8, 50), (0.7, 60), (0.9, 90), (0.1, 10)]
    for direction, sign in (("max", 1), ("min", -1)):
        journal = opened(direction)
        for score, params in points:
            complete(journal, sign * score, {"params": params})
        assert numbers(journal.history.pareto_front("score", "params")) == [3, 1, 4]


def test_a_trial_without_the_cost_is_not_on_the_front() -> None:
    journal = opened()
    complete(journal, 0.9)
    complete(journal, 0.5, {"params": 10})
    complete(journal, math.nan, {"params": 1})
    assert numbers(journal.history.pareto_front("score", "params")) == [1]
    assert numbers(journal.history.pareto_front("score")) == [0]


def test_an_unknown_objective_names_the_nearest() -> None:
    journal = opened()
    complete(journal, 0.5, {"params": 10})
    with pytest.raises(JournalError, match="Did you mean 'params'"):
        journal.history.pareto_front("score", "param")
    with pytest.raises(JournalError, match="Expected objectives"):
        journal.history.pareto_front()


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


def test_an_event_of_an_unknown_kind_is_counted_and_ignored() -> None:
    history = opened().history
    history.apply({"event": "weather_changed", "time": 0.0})
    assert history.version == 2
    assert len(history) == 0


def test_trials_can_be_put_into_sets() -> None:
    journal = opened()
    complete(journal, 0.5)
    assert len({*journal.history.trials, *journal.history.completed}) == 1


def test_ten_thousand_trials_of_ten_epochs_add_up() -> None:
    trials, epochs = 10_000, 10

    def events() -> Iterator[Event]:
        yield {"event": "search_opened", "objective": "acc", "direction": "max", "seed": 0}
        for n in range(trials):
            yield {"event": "trial_proposed", "trial": n, "values": {"n": n}, "origin": "test"}
            yield {"event": "trial_started", "trial": n, "attempt": 1}
            logs, score = {"acc": n / trials}, {"score": n / trials}
            for epoch in range(1, epochs + 1):
                ended = {"trial": n, "epoch": epoch, "logs": logs, "duration_s": 0.5}
                yield {"event": "epoch_ended", **ended}
            how = {"status": "failed"} if n % 10 == 9 else {"status": "completed", **score}
            yield {"event": "trial_ended", "trial": n, "duration_s": 6.0, **how}

    history = fold(events())
    assert len(history) == len(history.finished) == trials
    assert len(history.completed) == 9_000
    assert history.epochs_spent == trials * epochs
    assert history.busy_s == 6.0 * trials
    assert history.version == 1 + trials * (3 + epochs)
    assert history.incumbent is not None
    assert history.incumbent.number == 9_998
    assert len(history.incumbent_path) == 9_000
    assert all(trial.epochs == epochs for trial in history.trials)


def test_one_thread_may_read_while_another_applies() -> None:
    journal = opened()
    done = threading.Event()
    torn: list[str] = []

    def read() -> None:
        while not done.is_set():
            trials = journal.history.trials
            finished = journal.history.finished
            if numbers(trials) != list(range(len(trials))) or len(finished) > len(journal.history):
                torn.append(everything(journal.history))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for n in range(300):
        complete(journal, n / 300)
    done.set()
    for reader in readers:
        reader.join()
    assert torn == []
    assert len(journal.history.completed) == 300


def test_a_journal_in_memory_has_no_file() -> None:
    assert Journal.in_memory().path is None


def test_what_strategies_prepared_is_kept_in_order() -> None:
    history = History()
    history.apply({"event": "search_opened", "objective": "acc", "direction": "max", "seed": 0})
    for epoch in (1, 2):
        event = {"event": "prepared", "time": 1.0, "strategy": "gradient", "what": "mixing"}
        history.apply({**event, "detail": {"epoch": epoch}})
    assert [event["detail"]["epoch"] for event in history.prepared] == [1, 2]
    assert len(history) == 0
