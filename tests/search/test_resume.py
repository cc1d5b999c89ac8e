from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nas_nb.errors import JournalError
from nas_nb.record.journal import Journal, read_history
from tests.search.tiny import tiny_search

KILLED = """
import sys
from pathlib import Path
from tests.search.tiny import tiny_search
tiny_search(Path(sys.argv[1]), max_trials=8, strategy="evolution",
            options={"population": 2, "sample": 2}).run()
"""


def search_like_the_killed_one(directory: Path):
    options = {"population": 2, "sample": 2}
    return tiny_search(directory, max_trials=8, strategy="evolution", options=options)


def kill_after(trials: int, directory: Path, root: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(directory)], cwd=root)
    journal = directory / "journal.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if journal.is_file() and len(read_history(journal).finished) >= trials:
            break
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL


def test_a_killed_search_goes_on_as_if_it_had_never_been_killed(tmp_path: Path, root: Path):
    kill_after(3, tmp_path / "killed", root)
    reopened = search_like_the_killed_one(tmp_path / "killed")
    survived = reopened.history.finished
    assert 3 <= len(survived) < 8
    reopened.run()
    whole = search_like_the_killed_one(tmp_path / "whole").run()
    assert [t.values for t in reopened.history] == [t.values for t in whole.history]
    assert [t.score for t in reopened.history] == [t.score for t in whole.history]
    assert reopened.history.finished[: len(survived)] == survived


def test_a_folder_that_another_kernel_writes_is_not_started_in(tmp_path: Path):
    with Journal.open(tmp_path / "journal.jsonl"):
        search = tiny_search(tmp_path)
        with pytest.raises(JournalError, match="another kernel"):
            search.start()
    assert len(search.run().trials) == 3
