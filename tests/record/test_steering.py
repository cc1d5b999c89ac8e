from __future__ import annotations

from typing import Any

import pytest

from nas_nb.errors import JournalError
from nas_nb.record.journal import Journal
from tests.record.logbook import complete, end, fail, open_session, opened, start


def steer(journal: Journal, action: str, **detail: Any) -> None:
    journal.append("steered", action=action, detail=detail)


def propose_first(journal: Journal, **changes: Any) -> int:
    """Proposes what waits first, as a search does."""
    first, number = journal.history.queued[0], len(journal.history)
    fields = {"values": first.values, "origin": "user", "parent": first.parent, **changes}
    journal.append("trial_proposed", trial=number, **fields)
    return number


def train(journal: Journal, number: int, *epochs: int) -> None:
    for epoch in epochs:
        journal.append("epoch_ended", trial=number, epoch=epoch, logs={"loss": 1.0})


def test_candidates_wait_in_order_until_they_are_proposed():
    journal = opened()
    steer(journal, "queue", values={"n": 1})
    steer(journal, "queue", values={"n": 2})
    assert [queued.values for queued in journal.history.queued] == [{"n": 1}, {"n": 2}]
    complete(journal, 0.5)
    propose_first(journal, origin="random")
    assert len(journal.history.queued) == 2
    propose_first(journal)
    assert [queued.values for queued in journal.history.queued] == [{"n": 2}]
    steer(journal, "unqueue")
    assert journal.history.queued == ()


def test_a_running_trial_that_gets_more_epochs_has_them_granted_also_after_a_resume():
    journal = opened(fidelity={"epochs": 3})
    number = start(journal)
    steer(journal, "more_epochs", trial=number, epochs=4)
    assert journal.history[number].epochs_granted == 7
    open_session(journal, fidelity={"epochs": 3})
    steer(journal, "more_epochs", trial=number, epochs=1)
    assert journal.history[number].fidelity == {"epochs": 8}
    assert journal.history.queued == ()


def test_a_completed_trial_that_gets_more_epochs_is_continued_by_a_new_one():
    journal = opened()
    number = start(journal, n=1)
    train(journal, number, 1, 2, 3)
    end(journal, number, score=0.5)
    steer(journal, "more_epochs", trial=number, epochs=2)
    (queued,) = journal.history.queued
    assert (queued.values, queued.fidelity, queued.parent) == ({"n": 1}, {"epochs": 5}, number)
    propose_first(journal, parent=None)
    assert len(journal.history.queued) == 1
    propose_first(journal)
    assert journal.history.queued == ()


def test_epochs_that_came_too_late_for_their_trial_are_trained_by_a_new_one():
    journal = opened()
    number = start(journal)
    train(journal, number, 1, 2, 3)
    steer(journal, "more_epochs", trial=number, epochs=2)
    end(journal, number, score=0.5)
    assert [queued.fidelity for queued in journal.history.queued] == [{"epochs": 5}]


@pytest.mark.parametrize("stopped", [True, False])
def test_a_trial_that_had_its_epochs_or_was_stopped_is_not_continued(stopped: bool):
    journal = opened()
    number = start(journal)
    steer(journal, "more_epochs", trial=number, epochs=2)
    if stopped:
        steer(journal, "stop_trial", trial=number)
        train(journal, number, 1)
    else:
        train(journal, number, 1, 2, 3, 4, 5)
    end(journal, number, score=0.5)
    assert journal.history.queued == ()


def test_a_failed_trial_is_not_continued():
    journal = opened()
    steer(journal, "more_epochs", trial=fail(journal, "too deep"), epochs=2)
    assert journal.history.queued == ()


def test_steering_has_a_place_among_the_trials_and_in_a_session():
    journal = opened()
    complete(journal, 0.5)
    steer(journal, "unrestrict")
    open_session(journal)
    complete(journal, 0.6)
    complete(journal, 0.7)
    steer(journal, "unqueue")
    assert journal.history.steered_at == (1, 3)
    assert [event["action"] for event in journal.history.session_steering] == ["unqueue"]


@pytest.mark.parametrize(
    ("action", "detail"),
    [
        ("queue", {}),
        ("queue", {"values": {"n": [1]}}),
        ("stop_trial", {"trial": 5}),
        ("more_epochs", {"trial": 0, "epochs": 0}),
    ],
)
def test_steering_that_lacks_what_it_needs_is_refused(action: str, detail: dict):
    journal = opened()
    start(journal)
    with pytest.raises(JournalError):
        steer(journal, action, **detail)
    assert journal.history.steering == ()
