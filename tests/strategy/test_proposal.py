"""A proposal with a fidelity and a parent, checked and carried into the record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from nas_nb.errors import StrategyError
from nas_nb.oracles.strategy_oracle import StrategyOracle
from nas_nb.space.domain import Domain
from nas_nb.space.hyperparameters import to_hyperparameters
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.strategy.base import Proposal, Strategy

DOMAIN = Domain((Parameter("units", ParameterKind.CHOICE, choices=(1, 2, 3)),))


@dataclass(frozen=True)
class Twice(Strategy):
    """Trains one architecture for one epoch, then goes on with it for two more."""

    name: ClassVar[str] = "twice"

    def propose(self, history: Any, rng: Any) -> Proposal:
        if not len(history):
            return Proposal({"units": 2}, {"epochs": 1})
        return Proposal({"units": 2}, {"epochs": 3}, parent=0)


@pytest.mark.parametrize(
    ("fidelity", "said"),
    [
        ({"epochs": 0}, "1 or more"),
        ({"epochs": 1.5}, "whole number"),
        ({"data_fraction": 0.0}, "above 0"),
        ({"data_fraction": 2.0}, "at most 1"),
        ({"data_fraction": "0.5"}, "a number above 0"),
        (3, r"to be a dict.*Received: 3 \(of type int\)"),
        ({"epoch": 3}, "one of epochs"),
    ],
)
def test_a_fidelity_out_of_range_is_refused(fidelity: Any, said: str) -> None:
    with pytest.raises(StrategyError, match=said):
        Proposal({"units": 1}, fidelity)


def test_fidelity_and_parent_are_in_the_record_and_the_parents_curve_counts_on() -> None:
    oracle = StrategyOracle(
        Twice(domain=DOMAIN),
        "val_accuracy",
        hyperparameters=to_hyperparameters(DOMAIN),
        seed=0,
        start_of=lambda trial: 1 if trial.parent is not None else 0,
    )
    first = oracle.create_trial("tuner")
    oracle.update_trial(first.trial_id, {"val_accuracy": 0.5})
    oracle.end_trial(first)
    second = oracle.create_trial("tuner")
    assert second.hyperparameters.values["tuner/epochs"] == 3
    assert second.hyperparameters.values["tuner/trial_id"] == "000000"
    oracle.journal.append("epoch_ended", trial=1, epoch=2, logs={"val_accuracy": 0.6})
    trial = oracle.history[1]
    assert (trial.parent, trial.fidelity, trial.epochs_granted) == (0, {"epochs": 3}, 3)
    assert [logs["val_accuracy"] for logs in trial.curve] == [0.5, 0.6]
    assert oracle.history.epochs_spent == 2
    assert [one.number for one in oracle.history.trials_of({"units": 2})] == [0, 1]
