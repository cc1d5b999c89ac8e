from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import nas_nb as nas
from nas_nb.data.dataset import Data
from nas_nb.errors import NasError, SearchError, SpaceError
from nas_nb.search.search import Search
from nas_nb.strategy.base import Proposal
from tests.search.test_continuation import VALUES, search_of
from tests.search.tiny import CHOICES, said, tiny_data, tiny_search

IMAGES = {"layers": ["Conv2D"], "units": [2], "activations": ["relu"], "depth": [1]}


def pictures() -> Data:
    rng = np.random.default_rng(0)
    x = rng.random((60, 8, 8, 1)).astype("float32")
    return Data.from_arrays(x, np.where(x.mean(axis=(1, 2, 3)) > 0.5, "light", "dark"), seed=0)


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


def test_smaller_images_make_smaller_candidates_and_the_best_takes_them(tmp_path: Path):
    search = Search(
        IMAGES, pictures(), max_trials=1, epochs=1, resolution=0.5, directory=tmp_path
    ).run()
    assert search.best.model().input_shape == (None, 4, 4, 1)
    assert set(search.best.evaluate()) == {"accuracy", "loss"}
    assert search.trials["resolution"][0] == 0.5


def flexible(hp: Any) -> keras.Model:
    inputs = keras.Input((None, None, 1))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(hp.Int("units", 2, 3), 3)(inputs))
    model = keras.Model(inputs, layers.Dense(1, "sigmoid")(x))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def fixed(hp: Any) -> keras.Model:
    inputs = keras.Input((8, 8, 1))
    x = layers.Flatten()(layers.Conv2D(hp.Int("units", 2, 3), 3)(inputs))
    model = keras.Model(inputs, layers.Dense(1, "sigmoid")(x))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def test_models_of_the_users_own_are_asked_whether_they_take_smaller_images(tmp_path: Path):
    given: dict[str, Any] = {"max_trials": 1, "epochs": 1, "strategy": "random"}
    half = Search(flexible, pictures(), resolution=0.5, directory=tmp_path, **given).run()
    assert half.history[0].status == "completed"
    with pytest.raises(SpaceError, match=r"models for \(8, 8, 1\)"):
        Search(fixed, pictures(), resolution=0.5, **given)


def test_a_resolution_that_makes_no_sense_is_refused_or_a_row_with_its_reason(tmp_path: Path):
    with pytest.raises(NasError, match="Expected images"):
        tiny_search(tmp_path / "never", resolution=0.5)
    low = Proposal(VALUES, {"resolution": 0.5})
    search = search_of(tmp_path, low, epochs=1).run()
    assert search.trials["status"][0] == "failed"
    assert "Expected images" in search.trials["reason"][0]


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
