from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest
from keras import layers

import nas_nb as nas
from nas_nb.errors import SearchError
from nas_nb.strategy.base import Proposal
from tests.search.robustness.test_continuation import VALUES, search_of
from tests.search.tiny import CHOICES, said, tiny_data, tiny_search


def test_a_grant_of_the_search_is_shown_kept_and_needed_to_go_on(tmp_path: Path):
    search = tiny_search(
        tmp_path, max_trials=1, data_fraction=0.5, executions_per_trial=2, patience=5
    ).run()
    row = search.trials.iloc[0]
    assert (row["data_fraction"], row["executions_per_trial"], row["epochs"]) == (0.5, 2, 2)
    assert row["spread"] >= 0
    again = nas.open(tmp_path, data=tiny_data())
    assert again.settings.fidelity == search.settings.fidelity
    with pytest.raises(SearchError, match="another fidelity"):
        tiny_search(tmp_path, data_fraction=0.25)
    assert again.best.model().predict(tiny_data().x_val, verbose=0).shape == (20, 1)


def test_the_score_of_repeats_is_the_best_epochs_mean(tmp_path: Path):
    search = tiny_search(tmp_path, max_trials=1, executions_per_trial=3).run()
    trial = search.history[0]
    assert trial.score == max(logs["val_accuracy"] for logs in trial.curve)
    assert search.history.epochs_spent == 6
    alone = tiny_search(tmp_path / "alone", max_trials=1).run().history[0]
    assert trial.seed == alone.seed
    assert trial.curve != alone.curve


def test_epochs_of_the_budget_are_those_of_all_repeats(tmp_path: Path):
    search = tiny_search(
        tmp_path, max_trials=None, max_epochs=8, epochs=3, executions_per_trial=2
    ).run()
    assert [trial.epochs for trial in search.history] == [3, 1]


def test_a_trial_of_a_lower_fidelity_is_shown_as_such(tmp_path: Path):
    low = Proposal(VALUES, {"epochs": 1, "data_fraction": 0.5})
    high = Proposal(VALUES, {}, 0)
    search = search_of(tmp_path, low, high, epochs=2).run()
    frame = search.trials
    assert list(frame["epochs"]) == [1, 2]
    assert frame["data_fraction"].tolist()[0] == 0.5
    assert frame["parent"].tolist()[1] == 0
    # On other samples the epochs of the one are not those of the other: only weights are taken.
    assert "inherited from trial 0: " in frame["note"][1]
    assert search.history.epochs_spent == 3


def test_patience_ends_a_trial_as_keras_would_and_says_so(tmp_path: Path):
    search = tiny_search(
        tmp_path, max_trials=1, epochs=50, patience=2, min_delta=0.01, objective="val_accuracy"
    ).run()
    trial = search.history[0]
    assert trial.epochs < 50
    assert said(trial) == f"ended at epoch {trial.epochs}: no better for 2 epochs"
    scores = [logs["val_accuracy"] for logs in trial.curve]
    assert max(scores[-2:]) <= max(scores[:-2]) + 0.01


def test_a_trial_that_cannot_win_is_ended_and_says_what_it_could_not_reach(tmp_path: Path):
    rates = {**CHOICES, "learning_rate": [0.1, 1e-7]}
    good = [
        Proposal({**VALUES, "units_1": units, "activation_1": activation, "learning_rate": 0.1})
        for units in (3, 4)
        for activation in ("relu", "tanh")
    ]
    good.append(Proposal({**VALUES, "units_1": 2, "activation_1": "tanh", "learning_rate": 0.1}))
    bad = Proposal({**VALUES, "learning_rate": 1e-7})
    search = search_of(tmp_path, *good, bad, space=rates, epochs=12, prune=True).run()
    trial = search.history[5]
    fifth = min(t.score for t in search.history.trials[:5] if t.score is not None)
    assert said(trial) == f"ended at epoch 4: it can hardly reach {fifth:.4g}, the 5th best score"
    assert [t.epochs for t in search.history.trials[:5]] == [12] * 5
    assert trial.status == "completed"


class Quits(keras.Model):
    """A model whose own code ends its training after the first epoch."""

    def train_step(self, data: Any) -> Any:
        self.stop_training = True
        return super().train_step(data)


def quitting(hp: Any) -> keras.Model:
    inputs = keras.Input((4,))
    model = Quits(inputs, layers.Dense(hp.Int("units", 1, 1), "sigmoid")(inputs))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"], run_eagerly=True)
    return model


@pytest.mark.tensorflow
def test_a_training_that_the_models_own_code_ends_is_over(tmp_path: Path):
    search = tiny_search(tmp_path, space=quitting, max_trials=1, epochs=5).run()
    assert search.trials["status"][0] == "completed"
    assert search.history[0].epochs == 1


def test_the_journal_says_how_many_steps_an_epoch_is(tmp_path: Path):
    search = tiny_search(tmp_path, max_trials=1, batch_size=8, data_fraction=0.5).run()
    assert search.history.steps_per_epoch == -(-round(len(search.data.x_train) / 2) // 8)
