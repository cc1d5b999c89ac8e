from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nas_nb.errors import JournalError
from nas_nb.record.events import encode
from nas_nb.record.history import fold
from nas_nb.record.journal import Journal, read_events, read_history
from tests.record.logbook import complete, everything, open_session, propose, start

posix = pytest.mark.skipif(os.name != "posix", reason="needs signals, users or limits of POSIX")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def child(root: Path, code: str, *arguments: object) -> subprocess.Popen[str]:
    """Starts a second Python with the words of the logbook."""
    prelude = (
        "import sys\nfrom nas_nb.errors import JournalError\n"
        "from nas_nb.record import Journal\nfrom tests.record.logbook import *\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", prelude + code, *map(str, arguments)],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_open_makes_the_folder_and_the_file(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "first" / "journal.jsonl"
    with Journal.open(path) as journal:
        assert journal.path == path
        assert len(journal.history) == 0
    assert path.read_bytes() == b""


def test_an_event_is_on_disk_when_append_returns(path: Path) -> None:
    with Journal.open(path) as journal:
        open_session(journal)
        for count in range(2, 5):
            propose(journal)
            assert len(list(read_events(path))) == count


def test_append_returns_the_event_as_it_will_be_read(path: Path) -> None:
    with Journal.open(path) as journal:
        open_session(journal)
        event = journal.append("steered", action="budget", detail={"n": (1, 2)})
    assert event["detail"] == {"n": [1, 2]}
    assert list(read_events(path))[-1] == event


def test_a_journal_is_continued_where_it_was_left(path: Path) -> None:
    with Journal.open(path) as journal:
        open_session(journal)
        complete(journal, 0.5)
    with Journal.open(path) as journal:
        assert len(journal.history) == 1
        open_session(journal)
        complete(journal, 0.6)
    history = read_history(path)
    assert [trial.score for trial in history.completed] == [0.5, 0.6]
    assert len(history.opened) == 2


def test_a_journal_in_memory_says_what_one_on_disk_says(path: Path) -> None:
    said = []
    for journal in (Journal.in_memory(), Journal.open(path)):
        with journal:
            journal.append("search_opened", objective="loss", direction="min", seed=1, time=1.0)
            journal.append("trial_proposed", trial=0, values={"a": 1}, origin="x", time=2.0)
        said.append(everything(journal.history))
    assert said[0] == said[1]


def test_a_refused_event_is_not_written(path: Path) -> None:
    with Journal.open(path) as journal:
        open_session(journal)
        before = path.read_bytes()
        with pytest.raises(JournalError, match="that was proposed"):
            journal.append("trial_started", trial=3)
        with pytest.raises(JournalError, match="Did you mean"):
            journal.append("trial_start", trial=3)
        assert path.read_bytes() == before


def test_close_may_be_called_again_and_ends_the_writing(path: Path) -> None:
    journal = Journal.open(path)
    open_session(journal)
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="after close"):
        propose(journal)
    assert journal.history.seed == 0


def test_two_handles_of_one_kernel_do_not_write_the_same_file(path: Path) -> None:
    with Journal.open(path) as journal:
        open_session(journal)
        with pytest.raises(JournalError, match="only writer"):
            Journal.open(path)
        propose(journal)
    with Journal.open(path) as journal:
        assert len(journal.history) == 1


def test_another_thread_may_close_what_this_one_opened(path: Path) -> None:
    journal = Journal.open(path)
    thread = threading.Thread(target=journal.close)
    thread.start()
    thread.join()
    Journal.open(path).close()


def test_a_second_process_may_read_and_not_write(path: Path, root: Path) -> None:
    code = "j = Journal.open(sys.argv[1]); open_session(j); propose(j); print('open'); input()"
    with child(root, code, path) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        with pytest.raises(JournalError, match=r"another kernel.*read_history"):
            Journal.open(path)
        assert len(read_history(path)) == 1
        writer.communicate("\n")
    with Journal.open(path) as journal:
        assert len(journal.history) == 1


