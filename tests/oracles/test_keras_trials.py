from __future__ import annotations

import keras_tuner as kt

from nas_nb.oracles.trial_recorder import fidelity_values, past_trials, running_trial, trial_id
from nas_nb.record.history import History
from nas_nb.strategy.base import Proposal
from tests.strategy.test_rungs import opened, tell

POINT, OTHER = {"units": 1}, {"units": 2}


def climbed() -> History:
    history = opened(9)
    tell(history, Proposal(POINT, {"epochs": 3}), 0.5)
    tell(history, Proposal(POINT, {"epochs": 9}, parent=0), 0.6)
    tell(history, Proposal(OTHER, {"epochs": 9}, parent=0), 0.6)
    tell(history, Proposal(OTHER), 0.6)
    return history


def test_a_tuner_is_told_what_keras_tuners_hyperband_tells() -> None:
    history = climbed()
    assert fidelity_values(history[0], history, 0) == {"tuner/epochs": 3, "tuner/initial_epoch": 0}
    assert fidelity_values(history[1], history, 0) == {
        "tuner/epochs": 9,
        "tuner/initial_epoch": 3,
        "tuner/trial_id": trial_id(0),
    }


def test_epochs_that_were_kept_come_before_those_of_the_parent() -> None:
    history = climbed()
    assert fidelity_values(history[1], history, 5)["tuner/initial_epoch"] == 5


def test_one_that_inherits_from_another_begins_anew() -> None:
    history = climbed()
    assert fidelity_values(history[2], history, 0)["tuner/initial_epoch"] == 0


def test_a_full_training_is_told_nothing() -> None:
    history = climbed()
    assert fidelity_values(history[3], history, 0) == {}


def test_what_the_space_learned_of_later_has_its_default_where_it_counts() -> None:
    space = kt.HyperParameters()
    space.Int("units", 1, 9)
    space.Choice("later", [3, 5], default=5)
    with space.conditional_scope("units", [2]):
        space.Float("rate", 0.1, 0.9, default=0.4)
    history = climbed()
    one, *_, two = past_trials(history.finished, space)
    assert one.hyperparameters.values == {"units": 1, "later": 5}
    assert two.hyperparameters.values == {"units": 2, "later": 5, "rate": 0.4}
    again = running_trial(history[3], space.copy(), history, 0)
    assert again.hyperparameters.values == {"units": 2, "later": 5, "rate": 0.4}
    assert history[3].values == OTHER
