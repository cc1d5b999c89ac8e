from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import keras
import numpy as np
import pytest
from keras import layers

import nas_nb as nas
from nas_nb.errors import NasWarning, SearchError
from nas_nb.evaluate.global_state import default_seeds, seeded
from nas_nb.export.keras_source import keras_source
from nas_nb.search.search import Search
from tests.search.tiny import tiny_data, tiny_search, unbuildable


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Search:
    return tiny_search(tmp_path_factory.mktemp("retraining"), max_trials=6).run()


def weights_of(trial: Any) -> list[Any]:
    return list(trial.model().get_weights())


def test_it_repeats_the_trial_and_leaves_the_searchs_record_alone(search: Search) -> None:
    before, trial = search.trials, search.best
    again = trial.retrain(verbose=0)
    assert (again.number, again.values, again.score) == (trial.number, trial.values, trial.score)
    assert [*again.curve] == [*trial.curve]
    for mine, its in zip(weights_of(again), weights_of(trial), strict=True):
        np.testing.assert_array_equal(mine, its)
    assert search.trials.equals(before)
    record = next((search.directory / "retrained").glob(f"trial_{trial.number:06d}_*.json"))
    assert json.loads(record.read_text())["score"] == trial.score
    assert again.evaluate() == trial.evaluate()


def test_where_it_can_not_be_kept_nothing_is_trained_or_the_model_stays_in_memory(
    tmp_path: Path,
) -> None:
    search = tiny_search(tmp_path, max_trials=1).run()
    folder = tmp_path / "retrained"
    folder.write_text("in the way")
    with pytest.raises(SearchError, match=r"Expected to keep the training.*Nothing was trained"):
        search.best.retrain(verbose=0)
    folder.unlink()
    full = OSError(28, "No space left on device")
    with (
        patch("nas_nb.search.retraining.write_weights", side_effect=full),
        pytest.warns(NasWarning, match="could not be kept: No space left on device.*save it"),
    ):
        again = search.best.retrain(verbose=0)
    assert again.score == search.best.score
    assert again.evaluate() == search.best.evaluate()
    assert search.retrained == []
    os.mkfifo(folder / "trial_000000_1.json")  # a reader would wait for it
    with pytest.raises(SearchError, match="Received: a file that is damaged"):
        _ = search.retrained


def test_what_was_retrained_is_listed_also_where_the_search_is_opened_again(
    tmp_path: Path,
) -> None:
    search = tiny_search(tmp_path, max_trials=1).run()
    assert search.retrained == []
    made = [
        search.best.retrain(verbose=0, seed=4),
        search.best.retrain(on="train+validation", epochs=2, verbose=0),
    ]
    found = tiny_search(tmp_path, max_trials=1).retrained
    for one, again in zip(made, found, strict=True):
        assert (one.record.score, one.record.note, [*one.curve]) == (
            again.record.score,
            again.record.note,
            [*again.curve],
        )
        for mine, its in zip(weights_of(one), weights_of(again), strict=True):
            np.testing.assert_array_equal(mine, its)
    (tmp_path / "retrained" / "trial_000000_1.json").write_text("{")
    with pytest.raises(SearchError, match=r"trial_000000_1.json. Received: a file that is damag"):
        _ = search.retrained


def test_a_trial_without_weights_gets_them(search: Search) -> None:
    last = search.top(6)[-1]
    with pytest.raises(SearchError, match=rf"search.trial\({last.number}\).retrain\(\)"):
        last.model()
    again = last.retrain(verbose=0)
    assert again.score == last.score
    assert set(again.predict(search.data.x_test)) <= set(search.data.classes)


def test_the_best_epoch_is_kept_and_callbacks_are_called(search: Search) -> None:
    seen: list[int] = []
    follower = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    again = search.best.retrain(epochs=5, seed=7, batch_size=16, callbacks=[follower], verbose=0)
    scores = [logs["val_accuracy"] for logs in again.curve]
    assert (seen, len(scores), again.score) == ([0, 1, 2, 3, 4], 5, max(scores))
    x, y = search.data.part("val")
    measured = again.model().evaluate(x, y, verbose=0, return_dict=True)
    assert measured["accuracy"] == pytest.approx(again.score)
    assert (again.record.seed, again.record.fidelity["batch_size"]) == (7, 16)
    first = f"Trial {search.best.number} retrained: 5 epochs on train, seed 7, val_accuracy "
    assert repr(again).startswith(first)
    assert "retrained" not in repr(search.best)


