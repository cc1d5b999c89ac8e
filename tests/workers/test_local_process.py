"""Real worker processes: what they compute, and what becomes of a search whose worker is killed."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import types
from multiprocessing import spawn
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas_nb.data.dataset import Data
from nas_nb.errors import SearchError
from nas_nb.evaluate.global_state import KerasSettings
from nas_nb.search.search import Search
from nas_nb.search.settings import as_space
from nas_nb.workers import local_process
from nas_nb.workers.control import SearchState
from nas_nb.workers.local_process import Capacity, LocalProcesses, _script_left_out
from nas_nb.workers.worker_process import Parcel
from tests.search.tiny import CHOICES, LONG, tiny_data, tiny_search

_TIMES = ("time", "duration_s", "worker", "workers")


def events(folder: Path) -> list[dict[str, Any]]:
    """What the journal says, but for times."""
    lines = map(json.loads, (folder / "journal.jsonl").read_text().splitlines())
    return [{k: v for k, v in line.items() if k not in _TIMES} for line in lines]


def eventually(fact: Any, seconds: float = 600) -> bool:
    """Waits for worker processes, whose first start takes long on a busy machine."""
    from tests.search.tiny import eventually as within_a_minute

    return any(within_a_minute(fact) for _ in range(int(seconds // 60)))


CELL = """
import keras

class Doubled(keras.layers.Dense):
    def call(self, inputs):
        return 2 * super().call(inputs)

