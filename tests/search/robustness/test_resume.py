from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nas_nb.errors import JournalError
from nas_nb.record.journal import Journal, read_history
from nas_nb.search.search import Search
from nas_nb.workers.control import SearchState
from tests.search.tiny import tiny_search

KILLED = """
import sys
from pathlib import Path
from tests.search.robustness.test_resume import search_like_the_killed_one
search_like_the_killed_one(Path(sys.argv[1]), sys.argv[2]).run()
"""

OPTIONS: dict[str, dict[str, Any]] = {
    "grid": {"max_trials": 8},
    # Two brackets: trials of 1 epoch, those that are promoted, and those of 3 at once.
    "hyperband": {"max_trials": 9, "epochs": 3},
}


def search_like_the_killed_one(directory: Path, strategy: str) -> Search:
    return tiny_search(directory, strategy=strategy, **OPTIONS[strategy])


@contextmanager
def killed_after(trials: int, directory: Path, root: Path, strategy: str) -> Iterator[None]:
    """Runs the block while a kernel is at work with some trials done; then kills it."""
    command = [sys.executable, "-c", KILLED, str(directory), strategy]
    process = subprocess.Popen(command, cwd=root)
    journal = directory / "journal.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if journal.is_file() and len(read_history(journal).finished) >= trials:
            break
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL


@pytest.mark.parametrize("strategy", list(OPTIONS))
def test_a_killed_search_goes_on_as_if_it_had_never_been_killed(
    tmp_path: Path, root: Path, strategy: str
):
    with killed_after(3, tmp_path / "killed", root, strategy):
        elsewhere = search_like_the_killed_one(tmp_path / "killed", strategy)
        with pytest.raises(JournalError, match="another kernel"):
            elsewhere.start()
        assert len(elsewhere.trials) >= 3  # reading is possible meanwhile
    reopened = search_like_the_killed_one(tmp_path / "killed", strategy)
    survived = reopened.history.finished
    assert 3 <= len(survived) < OPTIONS[strategy]["max_trials"]
    reopened.run()
    whole = search_like_the_killed_one(tmp_path / "whole", strategy).run()
    assert [t.values for t in reopened.history] == [t.values for t in whole.history]
    assert [t.curve for t in reopened.history] == [t.curve for t in whole.history]
    assert [t.score for t in reopened.history] == [t.score for t in whole.history]
    assert [t.parent for t in reopened.history] == [t.parent for t in whole.history]
    assert reopened.history.finished[: len(survived)] == survived


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody can write, not even root."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    if os.geteuid() != 0:
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
        return
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a folder that root can't write needs the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_folder_that_cannot_be_written_is_told_at_the_start_and_holds_nothing_up(
    read_only: Path, tmp_path: Path
):
    search = tiny_search(read_only / "project")
    with pytest.raises(JournalError, match="Give the search a directory that is writable"):
        search.start()
    assert search.state is SearchState.NEW
    assert len(tiny_search(tmp_path / "elsewhere").run().trials) == 3


def test_a_folder_that_another_kernel_writes_is_not_started_in(tmp_path: Path):
    with Journal.open(tmp_path / "journal.jsonl"):
        search = tiny_search(tmp_path)
        with pytest.raises(JournalError, match="another kernel"):
            search.start()
    assert len(search.run().trials) == 3
