from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nas_nb.errors import JournalError
from nas_nb.record.events import JOURNAL_VERSION
from nas_nb.record.history import History
from nas_nb.record.journal import Journal
from tests.record.logbook import (
    complete,
    end,
    everything,
    fail,
    open_session,
    opened,
    propose,
    start,
)


def refuse(journal: Journal, says: str, kind: str, **fields: Any) -> None:
    """Checks that an event is refused with a reason, and that nothing was changed by it."""
    before = everything(journal.history)
    with pytest.raises(JournalError, match=says):
        journal.append(kind, **fields)
    assert everything(journal.history) == before


def test_trials_are_proposed_in_the_order_of_their_numbers() -> None:
    journal = opened()
    refuse(journal, "Expected trial 0", "trial_proposed", trial=1, values={}, origin="test")
    propose(journal)
    refuse(journal, "Expected trial 1", "trial_proposed", trial=0, values={}, origin="test")


def test_values_must_be_plain() -> None:
    refuse(opened(), "'a' = None", "trial_proposed", trial=0, values={"a": None}, origin="test")


def test_nothing_happens_to_a_trial_that_was_not_proposed() -> None:
    journal = opened()
    refuse(journal, "that was proposed", "trial_started", trial=0)
    refuse(journal, "that was proposed", "epoch_ended", trial=-1, epoch=1, logs={})


def test_epochs_end_only_while_a_trial_runs() -> None:
    journal = opened()
    propose(journal)
    refuse(journal, "running.*proposed", "epoch_ended", trial=0, epoch=1, logs={})
    complete(journal, 0.5)
    refuse(journal, "running.*completed", "epoch_ended", trial=1, epoch=1, logs={})


def test_epochs_go_up() -> None:
    journal = opened()
    start(journal)
    refuse(journal, "after 0", "epoch_ended", trial=0, epoch=0, logs={})
    journal.append("epoch_ended", trial=0, epoch=1, logs={})
    refuse(journal, "after 1", "epoch_ended", trial=0, epoch=1, logs={})


def test_what_completed_is_final() -> None:
    journal = opened()
    complete(journal, 0.5)
    refuse(journal, "completed", "trial_started", trial=0)
    refuse(journal, "completed", "trial_built", trial=0, costs={})
    refuse(journal, "completed", "trial_ended", trial=0, status="failed")


def test_what_failed_ends_once_an_attempt() -> None:
    journal = opened()
    fail(journal, "shape")
    refuse(journal, "failed", "trial_ended", trial=0, status="completed", score=1.0)
    journal.append("trial_started", trial=0)
    end(journal, 0, score=1.0)


def test_a_trial_ends_completed_failed_or_stopped() -> None:
    journal = opened()
    start(journal)
    refuse(journal, "Received: 'running'", "trial_ended", trial=0, status="running")


def test_a_direction_is_max_or_min() -> None:
    refuse(
        Journal.in_memory(),
        "'max' or 'min'",
        "search_opened",
        objective="loss",
        direction="auto",
        seed=0,
    )


def test_a_newer_format_is_refused() -> None:
    event = {"event": "search_opened", "objective": "loss", "direction": "min", "seed": 0}
    history = History()
    with pytest.raises(JournalError, match="newer nas_nb"):
        history.apply({**event, "journal": JOURNAL_VERSION + 1})
    history.apply({**event, "journal": 1})
    assert history.objective == "loss"


@pytest.mark.parametrize("parent", [0, 7, -1])
def test_a_parent_was_proposed_before(parent: int) -> None:
    refuse(
        opened(),
        "parent of trial 0",
        "trial_proposed",
        trial=0,
        values={},
        origin="t",
        parent=parent,
    )


@pytest.mark.parametrize("parent", [7, 1, -1])
def test_a_journal_of_old_that_names_an_unknown_parent_is_read_without_it(
    parent: int, tmp_path: Path
) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal.open(path) as journal:
        open_session(journal)
        complete(journal, 0.5)
    event = {"event": "trial_proposed", "time": 0.0, "trial": 1, "origin": "test"}
    with path.open("a") as file:
        file.write(json.dumps({**event, "values": {"n": 0}, "parent": parent}) + "\n")
    with Journal.open(path) as journal:
        journal.append("trial_started", trial=1, from_epoch=0)
        assert journal.history[1].parent is None
        assert journal.history.root_of(1) == 1