def build(hp):
    hidden = Doubled(hp.Choice("units", [2, 3]))
    model = keras.Sequential([keras.Input((4,)), hidden, keras.layers.Dense(2, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
"""


def build_of_a_cell() -> Any:
    """A function with a class of its own that no module holds: it has to travel whole."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(CELL, names)
    return names["build"]


@pytest.mark.slow
@pytest.mark.timeout(900)  # a busy machine loads the libraries of the first worker slowly
def test_one_worker_writes_the_journal_that_the_kernel_writes(tmp_path: Path) -> None:
    build = build_of_a_cell()
    for name, workers in (("kernel", "kernel"), ("process", 1)):
        tiny_search(
            tmp_path / name, space=build, strategy="grid", max_trials=2, workers=workers
        ).run()
    assert events(tmp_path / "process") == events(tmp_path / "kernel")
    files = [sorted(f.name for f in (tmp_path / n).glob("*/*")) for n in ("kernel", "process")]
    assert files[0] == files[1]
    best = Search.open(tmp_path / "process", space=build, data=tiny_data()).best
    assert best.evaluate()["accuracy"] >= 0


@pytest.mark.slow
@pytest.mark.timeout(900)  # a busy machine loads the libraries of the first worker slowly
def test_a_killed_worker_a_pause_and_a_stop_lose_nothing(tmp_path: Path) -> None:
    search = tiny_search(tmp_path / "run", workers=2, max_trials=3, epochs=LONG).start()
    assert eventually(lambda: [t.epochs > 2 for t in search.history.pending] == [True, True])
    working = {worker.trial: worker.process_id for worker in search.workers}
    assert set(working) == {0, 1}  # which worker is ready first is nobody's to say
    killed = working[1]
    assert killed not in (None, os.getpid())
    os.kill(int(killed or 0), signal.SIGKILL)
    assert eventually(lambda: search.history[1].attempt == 2 and search.history[1].epochs > 2)
    lost = [e for e in events(search.directory) if e.get("exit_code") is not None]
    assert [(e["trial"], e["status"], e["exit_code"]) for e in lost] == [(1, "stopped", -9)]
    search.pause()
    assert eventually(lambda: search.state is SearchState.PAUSED)
    spent = search.history.epochs_spent
    search.steer.stop_trial(0)
    assert search.history.epochs_spent == spent
    search.resume()
    assert eventually(lambda: search.history[0].status == "completed")
    assert eventually(lambda: len(search.history.pending) == 2)
    search.stop()
    search.wait()
    assert search.state is SearchState.STOPPED
    assert [str(trial.status) for trial in search.history] == ["completed", "stopped", "stopped"]
    assert search.workers == []
    best = search.best.model()
    assert np.isfinite(best.predict(search.data.x_test, verbose=0)).all()


def parcel(tmp_path: Path, data: Data, space: Any = CHOICES) -> Parcel:
    bound = as_space(space).for_data(data.spec)
    return Parcel(bound, data, 0, "max", (), tmp_path, KerasSettings.current(), {"python": "3"})


def test_a_parcel_comes_out_as_it_went_in_and_its_arrays_are_mapped(tmp_path: Path) -> None:
    data = tiny_data()
    parcel(tmp_path, data).write(tmp_path / "parcel")
    read = Parcel.read(tmp_path / "parcel")
    assert read.space.domain.to_json() == as_space(CHOICES).domain.to_json()
    assert np.array_equal(read.data.x_train, data.x_train)
    assert read.data.fingerprint == data.fingerprint
    assert not read.data.x_train.flags.owndata
    assert read.keras_settings.values["floatx"] == "float32"


def test_what_cannot_be_sent_is_told_before_anything_is_written(tmp_path: Path) -> None:
    opened = (tmp_path / "log").open("w")

    made = build_of_a_cell()

    def build(hp: Any) -> Any:
        print(hp.values, file=opened)
        return made(hp)

    search = tiny_search(tmp_path / "run", space=build, workers=2)
    with pytest.raises(SearchError, match=r"can be sent to another process .*Cannot pickle files"):
        search.run()
    opened.close()
    assert not (tmp_path / "run").exists()
    assert search.state is SearchState.NEW


@pytest.mark.parametrize("given", [0, -1, 1.5, True, "two", "http://host", None])
def test_workers_that_make_no_sense_are_refused(given: Any, tmp_path: Path) -> None:
    with pytest.raises(SearchError, match=r"Expected `workers` to be .*Received: workers="):
        tiny_search(tmp_path / "run", workers=given)


def test_what_a_killed_kernel_left_is_removed_and_what_a_living_one_has_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    living = LocalProcesses(parcel(tmp_path, tiny_data()), Capacity(1, 1))
    for left in ("nas_nb-workers-left", "others"):
        (tmp_path / left).mkdir()
        (tmp_path / left / "lock").touch()
    here = {folder.name for folder in tmp_path.iterdir()}
    for lock in tmp_path.glob("*/lock"):
        os.utime(lock, (0, 0))
    LocalProcesses(parcel(tmp_path, tiny_data()), Capacity(1, 1)).close()
    assert {folder.name for folder in tmp_path.iterdir()} == here - {"nas_nb-workers-left"}
    living.close()
    assert [folder.name for folder in tmp_path.iterdir()] == ["others"]


def test_more_workers_than_the_memory_holds_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_process, "free_bytes", lambda: 10**9)
    search = tiny_search(tmp_path / "run", workers=9, max_trials=20)
    with pytest.raises(SearchError, match=r"for workers=9. Received: 1.0 GB. Take workers=1"):
        search.start()
    assert not (tmp_path / "run").exists()


def test_auto_takes_what_cores_and_memory_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_process, "cores", lambda: 8)
    monkeypatch.setattr(local_process, "free_bytes", lambda: 2 * 10**9)
    few = local_process.capacity("auto")
    assert (few.count, few.threads) == (4, 2)
    assert str(few) == "4 worker processes with 2 threads each (auto: 8 cores, 2.0 GB free)"
    monkeypatch.setattr(local_process, "free_bytes", lambda: 10**11)
    assert local_process.capacity("auto").count == 8
    monkeypatch.setattr(local_process, "free_bytes", lambda: 10**8)
    assert local_process.capacity("auto").count == 1


def test_a_process_is_not_told_to_run_the_users_script(monkeypatch: pytest.MonkeyPatch) -> None:
    script = sys.modules["__main__"]
    monkeypatch.setattr(script, "__spec__", None, raising=False)
    monkeypatch.setattr(script, "__file__", "/home/me/script.py", raising=False)
    usual = spawn.get_preparation_data("one")
    assert "init_main_from_path" in usual
    with _script_left_out():
        told = spawn.get_preparation_data("one")
    assert told.keys() == usual.keys() - {"init_main_from_path"}
    assert spawn.get_preparation_data("one").keys() == usual.keys()
    monkeypatch.setitem(sys.modules, "__main__", types.SimpleNamespace())  # of a shell
    with _script_left_out():
        assert spawn.get_preparation_data("one").keys() == told.keys()
