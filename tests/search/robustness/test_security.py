from __future__ import annotations

import builtins
import json
import pickle
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nas_nb as nas
from nas_nb.errors import JournalError, NasError, SearchError
from nas_nb.evaluate.fidelity import Fidelity
from nas_nb.notebook.plots.choices import PARALLEL
from nas_nb.notebook.plots.drawing import PlotContext, as_text, new_axes
from nas_nb.notebook.plots.scores import CURVES, SCORES
from nas_nb.notebook.search_display import Search
from nas_nb.record.journal import Journal, read_history
from nas_nb.workers.checkpoints import TrainingStateStore
from tests.search.tiny import CHOICES, tiny_data, tiny_search

SCRIPT = "<script>alert('owned')</script>"
ESCAPES = "\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202e$x^2_"


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
    pd.DataFrame({"a": ["b"]}).set_axis(["c"], axis=1)  # loads pyarrow, which uses `eval` itself
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
    index = np.frombuffer(b'[[["|O", [1]]], []]', "u1")
    trap = np.array([Trap()], dtype=object)
    np.savez(file, about=np.array([1, 1, 1]), index=index, data=trap)
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


def forge(project: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Changes the events of a project as a stranger could; returns the project."""
    journal = project / "journal.jsonl"
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    for event in events:
        change(event)
    journal.write_text("".join(json.dumps(event) + "\n" for event in events))
    return project


def in_event(kind: str, **fields: Any) -> Callable[[dict[str, Any]], object]:
    return lambda event: event.update(fields) if event["event"] == kind else None


@pytest.mark.parametrize("field", ["fidelity", "budget", "options"])
def test_a_journal_can_not_name_another_folder(project: Path, tmp_path: Path, field: str):
    there = {"directory": str(tmp_path / "elsewhere"), "space": 1, "data": "digits"}

    def change(event: dict[str, Any]) -> None:
        if event["event"] == "search_opened":
            for said in (event, event["given"]):
                said[field] = {**(said.get(field) or {}), **there}

    forge(project, change)
    try:
        search = nas.open(project, data=tiny_data())
    except NasError:
        return
    assert search.directory == project
    assert search.data.name == "tiny"


@pytest.mark.parametrize("path", ["../../secret.weights.h5", "/etc/passwd", "a/../../b", "C:\\b"])
def test_a_checkpoint_outside_the_folder_is_told_with_its_line(project: Path, path: str):
    forge(project, in_event("trial_ended", checkpoint=path))
    with pytest.raises(JournalError, match=r"Expected checkpoint .*Line \d+ of"):
        nas.open(project, data=tiny_data())


def test_links_in_a_project_lead_nowhere(project: Path, tmp_path_factory: pytest.TempPathFactory):
    outside = tmp_path_factory.mktemp("outside")
    for name in ("checkpoints", "states"):
        (project / name).rename(outside / name)
        (project / name).symlink_to(outside / name)
    before = {file: file.read_bytes() for file in outside.rglob("*") if file.is_file()}
    search = nas.open(project, data=tiny_data())
    with pytest.raises(SearchError, match="are not in"):
        search.best.model()
    search.configure(max_trials=3)
    with pytest.raises(SearchError, match="overwrite nothing of others"):
        search.run()
    assert {file: file.read_bytes() for file in outside.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("source", ["auto", "download", "cache", None])
def test_a_data_set_that_a_journal_names_reaches_for_no_network(
    project: Path, monkeypatch: pytest.MonkeyPatch, source: str | None
):
    forbid(monkeypatch, socket.socket, "connect")
    forbid(monkeypatch, socket, "create_connection", "getaddrinfo")
    monkeypatch.setenv("KERAS_HOME", str(project / "no-cache"))
    recipe = {"load": {"name": "mnist", **({"source": source} if source else {})}}
    forge(project, in_event("search_opened", data="mnist", data_recipe=recipe, identity={}))
    with pytest.raises(NasError):
        nas.open(project)


def test_what_would_steer_a_terminal_is_shown_as_text(tmp_path: Path, capsys: Any):
    tiny_search(tmp_path, max_trials=1, name=ESCAPES).run()
    with Journal.open(tmp_path / "journal.jsonl") as journal:
        journal.append("trial_proposed", trial=1, values={ESCAPES: ESCAPES}, origin=ESCAPES)
        journal.append("trial_started", trial=1)
        journal.append("trial_built", trial=1, costs={ESCAPES: 1}, note=ESCAPES)
        journal.append("trial_ended", trial=1, status="completed", score=1.0, reason=ESCAPES)
        journal.append("steered", action="pause", detail={"reason": ESCAPES})
    given = {"strategy": "random", "max_trials": 9, "epochs": 2, "directory": tmp_path}
    search = Search(CHOICES, tiny_data(), name=ESCAPES, **given)
    shown = [repr(search), repr(search.best), repr(search.history), search.trials.to_string()]
    shown += [repr(search.report()), repr(nas.replay(tmp_path))]
    shown += [str(JournalError(ESCAPES)), capsys.readouterr().out]
    for text in shown:
        assert not set(text) & {"\x1b", "\x07", "\r", "\x9b", "\u202e"}
    assert "\\x1b]0;owned" in shown[1]


def test_nesting_that_no_parser_takes_is_told_with_its_line(project: Path):
    deep = b'{"event": "steered", "time": 0, "detail": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
    with (project / "journal.jsonl").open("ab") as file:
        file.write(deep + b"{}\n")
    with pytest.raises(JournalError, match=r"Expected an event on line \d+"):
        nas.open(project, data=tiny_data())


def test_the_promise_names_this_file(root: Path):
    assert "tests/search/robustness/test_security.py" in (root / "SECURITY.md").read_text()


def test_dollar_signs_in_names_are_no_formula_in_a_plot(tmp_path: Path):
    with Journal.open(tmp_path / "journal.jsonl") as journal:
        domain = {
            "parameters": [
                {"name": "a_$_b_$^", "kind": "choice", "choices": ["$x^$_", "y"], "default": "y"}
            ]
        }
        opening = {"objective": "val_$^_$", "direction": "max", "seed": 0, "space": domain}
        journal.append("search_opened", **opening)
        for number, value in enumerate(["$x^$_", "y"]):
            values = {"a_$_b_$^": value}
            journal.append("trial_proposed", trial=number, values=values, origin="$^_$")
            journal.append("trial_started", trial=number)
            journal.append("epoch_ended", trial=number, epoch=1, logs={"val_$^_$": 0.5})
            journal.append("trial_ended", trial=number, status="completed", score=number / 2)
    history, domain_read = read_history(tmp_path / "journal.jsonl"), nas.replay(tmp_path).domain
    for plot in (SCORES, CURVES, PARALLEL):
        context = PlotContext(history, domain_read)
        ax = as_text(plot.draw(plot.info(context), new_axes(4, 3)))
        ax.figure.canvas.draw()
