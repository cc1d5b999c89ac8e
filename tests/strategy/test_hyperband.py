from __future__ import annotations

from typing import Any

import keras_tuner as kt
import pytest

from nas_nb.errors import StrategyError
from nas_nb.oracles.strategy_oracle import StrategyOracle
from nas_nb.record.trial import values_key
from nas_nb.space.hyperparameters import to_hyperparameters
from nas_nb.strategy.successive_halving import Hyperband
from tests.strategy.worlds import MAXIMISE, answer, early, mixed, train


def epochs_of_keras_tuner(max_epochs: int, factor: int) -> list[int]:
    """The epochs of the trials that KerasTuner's own oracle hands out, in order."""

    class Quiet(kt.oracles.HyperbandOracle):  # type: ignore[misc]
        def save(self) -> None:
            """Writes nothing."""

        def _save_trial(self, trial: Any) -> None:
            """Writes nothing."""

    theirs = Quiet(
        MAXIMISE, max_epochs=max_epochs, factor=factor, hyperparameters=to_hyperparameters(mixed())
    )
    theirs.verbose = 0
    epochs = []
    while (trial := theirs.create_trial("loop")).status == "RUNNING":
        values = {n: v for n, v in trial.hyperparameters.values.items() if "tuner/" not in n}
        epochs.append(trial.hyperparameters.values["tuner/epochs"])
        answer(theirs, trial, early(values, epochs[-1]))
    return epochs


@pytest.mark.parametrize(("max_epochs", "factor"), [(9, 3), (10, 3), (8, 2)])
def test_it_runs_the_rounds_that_keras_tuner_runs(max_epochs: int, factor: int) -> None:
    once = Hyperband(
        factor=factor, max_epochs=max_epochs, hyperband_iterations=1, domain=mixed().distinct
    )
    seen = StrategyOracle(once, MAXIMISE, seed=0)
    ours = [epochs for _, epochs in train(seen)]
    assert ours == epochs_of_keras_tuner(max_epochs, factor)
    assert seen.reason is not None
    assert "All the brackets that 'hyperband' was asked for are done" in seen.reason


def test_it_begins_again_when_all_brackets_are_done() -> None:
    seen = StrategyOracle(Hyperband(domain=mixed()), MAXIMISE, seed=0, epochs=3)
    epochs = [epochs for _, epochs in train(seen, trials=12)]
    assert epochs == [1, 1, 1, 3, 3, 3] * 2


def test_what_is_promoted_is_the_best_of_its_round() -> None:
    seen = StrategyOracle(Hyperband(domain=mixed()), MAXIMISE, seed=0, epochs=9)
    tried = train(seen, trials=12)
    first = {values_key(values): early(values, epochs) for values, epochs in tried[:9]}
    promoted = tried[9:]
    best = sorted(first, key=lambda key: -first[key])[:3]
    assert [values_key(values) for values, _ in promoted] == best
    assert [epochs for _, epochs in promoted] == [3, 3, 3]


def test_a_search_that_does_not_say_its_epochs_is_refused() -> None:
    seen = StrategyOracle(Hyperband(domain=mixed()), MAXIMISE, seed=0)
    with pytest.raises(StrategyError, match="'hyperband' expected to know the epochs"):
        seen.create_trial("loop")


@pytest.mark.parametrize("options", [{"factor": 1}, {"max_epochs": 0}, {"hyperband_iterations": 0}])
def test_options_out_of_range_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(StrategyError, match=f"`{next(iter(options))}`"):
        Hyperband(**options)