def test_with_the_validation_rows_nothing_is_left_to_score_it_by(search: Search) -> None:
    again = search.best.retrain(epochs=2, on="train+validation", verbose=0)
    assert np.isnan(again.score)
    assert [set(logs) for logs in again.curve] == [{"accuracy", "loss"}] * 2
    assert set(again.evaluate()) == {"accuracy", "loss"}
    told = (
        f"Trial {again.number} retrained: 2 epochs on train+validation, seed {again.record.seed}\n"
    )
    assert repr(again).startswith(told)
    assert "np.concatenate([x_train, x_val])" in again.code(training=True)


def test_it_goes_on_from_the_trials_weights(search: Search) -> None:
    first = search.best.retrain(epochs=3, verbose=0)
    further = first.retrain(epochs=1, further=True, verbose=0)
    assert further.curve[0]["loss"] < first.curve[0]["loss"]
    assert ": 1 epoch more on train, seed " in repr(further)
    assert "its score differs" in further.code(training=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"seed": -1},
        {"on": "test"},
        {"epochs": 1.5},
        {"callbacks": ["early stopping"]},
        {"callbacks": 5},
    ],
)
def test_what_does_not_fit_gets_a_sentence(search: Search, wrong: dict[str, Any]) -> None:
    with pytest.raises(SearchError, match=next(iter(wrong))):
        search.best.retrain(**wrong)


def test_a_trial_that_can_not_be_built_says_so(tmp_path: Path) -> None:
    search = tiny_search(tmp_path, space=unbuildable, max_trials=2, strategy="grid").run()
    failed = next(one for one in map(search.trial, range(2)) if one.values["kernel"] == 9)
    for asked in (failed.retrain, failed.code):
        with pytest.raises(SearchError, match=r"can't be built: .*does not fit"):
            asked()


def attention() -> keras.Model:
    layers.Dense(3)  # draws a seed that no layer of the model has
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Embedding(9, 4)(inputs)
    x = layers.MultiHeadAttention(2, 2, dropout=0.1)(x, x)
    x = layers.Bidirectional(layers.GRU(3, dropout=0.2))(layers.Dropout(0.3)(x))
    return keras.Model(inputs, layers.Dense(2, kernel_initializer="he_normal")(x))


def test_the_seeds_of_a_model_make_it_again_from_its_source() -> None:
    made: dict[str, Any] = {}
    with seeded(3):
        model = attention()
    exec(keras_source(model), made)
    seeds = iter(default_seeds(model, made["build_model"]))
    state = random.getstate()
    with patch("random.randint", lambda low, high: next(seeds)):
        again = made["build_model"]()
    assert random.getstate() == state
    for mine, its in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, its)


@pytest.mark.tensorflow
def test_the_script_of_a_trial_reproduces_its_score_in_a_fresh_process(tmp_path: Path) -> None:
    data = nas.load("wine")
    choices = {"layers": ["Dense"], "units": [6], "activations": ["relu"], "dropout": [0.3]}
    options = {"strategy": "random", "max_trials": 1, "epochs": 3, "objective": "val_loss"}
    best = nas.Search(choices, data, directory=tmp_path / "run", **options).run().best
    script = tmp_path / "train.py"
    script.write_text(best.code(training=True))
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "its score differs" not in script.read_text()
    assert float(done.stdout.rpartition("val_loss: ")[2]) == pytest.approx(best.score, rel=1e-4)


def test_the_script_says_how_the_arrays_of_a_user_get_to_it(search: Search) -> None:
    script = search.best.code(training=True)
    assert 'np.load("data.npz")' in script
    assert f"# In the search: val_accuracy {search.best.score:.6g}." in script


class OwnDense(layers.Layer):
    """Its weights' initializer is kept nowhere."""

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], 1))

    def call(self, x: Any) -> Any:
        return keras.ops.sigmoid(x @ self.kernel)


def own_dense(hp: Any) -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), OwnDense()], name=hp.Choice("name", ["a"]))
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    return model


def test_the_script_says_where_it_can_not_draw_the_same_weights(tmp_path: Path) -> None:
    search = nas.Search(own_dense, tiny_data(), max_trials=1, epochs=1, directory=tmp_path).run()
    script = search.best.code(training=True)
    assert "from tests.search.test_retraining import OwnDense" in script
    assert "only the layer itself can draw: its score differs." in script
