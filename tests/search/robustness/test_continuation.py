from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from nas_nb.record.journal import read_history
from nas_nb.search.search import Search
from nas_nb.strategy.base import Proposal, Strategy
from nas_nb.workers import trial_evaluation
from nas_nb.workers.control import SearchState
from tests.search.tiny import eventually, said, tiny_search

VALUES = {
    "depth": 1, "layer_1": "Dense", "units_1": 3, "activation_1": "relu", "learning_rate": 0.01,
}  # fmt: skip
OTHER = {**VALUES, "units_1": 4}


@dataclass(frozen=True)
class Scripted(Strategy):
    """Proposes what it was told to."""

    name: ClassVar[str] = "scripted"
    proposals: tuple[Proposal, ...] = ()

    @property
    def options(self) -> dict[str, Any]:
        return {}

    def propose(self, history: Any, rng: Any) -> Proposal:
        return self.proposals[len(history)]


def search_of(directory: Path, *proposals: Proposal, **changes: Any) -> Search:
    strategy = Scripted(proposals=proposals)
    return tiny_search(directory, strategy=strategy, max_trials=len(proposals), **changes)


def weights(search: Search) -> list[Any]:
    return list(search.best.model().get_weights())


def test_a_promoted_trial_equals_one_that_was_never_interrupted(tmp_path: Path):
    low, high = Proposal(VALUES, {"epochs": 2}), Proposal(VALUES, {"epochs": 6})
    rungs = [low, Proposal(VALUES, {"epochs": 4}, 0), Proposal(VALUES, {"epochs": 6}, 1)]
    steps = search_of(tmp_path / "steps", *rungs, epochs=6).run()
    whole = search_of(tmp_path / "whole", high, epochs=6).run()
    top = steps.history[2]
    assert top.curve == whole.history[0].curve
    assert said(top) == "continued from epoch 4 of trial 1"
    assert steps.history.epochs_spent == 6
    assert top.score == whole.history[0].score
    assert steps.history[2].seed == whole.history[0].seed
    for one, two in zip(weights(steps), weights(whole), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_state_that_is_gone_or_damaged_costs_time_and_nothing_else(tmp_path: Path):
    low, more = Proposal(VALUES, {"epochs": 2}), Proposal(VALUES, {"epochs": 4}, 0)
    for fate in ("gone", "damaged"):
        first = search_of(tmp_path / fate, low, epochs=4).run()
        state = tmp_path / fate / "states" / "trial_000000.npz"
        if fate == "gone":
            state.unlink()
        else:
            content = state.read_bytes()
            state.write_bytes(content[: len(content) // 2])
        again = search_of(tmp_path / fate, low, more, epochs=4).run()
        trial = again.history[1]
        assert trial.curve[:2] == first.history[0].curve
        assert trial.epochs == 4
        assert "trains again what trial 0 had trained" in (trial.note or "")


def test_a_state_of_another_model_is_not_taken(tmp_path: Path):
    low, more = Proposal(VALUES, {"epochs": 2}), Proposal(VALUES, {"epochs": 4}, 0)
    search_of(tmp_path, low, Proposal(OTHER, {"epochs": 2}), epochs=4).run()
    states = tmp_path / "states"
    (states / "trial_000001.npz").replace(states / "trial_000000.npz")
    trial = (
        search_of(tmp_path, low, Proposal(OTHER, {"epochs": 2}), more, epochs=4).run().history[2]
    )
    assert trial.epochs == 4
    assert "its kept state could not be read" in (trial.note or "")


def test_a_plain_function_may_promote_a_trial(tmp_path: Path):
    def propose(history: Any, rng: Any) -> Proposal:
        if len(history) == 0:
            return Proposal(VALUES, {"epochs": 1})
        return Proposal(history[0].values, {"epochs": 3}, parent=0)

    search = tiny_search(tmp_path, strategy=propose, max_trials=2, epochs=3).run()
    assert [trial.epochs for trial in search.history] == [1, 3]
    assert said(search.history[1]) == "continued from epoch 1 of trial 0"


def test_a_child_of_another_architecture_inherits_and_says_what(tmp_path: Path):
    child = Proposal(OTHER, {}, 0)
    search = search_of(tmp_path, Proposal(VALUES), child, epochs=3).run()
    note = search.history[1].note or ""
    assert note.startswith("inherited from trial 0: ")
    assert "1 widened" in note
    alone = search_of(tmp_path / "alone", Proposal(VALUES), Proposal(OTHER), epochs=3).run()
    assert search.history[1].curve != alone.history[1].curve


def test_children_of_an_evolution_that_inherits_start_from_their_parents(tmp_path: Path):
    options = {"population": 3, "sample": 2, "inherit_weights": True}
    search = tiny_search(
        tmp_path, strategy="evolution", strategy_options=options, max_trials=7, epochs=2, seed=1
    ).run()
    # A third of the budget is the initial design.
    assert [trial.parent is None for trial in search.history] == [True] * 2 + [False] * 5
    for trial in list(search.history)[2:]:
        assert f"inherited from trial {trial.parent}: " in (trial.note or "")


def test_of_trials_that_may_be_promoted_only_the_best_keep_their_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("nas_nb.workers.checkpoints.KEPT_STATES", 2)
    lows = [Proposal({**VALUES, "units_1": units}, {"epochs": 1}) for units in (2, 3, 4)]
    search = search_of(tmp_path, *lows, epochs=3).run()
    ranked = sorted(search.history, key=lambda trial: -(trial.score or 0))[:2]
    kept = {file.name for file in (tmp_path / "states").iterdir()}
    assert kept == {f"trial_{trial.number:06d}.npz" for trial in ranked}
    best = ranked[0]
    up = Proposal(dict(best.values), {"epochs": 3}, best.number)
    search_of(tmp_path, *lows, up, epochs=3).run()
    kept = {file.name for file in (tmp_path / "states").iterdir()}
    assert f"trial_{best.number:06d}.npz" not in kept


CUT = """
import sys
from pathlib import Path
from nas_nb.workers import trial_evaluation
from tests.search.robustness.test_continuation import long_search
trial_evaluation.EVERY_S = float(sys.argv[2])
long_search(Path(sys.argv[1])).run()
"""


def long_search(directory: Path) -> Search:
    return search_of(directory, Proposal(VALUES), epochs=200)


def killed_in_its_trial(directory: Path, root: Path, every_s: float) -> int:
    """Kills a kernel within a trial; returns how many epochs its journal has."""
    command = [sys.executable, "-c", CUT, str(directory), str(every_s)]
    process = subprocess.Popen(command, cwd=root)
    journal = directory / "journal.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if journal.is_file() and read_history(journal).epochs_spent > 20:
            break
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    return read_history(journal).epochs_spent


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Search:
    return long_search(tmp_path_factory.mktemp("whole")).run()


def test_a_kernel_killed_within_a_trial_costs_no_more_than_the_last_epochs(
    tmp_path: Path, root: Path, whole: Search
):
    before = killed_in_its_trial(tmp_path, root, every_s=0.0)
    reopened = long_search(tmp_path)
    assert reopened.history[0].epochs == before < 200
    reopened.run()
    trial = reopened.history[0]
    assert trial.attempt == 2
    assert (trial.note or "").startswith("continued from epoch")
    assert reopened.history.epochs_spent < 200 + before
    assert trial.curve == whole.history[0].curve
    for one, two in zip(weights(reopened), weights(whole), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_short_trial_that_was_stopped_begins_again_and_says_so(tmp_path: Path, whole: Search):
    search = long_search(tmp_path).start()
    assert eventually(lambda: search.history.epochs_spent > 5)
    search.stop()
    search.wait()
    assert search.state is SearchState.STOPPED
    search.run()
    assert said(search.history[0]) == "cut off before: trained from its start"
    assert search.history[0].curve == whole.history[0].curve


def test_a_stopped_trial_goes_on_from_its_last_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Search
):
    monkeypatch.setattr(trial_evaluation, "EVERY_S", 0.0)
    search = long_search(tmp_path).start()
    assert eventually(lambda: search.history.epochs_spent > 5)
    search.stop()
    search.wait()
    search.run()
    assert "continued from epoch" in (search.history[0].note or "")
    assert search.history[0].curve == whole.history[0].curve
