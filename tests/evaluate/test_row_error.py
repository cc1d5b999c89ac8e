from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import nas_nb as nas
from nas_nb.data.dataset import Data
from nas_nb.evaluate.training_state import row_error
from nas_nb.record.trial_facts import error_text, score_error, score_text, within_noise
from nas_nb.search.search import Search
from tests.search.tiny import tiny_search


def line() -> Data:
    x = np.random.default_rng(0).normal(size=(150, 4)).astype("float32")
    return Data.from_arrays(x, x @ [1.0, 2.0, 0.0, 0.0] + 0.3, name="line", seed=0)


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Search:
    folder = tmp_path_factory.mktemp("numbers")
    return tiny_search(folder, data=line(), max_trials=7, objective="val_mae").run()


def test_every_score_of_numbers_has_the_error_of_its_rows(search: Search) -> None:
    assert all((trial.standard_error or 0) > 0 for trial in search.history.completed)
    x, y = search.data.part("val")
    for best in search.top(3):
        misses = np.abs(best.model().predict(x, verbose=0)[:, 0] - y)
        expected = misses.std() / np.sqrt(len(y))
        assert score_error(search.history, best.record) == pytest.approx(expected, rel=1e-3)


def test_the_error_is_recorded_and_stands_beside_the_score(search: Search) -> None:
    again = nas.open(search.directory, data=line())
    known = [trial.standard_error for trial in search.history]
    assert [trial.standard_error for trial in again.history] == known
    best = search.history.incumbent
    assert best is not None
    assert f" ± {error_text(best.standard_error)}" in score_text(again.history, best)
    assert f" ± {error_text(best.standard_error)}" in repr(search.best)
    assert within_noise(again.history) is not None


def test_a_training_outside_of_the_record_has_an_error_of_its_own(search: Search) -> None:
    again = search.best.retrain(epochs=1, seed=5, verbose=0)
    assert again.record.standard_error not in (None, search.best.record.standard_error)
    assert search.retrained[-1].record.standard_error == again.record.standard_error
    assert search.best.retrain(on="train+validation", verbose=0).record.standard_error is None


def test_a_trial_that_is_cut_off_and_goes_on_has_the_error_of_one_that_was_not(
    search: Search, tmp_path: Path
) -> None:
    options = {"data": line(), "objective": "val_mae"}
    tiny_search(tmp_path, max_trials=2, **options).run()
    again = tiny_search(tmp_path, max_trials=7, **options).run()
    errors = [trial.standard_error for trial in again.history]
    assert errors == [trial.standard_error for trial in search.history]


@pytest.mark.parametrize("objective", ["val_loss", "val_mse", "val_rmse"])
def test_it_is_what_resampling_the_rows_gives(objective: str) -> None:
    data, rng = line(), np.random.default_rng(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    x, y = data.part("val")
    squares = (model.predict(x, verbose=0)[:, 0] - y) ** 2
    means = squares[rng.integers(len(y), size=(4000, len(y)))].mean(1)
    expected = np.sqrt(means).std() if objective == "val_rmse" else means.std()
    assert row_error(model, data, objective) == pytest.approx(expected, rel=0.1)


def test_what_is_no_mean_over_rows_has_none() -> None:
    data = line()
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("adam", lambda y, out: keras.ops.max(keras.ops.abs(y - out)))
    assert row_error(model, data, "val_loss") is None
    assert row_error(model, data, "val_f1_score") is None
    assert row_error(model, data, "mae") is None
