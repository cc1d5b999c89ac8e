"""A kernel that dies after an epoch changes nothing; one that dies of a trial does not go on."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nas_nb.errors import SearchError
from nas_nb.record.journal import JOURNAL_FILE, read_history
from nas_nb.search.search import Search
from nas_nb.space.search_space import SearchSpace
from nas_nb.workers.control import SearchState
from tests.search.tiny import tiny_search

ENDS: dict[str, dict[str, Any]] = {
    "max_epochs": {"max_trials": None, "max_epochs": 7, "epochs": 3},
    "max_epochs in repeats": {
        "max_trials": None,
        "max_epochs": 8,
        "epochs": 3,
        "executions_per_trial": 2,
    },
    "patience": {"max_trials": 2, "epochs": 8, "patience": 1},
    "prune": {"max_trials": 7, "epochs": 4, "prune": True},
    "rungs": {"max_trials": 4, "epochs": 4, "strategy": "successive_halving"},
}


def kinds(folder: Path) -> list[str]:
    lines = (folder / JOURNAL_FILE).read_text().splitlines()
    return [json.loads(line)["event"] for line in lines]


def cut(whole: Path, folder: Path, lines: int, *, states: bool) -> None:
    """Leaves what a kernel that died after so many lines would have left."""
    folder.mkdir()
    kept = (whole / JOURNAL_FILE).read_text().splitlines(keepends=True)[:lines]
    (folder / JOURNAL_FILE).write_text("".join(kept))
    for kind in ("states", "checkpoints") if states else ():
        for file in (whole / kind).glob("trial_*") if (whole / kind).is_dir() else ():
            if int(file.name[6:12]) < len(read_history(folder / JOURNAL_FILE)):
                (folder / kind).mkdir(exist_ok=True)
                shutil.copy(file, folder / kind)


def told(search: Search) -> list[Any]:
    return [(t.values, t.status, t.score, t.curve, t.seed, t.parent) for t in search.history]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("states", [True, False], ids=["states kept", "states lost"])
def test_a_search_cut_after_an_epoch_ends_as_the_whole_one(end: str, states: bool, tmp_path: Path):
    whole = tiny_search(tmp_path / "whole", **ENDS[end]).run()
    events = kinds(tmp_path / "whole")
    last = [n for n, kind in enumerate(events[:-1], 1) if kind == "epoch_ended"]
    ends = [n for n in last if events[n] != "epoch_ended"]  # a trial's last, where ends are decided
    for lines in sorted({last[len(last) // 2], *ends[-2:]}):
        folder = tmp_path / f"cut {lines}"
        cut(tmp_path / "whole", folder, lines, states=states)
        again = tiny_search(folder, **ENDS[end]).run()
        assert told(again) == told(whole), f"cut after line {lines} of {len(events)}"
        if states:  # else what a parent had trained is trained again, and counts
            assert again.history.epochs_counted == whole.history.epochs_counted


def died_in(folder: Path, trial: int, times: int, **settings: Any) -> None:
    """Leaves the journal of a search whose kernels died as soon as they had begun a trial."""
    tiny_search(folder, **settings).run()
    lines = (folder / JOURNAL_FILE).read_text().splitlines(keepends=True)
    events = [json.loads(line) for line in lines]
    started = next(
        n for n, e in enumerate(events) if e["event"] == "trial_started" and e["trial"] == trial
    )
    again = [lines[0]]
    for attempt in range(2, times + 1):
        again += [json.dumps({**events[started], "attempt": attempt}) + "\n", lines[0]]
    (folder / JOURNAL_FILE).write_text("".join([*lines[: started + 1], *again[: 2 * times - 2]]))


def test_a_trial_of_which_two_kernels_died_is_failed_and_the_search_goes_on(tmp_path: Path):
    died_in(tmp_path, trial=1, times=2, max_trials=3)
    search = tiny_search(tmp_path, max_trials=3).run()
    assert [trial.status for trial in search.history] == ["completed", "failed", "completed"]
    assert "ended its kernel 2 times" in str(search.history[1].reason)


def test_a_trial_of_which_one_kernel_died_is_tried_again(tmp_path: Path):
    died_in(tmp_path, trial=1, times=1, max_trials=3)
    search = tiny_search(tmp_path, max_trials=3).run()
    assert [trial.status for trial in search.history] == ["completed"] * 3


SHUT_DOWN = """
import sys, time
from pathlib import Path
from tests.search.tiny import LONG, eventually, tiny_search
stuck = []
def is_stuck(history, rng):
    stuck.append(True)
    time.sleep(1000)
strategy = is_stuck if sys.argv[2] == "is_stuck" else sys.argv[2]
search = tiny_search(Path(sys.argv[1]), epochs=LONG, strategy=strategy).start()
assert eventually(lambda: search.history.epochs_spent > 0 or stuck)
"""


@pytest.mark.parametrize("strategy", ["random", "is_stuck"])
def test_a_kernel_that_is_shut_down_closes_its_journal(strategy: str, tmp_path: Path, root: Path):
    command = [sys.executable, "-c", SHUT_DOWN, str(tmp_path), strategy]
    subprocess.run(command, cwd=root, check=True, timeout=300)
    closed = json.loads((tmp_path / JOURNAL_FILE).read_text().splitlines()[-1])
    assert closed["event"] == "search_closed", kinds(tmp_path)
    assert (closed["state"], closed["reason"]) == ("stopped", "its kernel was shut down")
    ended = {trial.status for trial in read_history(tmp_path / JOURNAL_FILE)}
    assert not ended & {"completed", "failed"}


def exits(history: Any, rng: Any) -> None:
    sys.exit("no licence for the solver")


def is_cancelled(history: Any, rng: Any) -> None:
    raise asyncio.CancelledError("by the solver")


@pytest.mark.parametrize(("strategy", "said"), [(exits, "no licence"), (is_cancelled, "by the")])
@pytest.mark.parametrize("begin", [Search.start, Search.run])
def test_a_strategy_that_exits_or_is_cancelled_ends_the_search_with_its_reason(
    strategy: Callable[..., Any], said: str, begin: Callable[[Search], Any], tmp_path: Path
):
    search = tiny_search(tmp_path, strategy=strategy)
    with pytest.raises(SearchError, match=said):
        begin(search).wait()
    assert search.state is SearchState.FAILED
    assert said in str(search.reason)
    search.configure(strategy="random")
    assert len(search.run().history.completed) == 3


@pytest.mark.parametrize("error", [SystemExit("enough"), asyncio.CancelledError("enough")])
def test_a_candidate_that_exits_or_is_cancelled_has_failed_with_that_reason(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def build(space: SearchSpace, values: Any) -> None:
        raise error

    search = tiny_search(tmp_path, max_trials=1)
    monkeypatch.setattr(SearchSpace, "build_values", build)
    assert "enough" in str(search.run().history[0].reason)
