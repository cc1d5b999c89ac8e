"""A search on a real Dask cluster: what its workers compute, and what is lost with them: nothing.

The cluster has one worker in all but one test, where another joins. TensorFlow is loaded by each.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client, LocalCluster

from benchmarks.soak import Soak, _check_journal
from nas_nb.errors import NasWarning, SearchError
from nas_nb.search import run
from nas_nb.search.search import Search
from nas_nb.workers import dask_cluster, dask_task
from nas_nb.workers.control import SearchState
from nas_nb.workers.dask_cluster import DaskWorkers
from tests.search.tiny import LONG, tiny_data, tiny_search
from tests.workers.test_local_process import build_of_a_cell, events, eventually, parcel

pytestmark = pytest.mark.timeout(900)  # a busy machine loads the libraries of a worker slowly


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    vars(sys.modules["__main__"]).setdefault("__spec__", None)  # a shell of another test took it
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as made:
        yield made


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[Client]:
    with Client(cluster, set_as_default=False) as made:
        made.wait_for_workers(1, timeout=300)
        yield made


@pytest.mark.slow
def test_a_dask_worker_computes_what_the_kernel_would_and_its_files_come_back(
    client: Client, tmp_path: Path
) -> None:
    build = build_of_a_cell()
    for name, workers in (("kernel", "kernel"), ("dask", client)):
        tiny_search(
            tmp_path / name, space=build, strategy="grid", max_trials=2, workers=workers
        ).run()
    assert events(tmp_path / "dask") == events(tmp_path / "kernel")
    files = [sorted(f.name for f in (tmp_path / n).glob("*/*")) for n in ("kernel", "dask")]
    assert files[0] == files[1]
    best = Search.open(tmp_path / "dask", space=build, data=tiny_data()).best
    assert best.evaluate()["accuracy"] >= 0


def joined(address: str) -> subprocess.Popen[bytes]:
    """Starts a worker of another machine, as it were: with a nanny, in a group of its own."""
    words = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1"]
    return subprocess.Popen(
        [*words, "--no-dashboard"], stderr=subprocess.DEVNULL, start_new_session=True
    )


def trains(search: Search, *attempts: int) -> bool:
    """Whether the first trials run, at this attempt each, and have come past their state."""
    found = [search.history[n] for n in range(len(attempts)) if n < len(search.history)]
    return [t.attempt for t in found] == [*attempts] and all(t.epochs > 2 for t in found)


@pytest.mark.slow
def test_workers_join_and_die_and_nothing_is_lost(
    cluster: LocalCluster, client: Client, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {"directory": tmp_path / "run", "max_trials": 2, "epochs": LONG}
    search = tiny_search(workers=client, **asked).start()
    assert eventually(lambda: trains(search, 1))
    machine = joined(cluster.scheduler_address)
    try:
        assert eventually(lambda: trains(search, 1, 1))
        places = {worker.trial: worker.place for worker in search.workers}
        assert len(set(places.values())) == 2
        assert search.about_workers.startswith("2 workers of the Dask cluster at tcp://127.0.0.1:")
        os.kill(int(search.workers[0].process_id or 0), signal.SIGKILL)
        assert eventually(lambda: trains(search, 2, 1))
    finally:
        os.killpg(machine.pid, signal.SIGKILL)  # its nanny, its worker and the child
        machine.wait()
    assert eventually(lambda: [worker.place for worker in search.workers] == [places[0]])
    assert eventually(lambda: search.history[1].status == "stopped")
    # The nanny of the other starts another one, at another address.
    os.kill(client.run(os.getpid)[places[0]], signal.SIGKILL)
    assert eventually(lambda: trains(search, 3) and search.workers[0].place != places[0])
    search.pause()
    assert eventually(lambda: search.state is SearchState.PAUSED)
    search.stop()
    search.wait()
    lost = [e for e in events(search.directory) if e.get("exit_code") is not None]
    assert sorted((e["trial"], e["exit_code"]) for e in lost) == [(0, -9), (0, 255), (1, 255)]
    gone = f"its worker process is gone with its Dask worker {places[1]}"
    assert [e["reason"] for e in lost if e["trial"] == 1] == [gone]
    finish(tiny_search(workers=cluster.scheduler_address, **asked))


def finish(search: Search) -> None:
    """Goes on with a stopped search as a new kernel would, and checks its journal."""
    attempts = [trial.attempt + 1 for trial in search.history]
    search.start()
    for number in (0, 1):
        assert eventually(lambda at=number: search.history[at].attempt == attempts[at])
        assert eventually(lambda at=number: search.history[at].epochs > 2)
        search.steer.stop_trial(number)
        assert eventually(lambda at=number: search.history[at].status == "completed")
    search.wait()
    soak = Soak()
    lines = (search.directory / "journal.jsonl").read_text().splitlines()
    _check_journal([json.loads(line) for line in lines], 2, soak)
    assert soak.broken == []
    assert np.isfinite(search.best.model().predict(search.data.x_test, verbose=0)).all()


def test_a_scale_down_and_a_lost_scheduler_are_no_trials_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_task, "host_process", lambda *_: None)
    with (
        LocalCluster(n_workers=2, processes=False, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        client.wait_for_workers(2, timeout=300)
        workers = DaskWorkers(client, replace(parcel(tmp_path, tiny_data()), versions={}))
        links = {place: workers.start(0, place) for place in workers.places}
        cluster.scale(1)
        assert eventually(lambda: len(workers.places) == 1)
        (gone,) = links.keys() - workers.places
        assert not links[gone].receive()
        assert (links[gone].exit_code, links[gone].left) == (255, True)
        assert links[gone].how_it_ended == f"left with its Dask worker {gone}"
        monkeypatch.setattr(client, "status", "connecting")
        with pytest.warns(NasWarning, match=r"Dask's scheduler at .* does not answer: the search"):
            assert not workers.places
        assert workers.about.endswith(", which does not answer: the search waits for it")
        (other,) = links.keys() - {gone}
        assert not links[other].receive()
        assert (links[other].exit_code, links[other].left) == (255, True)
        refused = workers.start(0, other)
        assert not refused.receive()
        assert refused.left
        monkeypatch.undo()
        assert eventually(lambda: [*workers.places] == [other])
        workers.close()


def test_a_client_that_was_closed_is_refused(client: Client, tmp_path: Path) -> None:
    client.close()
    with pytest.raises(SearchError, match=r"client that is connected. Received: one that is clos"):
        tiny_search(tmp_path / "run", workers=client).start()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "tls://127.0.0.1:9", "tcp://", "ucx://x"])
def test_an_address_where_nobody_can_be_asked_is_refused(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "ANSWERS_S", 0.5)
    search = tiny_search(tmp_path / "run", workers=address)
    gc.disable()  # what is left to it may be closed by a thread that waits for itself
    try:
        with pytest.raises(SearchError, match=rf"that answers. Received: workers='{address}"):
            search.start()
        left = {one.status for one in gc.get_objects() if type(one) is Client}
        assert left <= {"closed", "newly-created", "running"}
    finally:
        gc.enable()
    assert not (tmp_path / "run").exists()


def test_a_missing_extra_is_told_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    search = tiny_search(tmp_path / "run", workers="tcp://127.0.0.1:9")
    with pytest.raises(SearchError, match=r'pip install "nas_nb\[dask\]"'):
        search.start()
    assert not (tmp_path / "run").exists()


def test_workers_of_another_version_are_refused(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = {**run.recorded_versions(), "keras": "99.0", "nas_nb_of_tomorrow": "1"}
    monkeypatch.setattr(run, "recorded_versions", lambda: newer)
    search = tiny_search(tmp_path / "run", workers=client)
    with pytest.raises(
        SearchError, match=r"tcp://.*: it has keras \d.*, the kernel 99.0; nas_nb_of_.* missing"
    ):
        search.start()
    assert not (tmp_path / "run").exists()
