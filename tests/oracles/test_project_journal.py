from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras_tuner as kt
import pytest

from nas_nb.errors import JournalError, StrategyError
from nas_nb.oracles.strategy_oracle import StrategyOracle, oracle
from nas_nb.record.journal import read_history
from nas_nb.strategy.random_grid import RandomSearch
from tests.strategy.worlds import MAXIMISE, MINIMISE, quality, run, twelve


class Formula(kt.Tuner):  # type: ignore[misc]
    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        # Asked for in training only: the space grows while the search runs.
        trial.hyperparameters.Choice("late", [1, 2])
        return {"quality": quality(trial.hyperparameters.values)}


def build(hp: kt.HyperParameters) -> None:
    hp.Choice("units", [8, 16, 32])
    hp.Boolean("deep")


def search(folder: Path, objective: Any = MAXIMISE, **given: Any) -> StrategyOracle:
    overwrite = given.pop("overwrite", False)
    seen = oracle("random", objective, **{"max_trials": 3, "seed": 0, **given})
    Formula(seen, build, directory=folder, project_name="p", overwrite=overwrite).search()
    return seen


def values(seen: StrategyOracle) -> list[dict[str, Any]]:
    return [dict(trial.values) for trial in seen.history]


def test_a_longer_search_proposes_what_one_run_would_have(tmp_path: Path) -> None:
    search(tmp_path / "two")
    assert values(search(tmp_path / "two", max_trials=6)) == values(
        search(tmp_path / "one", max_trials=6)
    )


def test_a_project_before_its_first_end_goes_on_too(tmp_path: Path) -> None:
    first = search(tmp_path)
    (tmp_path / "p" / "tuner0.json").unlink()
    assert values(search(tmp_path, max_trials=4))[:3] == values(first)


def test_overwriting_starts_anew(tmp_path: Path) -> None:
    search(tmp_path)
    seen = search(tmp_path, overwrite=True, seed=1, max_trials=2)
    assert len(read_history(tmp_path / "p" / "journal.jsonl")) == len(seen.history) == 2


def test_another_seed_or_objective_is_refused(tmp_path: Path) -> None:
    search(tmp_path)
    with pytest.raises(StrategyError, match=r"Expected the seed .* \(0, now 1\)"):
        search(tmp_path, seed=1)
    with pytest.raises(StrategyError, match="Expected the objective"):
        search(tmp_path, MINIMISE)


def test_another_space_is_refused(tmp_path: Path) -> None:
    search(tmp_path)
    hp = kt.HyperParameters()
    hp.Choice("units", [8, 64])
    with pytest.raises(StrategyError, match=r"another one \('units' .*, now 8, 64\)"):
        search(tmp_path, hyperparameters=hp)


def test_seed_and_objective_are_those_of_the_project_where_none_is_given(tmp_path: Path) -> None:
    search(tmp_path, seed=7)
    seen = search(tmp_path, None, seed=None, max_trials=4)
    assert (seen.seed, seen.objective.name, seen.objective.direction) == (7, "quality", "max")


def test_the_project_is_free_when_its_search_has_ended(tmp_path: Path) -> None:
    search(tmp_path)
    search(tmp_path, max_trials=5)
    code = "import sys; from nas_nb.record.journal import Journal; Journal.open(sys.argv[1])"
    path = tmp_path / "p" / "journal.jsonl"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


def test_a_project_that_another_kernel_writes_is_left_to_it(tmp_path: Path) -> None:
    code = (
        "import sys; from nas_nb.record.journal import Journal; "
        "j = Journal.open(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    )
    path = tmp_path / "p" / "journal.jsonl"
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == b"held"
        with pytest.raises(JournalError, match="the only writer"):
            search(tmp_path)
        other.communicate()


def test_a_loop_without_a_tuner_stays_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(StrategyOracle(RandomSearch(domain=twelve()), MAXIMISE, 3, seed=0))
    assert list(tmp_path.iterdir()) == []
