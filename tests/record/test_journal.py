from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nas_nb.errors import JournalError, JournalWriteError
from nas_nb.record import journal as journal_module
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
        event = journal.append("steered", action="other", detail={"n": (1, 2)})
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
        with pytest.raises(JournalWriteError, match="moved or deleted while the search ran"):
            propose(journal)
        assert len(journal.history) == 0


def removed(path: Path) -> None:
    path.unlink()


def folder_removed(path: Path) -> None:
    shutil.rmtree(path.parent)


def folder_renamed(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def restored(path: Path) -> None:
    """As `git checkout` does: an earlier state, in a new file."""
    earlier = path.read_bytes().splitlines(keepends=True)[:2]
    path.unlink()
    path.write_bytes(b"".join(earlier))


def replaced(path: Path) -> None:
    path.unlink()
    path.write_bytes(b"a diary")


def added_to(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"a diary")


def made_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


CHANGES = [
    removed,
    folder_removed,
    folder_renamed,
    truncated,
    emptied,
    restored,
    replaced,
    added_to,
    made_a_folder,
]


@posix
@pytest.mark.parametrize("change", CHANGES)
def test_a_journal_that_was_changed_by_others_is_noticed_and_comes_back_whole(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    path = tmp_path / "run" / "journal.jsonl"
    with Journal.open(path) as journal:
        open_session(journal)
        complete(journal, 0.5)
    with Journal.open(path) as journal:
        complete(journal, 0.6)
        before = path.read_bytes()
        change(path)
        for _ in range(2):
            with pytest.raises(JournalWriteError, match="as the search left it"):
                propose(journal)
        journal.recreate()
        assert path.read_bytes() == before
        complete(journal, 0.7)
        with pytest.raises(JournalError, match="only writer"):
            Journal.open(path)
    assert [trial.score for trial in read_history(path).completed] == [0.5, 0.6, 0.7]
    kept = [file.name for file in path.parent.iterdir() if not file.name.endswith(".lock")]
    others = change in (replaced, added_to, made_a_folder)
    assert sorted(kept) == ["journal.jsonl", *(["journal.jsonl.1"] if others else [])]


@posix
def test_a_journal_that_was_put_back_goes_on_as_it_is(tmp_path: Path) -> None:
    path, away = tmp_path / "journal.jsonl", tmp_path / "away.jsonl"
    with Journal.open(path) as journal:
        open_session(journal)
        path.rename(away)
        with pytest.raises(JournalWriteError, match="moved or deleted"):
            propose(journal)
        away.rename(path)
        propose(journal)
        inode = path.stat().st_ino
        journal.recreate()
        assert path.stat().st_ino == inode
    assert len(read_history(path)) == 1


@posix
def test_a_journal_is_not_put_back_where_another_search_writes_now(tmp_path: Path) -> None:
    path = tmp_path / "run" / "journal.jsonl"
    with Journal.open(path) as journal:
        open_session(journal)
        shutil.rmtree(path.parent)
        with Journal.open(path) as other:
            open_session(other)
            with pytest.raises(JournalWriteError, match="only writer"):
                journal.recreate()
        assert len(read_history(path).opened) == 1


def pipe(path: Path) -> None:
    os.mkfifo(path)


def ring(path: Path) -> None:
    path.symlink_to(path)


def bound_socket(path: Path) -> None:
    # The path of a socket has 100 characters at most.
    with socket.socket(socket.AF_UNIX) as made, contextlib.chdir(path.parent):
        made.bind(path.name)


FOREIGN: list[bytes | Callable[[Path], None]] = [
    b'{"entries": ["the only copy of my diary"]}\n',
    b'{"entries": ["the only copy of my diary"]}',
    b"a diary\n",
    b"a diary",
    b"\0\0\0\0",
    b"\n",
    b'{"event": "party", "time": 0}',
    b"\xef\xbb\xbf{}\n",
    Path.mkdir,
]


@pytest.mark.parametrize(
    "content", [*FOREIGN, *([pipe, ring, bound_socket] if os.name == "posix" else [])]
)
def test_what_is_no_journal_is_refused_and_never_changed(
    path: Path, content: bytes | Callable[[Path], None]
) -> None:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content(path)
    before = path.lstat()
    for read in (read_history, Journal.open):
        with pytest.raises(JournalError, match="Received: "):
            read(path)
    after = path.lstat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (
        before.st_ino,
        before.st_size,
        before.st_mtime_ns,
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda text: text.encode("utf-16"), "begins with UTF-16: save the file as UTF-8"),
        (lambda text: text.encode("utf-16-le"), "begins with UTF-16"),
        (lambda text: text.encode("utf-8-sig"), "begins with a mark of UTF-8"),
        (lambda text: text.replace("completed", "ä").encode("latin-1"), "that is no UTF-8"),
        (lambda text: text.replace('"score": 0.5', '"score": 0.9, "score": 0.5').encode(),
         "with 'score' twice"),
        (lambda text: text.replace("}\n", ', "x": [{"a": 1, "a": 2}]}\n').encode(),
         "with 'a' twice"),
    ],
)  # fmt: skip
def test_a_journal_in_another_encoding_or_with_a_key_twice_says_so(
    path: Path, changed: Callable[[str], bytes], said: str
) -> None:
    with Journal.open(path) as journal:
        open_session(journal)
        complete(journal, 0.5)
    content = changed(path.read_text())
    path.write_bytes(content)
    for read in (read_history, Journal.open):
        with pytest.raises(JournalError, match=said):
            read(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("lost", [b"\r", b"", b" "])
def test_a_journal_whose_ends_of_lines_were_lost_is_not_emptied(path: Path, lost: bytes) -> None:
    with Journal.open(path) as journal:
        open_session(journal)
        complete(journal, 0.5)
    damaged = path.read_bytes().replace(b"\n", lost)
    for content in (damaged, path.read_bytes() + damaged):
        path.write_bytes(content)
        with pytest.raises(JournalError, match="Nothing was changed"):
            Journal.open(path)
        assert path.read_bytes() == content


def test_a_last_line_that_somebody_has_edited_is_not_cut_off(path: Path) -> None:
    with Journal.open(path) as journal:
        open_session(journal)
        complete(journal, 0.5)
    content = path.read_bytes()[:-3] + b"oops}\n"
    path.write_bytes(content)
    with pytest.raises(JournalError, match="line 4 of"):
        Journal.open(path)
    assert path.read_bytes() == content


@posix
@pytest.mark.parametrize("name", ["journal.jsonl", "journal.jsonl.lock"])
def test_a_link_out_of_the_folder_is_not_written_through(tmp_path: Path, name: str) -> None:
    folder, mine = tmp_path / "run", tmp_path / "mine"
    folder.mkdir()
    mine.write_bytes(b"" if name == "journal.jsonl" else b"a key")
    (folder / name).symlink_to(mine)
    before = mine.read_bytes()
    with pytest.raises(JournalError, match=r"link|no lock"):
        Journal.open(folder / "journal.jsonl")
    (folder / name).unlink()
    (folder / name).symlink_to(tmp_path / "new")
    with pytest.raises(JournalError, match=r"link|no lock"):
        Journal.open(folder / "journal.jsonl")
    assert mine.read_bytes() == before
    assert not (tmp_path / "new").exists()


def test_a_file_with_the_name_of_the_lock_is_not_emptied(path: Path) -> None:
    lock = path.with_name("journal.jsonl.lock")
    lock.write_bytes(b"a diary")
    with pytest.raises(JournalError, match="no lock of a journal"):
        Journal.open(path)
    assert lock.read_bytes() == b"a diary"


def test_a_line_without_end_is_not_read_into_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "_LONGEST", 1000)
    path.write_bytes(b'{"event": "search_opened", "time": 0, "x": "' + b"x" * 5000 + b'"}\n')
    with pytest.raises(JournalError, match="line 1 of"):
        read_history(path)


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


@posix
@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_called_so(path: Path, code: int, monkeypatch: Any) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(
        JournalWriteError, match=r"file system with locks.*on a disk of this machine"
    ):
        Journal.open(path)


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS])
def test_a_file_system_that_forces_nothing_to_the_disk_keeps_a_journal(
    path: Path, code: int, monkeypatch: Any
) -> None:
    def refuse(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with Journal.open(path) as journal:
        open_session(journal)
        complete(journal, 0.5)
    assert len(read_history(path)) == 1
