from __future__ import annotations

from pathlib import Path
from typing import Any

import keras_tuner as kt
import pytest
from keras_tuner.src.engine import oracle as kt_oracle

from nas_nb.errors import StrategyError
from nas_nb.oracles.strategy_oracle import StrategyOracle, oracle
from nas_nb.space.hyperparameters import to_hyperparameters
from nas_nb.strategy.evolution import Evolution
from nas_nb.strategy.random_grid import RandomSearch
from tests.strategy.worlds import MAXIMISE, MINIMISE, chain, quality, twelve


def test_several_objectives_are_refused_with_a_reason() -> None:
    for objectives in ([MAXIMISE, MINIMISE], kt_oracle.obj_module.MultiObjective([MAXIMISE])):
        with pytest.raises(StrategyError, match="one objective"):
            StrategyOracle("random", objectives)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"seed": -1}, "`seed` to be a whole number, 0 or more. Received: seed=-1"),
        ({"seed": 1.5}, "Received: seed=1.5"),
        ({"max_trials": 0}, "`max_trials` to be a whole number, 1 or more"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(StrategyError) as refused:
        StrategyOracle(RandomSearch(domain=chain()), MAXIMISE, **arguments)
    assert sentence in str(refused.value)


def test_the_factory_takes_a_name_and_its_options() -> None:
    space = to_hyperparameters(chain())
    seen = oracle("evolution", MINIMISE, 9, space, 3, population=4, sample=2)
    assert seen.strategy == Evolution(domain=chain(), population=4, sample=2)
    assert (seen.max_trials, seen.seed, seen.objective) == (9, 3, MINIMISE)


class Formula(kt.Tuner):  # type: ignore[misc]
    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> float:
        return quality(trial.hyperparameters.values)


def build(hp: kt.HyperParameters) -> None:
    hp.Choice("units", [8, 16, 32])
    hp.Boolean("deep")


def test_a_single_number_is_minimised_without_an_objective(tmp_path: Path) -> None:
    seen = oracle("random", seed=0)
    Formula(seen, build, directory=tmp_path).search()
    assert (seen.history.objective, seen.history.direction) == ("default_objective", "min")
    assert len(seen.history.completed) == 6
    assert "All 6 architectures" in str(seen.reason)


def test_a_stock_tuner_prints_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Formula(oracle("random", max_trials=2, seed=0), build, directory=tmp_path).search(verbose=1)
    assert capsys.readouterr().out == ""


def test_a_project_made_before_goes_on_and_knows_its_space(tmp_path: Path) -> None:
    first = oracle("random", max_trials=2, seed=0)
    Formula(first, build, directory=tmp_path).search()
    again = oracle("random", max_trials=4, seed=0)
    tuner = Formula(again, build, directory=tmp_path)
    assert list(again.trials) == ["000000", "000001"]
    assert again.hyperparameters.get_config() == first.hyperparameters.get_config()
    tuner.search()
    assert [t.values for t in again.history][:2] == [t.values for t in first.history]
    assert len(again.history.completed) == 4


def test_a_project_without_a_journal_needs_a_space_that_is_known(tmp_path: Path) -> None:
    Formula(oracle("random", max_trials=2, seed=0), build, directory=tmp_path).search()
    (tmp_path / "untitled_project" / "journal.jsonl").unlink()
    with pytest.raises(StrategyError, match="overwrite=True"):
        Formula(oracle("random", max_trials=2, seed=0), build, directory=tmp_path)
    known = StrategyOracle(RandomSearch(domain=twelve()), max_trials=2, seed=0)
    Formula(known, build, directory=tmp_path).search()
    assert len(known.history.completed) == 2
