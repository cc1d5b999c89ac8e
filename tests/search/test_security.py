from __future__ import annotations

import builtins
import pickle
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nas_nb as nas
from nas_nb.evaluate.fidelity import Fidelity
from nas_nb.notebook.search_display import Search
from nas_nb.record.journal import Journal, read_history
from nas_nb.workers.checkpoints import TrainingStateStore
from tests.search.tiny import CHOICES, tiny_data, tiny_search

SCRIPT = "<script>alert('owned')</script>"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    tiny_search(tmp_path, max_trials=2).run()
    return tmp_path


def forbid(monkeypatch: pytest.MonkeyPatch, module: Any, *names: str) -> None:
    for name in names:

        def refuse(*args: Any, name: str = name, **kwargs: Any) -> Any:
            raise AssertionError(f"{name} was called")

        monkeypatch.setattr(module, name, refuse)


def test_opening_a_project_unpickles_and_evaluates_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
):
    forbid(monkeypatch, pickle, "load", "loads", "Unpickler")
    forbid(monkeypatch, builtins, "eval")
    search = nas.open(project, data=tiny_data())
    assert len(search.trials) == 2
    assert search.best.model().predict(tiny_data().x_val[:1], verbose=0).shape == (1, 1)
    search.configure(max_trials=3)
    search.run()
    assert len(search.history.completed) == 3


def test_a_state_that_holds_a_pickle_is_not_read(project: Path):
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (project / "owned",))

    history = read_history(project / "journal.jsonl")
    states = project / "states"
    file = next(states.iterdir())
    np.savez(file, about=np.array([1, 1, 1]), model_0_0=np.array([Trap()], dtype=object))
    assert TrainingStateStore(states, history, Fidelity()).read(int(file.stem[-6:])) is None
    assert not (project / "owned").exists()


def test_checkpoints_are_weights_alone_which_hold_no_code(project: Path):
    kept = {
        file.suffixes[-2:] == [".weights", ".h5"] for file in (project / "checkpoints").iterdir()
    }
    assert kept == {True}


def test_a_search_opens_no_port_and_no_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    forbid(monkeypatch, socket.socket, "bind", "connect", "listen")
    forbid(monkeypatch, socket, "create_connection", "create_server", "getaddrinfo")
    search = tiny_search(tmp_path, max_trials=1).run()
    nas.open(tmp_path, data=tiny_data())
    assert search.best.evaluate()


def test_names_in_a_journal_are_text_in_the_report(tmp_path: Path):
    tiny_search(tmp_path, max_trials=1, name=SCRIPT).run()
    with Journal.open(tmp_path / "journal.jsonl") as journal:
        journal.append("trial_proposed", trial=1, values={SCRIPT: SCRIPT}, origin=SCRIPT)
        journal.append("trial_started", trial=1)
        journal.append("trial_ended", trial=1, status="failed", reason=SCRIPT)
    given = {"strategy": "random", "max_trials": 9, "epochs": 2, "directory": tmp_path}
    search = Search(CHOICES, tiny_data(), name=SCRIPT, **given)
    page = search.report()._repr_mimebundle_()["text/html"]
    assert "<script" not in page
    assert "&lt;script&gt;" in page