@posix
def test_kill_9_loses_nothing_that_was_appended(path: Path, root: Path) -> None:
    code = (
        "j = Journal.open(sys.argv[1]); open_session(j)\n"
        "while True:\n"
        "    n = start(j)\n"
        "    for epoch in range(1, 11):\n"
        "        j.append('epoch_ended', trial=n, epoch=epoch, logs={'loss': 1 / epoch})\n"
        "    end(j, n, score=n / 1000)\n"
        "    print(n, flush=True)\n"
    )
    for round_ in range(3):
        before = len(read_history(path)) if round_ else 0
        with child(root, code, path) as writer:
            assert writer.stdout is not None
            told = [int(writer.stdout.readline()) for _ in range(20)]
            writer.send_signal(signal.SIGKILL)
            told += [int(line) for line in writer.stdout if line.endswith("\n")]
        assert told == list(range(before, before + len(told)))
        with Journal.open(path) as journal:
            survived = journal.history.completed
            assert {trial.number for trial in survived} >= set(told)
            assert all(trial.epochs == 10 for trial in survived)
            assert everything(journal.history) == everything(fold(read_events(path)))
            for trial in journal.history.unfinished:
                if trial.status == "proposed":
                    journal.append("trial_started", trial=trial.number)
                journal.append("trial_ended", trial=trial.number, status="failed", reason="killed")


def test_a_newer_journal_is_left_as_it_is(path: Path) -> None:
    line = encode({"event": "search_opened", "time": 0, "journal": 3, "aim": "loss"})
    path.write_bytes(line + b"a torn lin")
    for read in (read_history, Journal.open):
        with pytest.raises(JournalError, match=r"format 3.*newer nas_nb.*update"):
            read(path)
    assert path.read_bytes() == line + b"a torn lin"
    path.write_bytes(b"")
    Journal.open(path).close()  # the failed opening has let go of the lock


def test_a_missing_journal_is_said_to_be_missing(path: Path) -> None:
    with pytest.raises(JournalError, match="No such file"):
        read_history(path)


def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="directory that is writable"):
        Journal.open(tmp_path)


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Lets a folder's permissions count, which root is above."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@posix
def test_a_read_only_folder_can_be_read_and_not_written() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Journal.open(folder / "journal.jsonl") as journal:
            open_session(journal)
            propose(journal)
        (folder / "journal.jsonl.lock").unlink(missing_ok=True)
        (folder / "journal.jsonl").chmod(0o444)
        folder.chmod(0o555)
        with as_nobody():
            assert len(read_history(folder / "journal.jsonl")) == 1
            for file in ("journal.jsonl", "other.jsonl", "deeper/journal.jsonl"):
                with pytest.raises(JournalError, match=r"Permission denied.*writable"):
                    Journal.open(folder / file)
        folder.chmod(stat.S_IRWXU)


@posix
def test_a_full_disk_costs_one_event_and_leaves_whole_lines(path: Path, root: Path) -> None:
    code = (
        "import resource\n"
        "j = Journal.open(sys.argv[1]); open_session(j); start(j)\n"
        "hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))\n"
        "epoch = 0\n"
        "try:\n"
        "    while True:\n"
        "        j.append('epoch_ended', trial=0, epoch=epoch + 1, logs={'loss': 0.5})\n"
        "        epoch += 1\n"
        "except JournalError as error:\n"
        "    print(error)\n"
        "assert j.history[0].epochs == epoch\n"
        "assert open(sys.argv[1], 'rb').read().endswith(b'}\\n')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))\n"
        "j.append('epoch_ended', trial=0, epoch=epoch + 1, logs={'loss': 0.25})\n"
        "print(epoch + 1)\n"
    )
    with child(root, code, path) as writer:
        told, epochs = writer.communicate()[0].splitlines()
    assert "has room" in told
    trial = read_history(path)[0]
    assert trial.epochs == int(epochs) > 10
    assert trial.curve[-1] == {"loss": 0.25}


@posix
def test_a_folder_deleted_under_the_writer_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with Journal.open(folder / "journal.jsonl") as journal:
        open_session(journal)
        shutil.rmtree(folder)
        with pytest.raises(JournalError, match="deleted while the search ran"):
            propose(journal)
        assert len(journal.history) == 0


def test_threads_append_whole_lines(path: Path) -> None:
    with Journal.open(path) as journal:
        open_session(journal)
        for _ in range(4):
            start(journal)

        def epochs(number: int) -> None:
            for epoch in range(1, 51):
                journal.append("epoch_ended", trial=number, epoch=epoch, logs={"loss": 1.0})

        threads = [threading.Thread(target=epochs, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    history = read_history(path)
    assert [trial.epochs for trial in history] == [50] * 4
    assert everything(history) == everything(journal.history)


def test_the_record_knows_neither_keras_nor_ipython(root: Path) -> None:
    code = (
        "heavy = {'keras', 'tensorflow', 'keras_tuner', 'IPython', 'pandas', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    with child(root, code) as process:
        assert process.communicate()[0] == "[]\n"
