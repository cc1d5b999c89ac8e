"""Random searches, written to a file that is cut at every byte: what survives is a history."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nas_nb.errors import JournalError
from nas_nb.record.events import Event, encode
from nas_nb.record.history import fold
from nas_nb.record.journal import Journal, read_events, read_history
from tests.record.logbook import everything, open_session

names = st.sampled_from(["loss", "val_accuracy", "größe", "日本"])
number = st.floats() | st.integers(-5, 5)
value = st.text(max_size=3) | st.integers() | st.floats(allow_nan=False) | st.booleans()
small = st.integers(0, 2)

carried: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "search_opened": {
        "objective": st.just("val_accuracy"),
        "direction": st.sampled_from(["max", "min"]),
        "seed": small,
    },
    "trial_proposed": {
        "values": st.dictionaries(names, value, max_size=2),
        "origin": st.text(max_size=3),
    },
    "trial_started": {"trial": small, "attempt": small, "from_epoch": small},
    "trial_built": {"trial": small, "costs": st.dictionaries(names, number, max_size=2)},
    "epoch_ended": {
        "trial": small,
        "epoch": st.integers(1, 2),
        "logs": st.dictionaries(names, number, max_size=2),
        "duration_s": st.floats(0, 10),
    },
    "trial_ended": {
        "trial": small,
        "status": st.sampled_from(["completed", "failed", "stopped"]),
        "score": st.none() | number,
        "reason": st.none() | st.text(max_size=3),
    },
    "steered": {
        "action": st.sampled_from(["resume", "queue", "unqueue", "stop_trial", "more_epochs"]),
        "detail": st.fixed_dictionaries(
            {"values": st.dictionaries(names, value, max_size=1), "trial": small, "epochs": small}
        ),
    },
    "search_closed": {"state": st.just("stopped")},
}
often = ("trial_proposed", "trial_started", "epoch_ended", "epoch_ended", "trial_ended")


def fields_of(kind: str) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    return st.tuples(st.just(kind), st.fixed_dictionaries(carried[kind]))


events = st.sampled_from([*carried, *often, *often]).flatmap(fields_of)


def legal(candidates: list[tuple[str, dict[str, Any]]]) -> list[Event]:
    """Returns the events that a journal accepts, one after the other.

    Numbers are bent towards what can happen: a proposal is the next trial, an epoch comes later.
    """
    accepted = []
    with Journal.in_memory() as journal:
        for kind, fields in candidates:
            trials = journal.history.trials
            here = dict(fields)
            if kind == "trial_proposed":
                here["trial"] = len(trials)
            elif "trial" in here and trials:
                here["trial"] %= len(trials)
                if "epoch" in here:
                    here["epoch"] += trials[here["trial"]].epochs
            try:
                accepted.append(journal.append(kind, **here, time=1.5))
            except JournalError:
                continue
    return accepted


# Every search begins somewhere.
opening: list[tuple[str, dict[str, Any]]] = [
    ("search_opened", {"objective": "val_accuracy", "direction": "max", "seed": 0}),
    ("trial_proposed", {"trial": 0, "values": {"größe": 1}, "origin": "test"}),
    ("trial_started", {"trial": 0}),
]
searches = st.lists(events, min_size=5, max_size=25).map(lambda drawn: legal(opening + drawn))

same_folder = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@same_folder
@given(searches)
def test_a_search_comes_back_from_disk_as_it_was_lived(tmp_path: Path, lived: list[Event]) -> None:
    path = tmp_path / "journal.jsonl"
    path.unlink(missing_ok=True)
    with Journal.open(path) as journal:
        for event in lived:
            journal.append(event["event"], **{k: v for k, v in event.items() if k != "event"})
        live = everything(journal.history)
    assert live == everything(fold(lived)) == everything(read_history(path))
    assert repr(list(read_events(path))) == repr(lived)


@same_folder
@given(searches)
def test_a_file_cut_at_any_byte_is_the_history_of_the_survivors(
    tmp_path: Path, lived: list[Event]
) -> None:
    path = tmp_path / "journal.jsonl"
    lines = [encode(event) for event in lived]
    path.write_bytes(b"".join(lines))
    for survivors in range(len(lines), -1, -1):
        end = sum(map(len, lines[:survivors]))
        expected = everything(fold(lived[:survivors]))
        torn = range(end + len(lines[survivors]) - 1, end, -1) if survivors < len(lines) else ()
        for cut in (*torn, end):
            os.truncate(path, cut)
            assert everything(read_history(path)) == expected


@same_folder
@given(searches, st.data())
def test_a_search_goes_on_after_any_cut(
    tmp_path: Path, lived: list[Event], data: st.DataObject
) -> None:
    path = tmp_path / "journal.jsonl"
    whole = b"".join(map(encode, lived))
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)), label="cut")])
    survivors = list(read_events(path))
    with Journal.open(path) as journal:
        assert everything(journal.history) == everything(fold(survivors))
        direction = journal.history.direction if survivors else "max"
        open_session(journal, direction)
    assert repr(list(read_events(path))[:-1]) == repr(survivors)
    assert everything(read_history(path)) == everything(journal.history)


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line[: len(line) // 2] + b"\n",
        lambda line: b"\x00" * len(line) + b"\n",
        lambda line: b"\n",
        lambda line: line.replace(b"\n", b""),
    ],
)
def test_damage_in_the_middle_is_told_with_its_line(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "journal.jsonl"
    lines = [encode(event) for event in legal(opening)]
    lines[1] = damage(lines[1])
    path.write_bytes(b"".join(lines) + encode({"event": "steered", "time": 0, "action": "stop"}))
    before = path.read_bytes()
    for read in (read_history, lambda path: list(read_events(path)), Journal.open):
        with pytest.raises(JournalError, match="line 2 of"):
            read(path)
    assert path.read_bytes() == before


def test_an_event_in_an_impossible_place_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    lines = [encode(event) for event in legal(opening)]
    path.write_bytes(b"".join([lines[0], lines[2], lines[1]]))
    with pytest.raises(JournalError, match=r"that was proposed.*Line 2 of"):
        read_history(path)


@pytest.mark.parametrize("tail", [b'{"event": "epoch_en', b"\x00\x00\x00", b"\x00\x00\n", b"\n"])
def test_a_torn_last_line_is_cut_off_before_the_next_event(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    whole = b"".join(map(encode, legal(opening)))
    path.write_bytes(whole + tail)
    assert len(read_history(path)) == 1
    with Journal.open(path) as journal:
        assert path.read_bytes() == whole
        journal.append("steered", action="stop")
    assert len(list(read_events(path))) == 4
