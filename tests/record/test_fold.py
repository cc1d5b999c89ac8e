from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_nb.record.events import Event
from nas_nb.record.history import History, fold
from nas_nb.record.trial import TrialStatus
from tests.record.logbook import (
    complete,
    end,
    everything,
    fail,
    numbers,
    open_session,
    opened,
    start,
)


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


def test_seconds_of_trials_that_run_at_once_count_once() -> None:
    journal = opened()
    start(journal)
    start(journal)
    assert numbers(journal.history.pending) == [0, 1]
    for number in (0, 1):
        journal.append("epoch_ended", trial=number, epoch=1, logs={"loss": 1.0}, duration_s=2.0)
    end(journal, 0, score=0.5, duration_s=3.0)
    assert journal.history.busy_s == 2.5
    assert journal.history[0].duration_s == 3.0
    end(journal, 1, score=0.5, duration_s=4.0)
    assert journal.history.busy_s == 4.5
    assert journal.history.pending == ()


def test_the_workers_that_a_trial_ended_are_counted_while_it_gets_no_further() -> None:
    journal = opened()
    start(journal)
    deaths = []
    for epoch, exit_code in ((0, -9), (0, 1), (1, -9), (1, None)):
        if epoch > journal.history[0].epochs:
            journal.append("epoch_ended", trial=0, epoch=epoch, logs={"loss": 1.0})
        more = {} if exit_code is None else {"exit_code": exit_code}
        end(journal, 0, "stopped", **more)
        deaths.append(journal.history[0].deaths)
        journal.append("trial_started", trial=0, worker=2, from_epoch=epoch)
    assert deaths == [1, 2, 1, 1]
    assert journal.history[0].worker == 2


def test_a_failed_trial_may_be_tried_again() -> None:
    journal = opened()
    fail(journal, "out of memory")
    journal.append("trial_started", trial=0, attempt=2)
    assert numbers(journal.history.finished) == []
    end(journal, 0, score=0.5)
    assert numbers(journal.history.completed) == numbers(journal.history.finished) == [0]
    assert journal.history[0].reason is None


@given(st.lists(st.sampled_from(["complete", "fail", "again", "read"]), max_size=30))
def test_what_is_read_now_and_then_is_what_is_read_at_once(steps: list[str]) -> None:
    often, once = History(), History()

    def happen(kind: str, **fields: Any) -> None:
        for history in (often, once):
            history.apply({"event": kind, "time": 0.0, **fields})

    happen("search_opened", objective="val_accuracy", direction="max", seed=0)
    for step in steps:
        failed = [trial.number for trial in often.trials if trial.status == TrialStatus.FAILED]
        number = len(often)
        if step == "read":
            assert set(often.completed) <= set(often.finished)
            continue
        if step == "again" and failed:
            number = failed[len(failed) // 2]
        else:
            happen("trial_proposed", trial=number, values={"n": number}, origin="test")
        happen("trial_started", trial=number)
        status = "completed" if step == "complete" else "failed"
        happen(
            "trial_ended", trial=number, status=status, score=0.5 if step == "complete" else None
        )
    assert often.completed == once.completed
    assert often.finished == once.finished


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


def test_an_event_of_an_unknown_kind_is_counted_and_ignored() -> None:
    history = opened().history
    history.apply({"event": "weather_changed", "time": 0.0})
    assert history.version == 2
    assert len(history) == 0


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


def test_what_strategies_prepared_is_kept_in_order() -> None:
    history = History()
    history.apply({"event": "search_opened", "objective": "acc", "direction": "max", "seed": 0})
    for epoch in (1, 2):
        event = {"event": "prepared", "time": 1.0, "strategy": "darts", "what": "mixing"}
        history.apply({**event, "detail": {"epoch": epoch}})
    assert [event["detail"]["epoch"] for event in history.prepared] == [1, 2]
    assert len(history) == 0


def test_epochs_that_are_trained_again_count_once_for_the_budget() -> None:
    journal = opened()
    start(journal)
    for epoch in (1, 2, 3):
        journal.append("epoch_ended", trial=0, epoch=epoch, logs={"loss": 1.0})
    open_session(journal)
    journal.append("trial_started", trial=0, attempt=2, from_epoch=1)
    assert journal.history.epochs_counted == 1
    journal.append("epoch_ended", trial=0, epoch=2, logs={"loss": 1.0})
    assert (journal.history.epochs_counted, journal.history.epochs_spent) == (2, 4)


def test_what_a_parent_trained_is_never_taken_from_what_counts() -> None:
    journal = opened()
    start(journal)
    for epoch in (1, 2):
        journal.append("epoch_ended", trial=0, epoch=epoch, logs={"loss": 1.0})
    end(journal, 0, score=0.5)
    journal.append("trial_proposed", trial=1, values={"n": 1}, origin="random", parent=0)
    for attempt, from_epoch in ((1, 2), (2, 2), (3, 0), (4, 0)):
        more = {"attempt": attempt, "from_epoch": from_epoch}
        journal.append("trial_started", trial=1, seed=7, epochs=3, **more)
        journal.append("epoch_ended", trial=1, epoch=from_epoch + 1, logs={"loss": 1.0})
        assert journal.history.epochs_counted == 3


def test_kernels_that_die_of_a_trial_at_one_epoch_are_counted() -> None:
    journal = opened()
    start(journal)
    assert journal.history[0].deaths == 0
    open_session(journal)
    assert journal.history[0].deaths == 1
    journal.append("trial_started", trial=0, attempt=2)
    open_session(journal)
    assert journal.history[0].deaths == 2


@pytest.mark.parametrize("innocent", ["progress", "paused", "closed", "workers"])
def test_a_kernel_that_ends_otherwise_is_no_fault_of_its_trial(innocent: str) -> None:
    journal = opened()
    start(journal)
    open_session(journal, **({"workers": "processes"} if innocent == "workers" else {}))
    journal.append("trial_started", trial=0, attempt=2)
    if innocent == "progress":
        journal.append("epoch_ended", trial=0, epoch=1, logs={"loss": 1.0})
    elif innocent == "paused":
        journal.append("steered", action="pause", detail={})
    elif innocent == "closed":
        journal.append("search_closed", state="stopped", reason=None)
    open_session(journal)
    assert journal.history[0].deaths == 1
