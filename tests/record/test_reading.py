from __future__ import annotations

import gc
from pathlib import Path

import pytest

from nas_nb.errors import JournalError
from nas_nb.record.journal import Journal, find_opening, read_history

OPENING = {"objective": "val_accuracy", "direction": "max", "seed": 0}


def test_the_latest_opening_is_read_past_whatever_else_is_there(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal.open(path) as journal:
        journal.append("search_opened", **OPENING, session=1)
        journal.append("trial_proposed", trial=0, values={"a": "search_opened"}, origin="x")
        journal.append("search_opened", **OPENING, session=2)
        journal.append("steered", action="pause", detail={"reason": "after search_opened"})
    with path.open("ab") as file:
        file.write(b'{"event": "search_opened", "session": 3, "tor')
    found = find_opening(path)
    assert found is not None
    line, opening = found
    assert line == 3
    assert opening["session"] == 2
    assert opening == read_history(path).opened[-1]


def test_a_journal_without_a_session_has_no_opening(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"")
    assert find_opening(path) is None


def test_an_opening_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"event": "search_opened", "time": 0, "journal": 99}\n')
    with pytest.raises(JournalError, match="newer"):
        find_opening(path)


def test_garbage_is_collected_again_after_reading(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"damaged\n{}\n")
    with pytest.raises(JournalError, match="line 1"):
        read_history(path)
    assert gc.isenabled()
