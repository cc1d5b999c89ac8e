from __future__ import annotations

from pathlib import Path

import keras
import keras_tuner as kt
import pytest

from nas_nb.errors import SearchError
from tests.search.tiny import tiny_search


class Secretive(keras.Sequential):
    """Says only in training what it logs."""

    def get_metrics_result(self):
        return super().get_metrics_result()


def measured(hp: kt.HyperParameters, kind: type[keras.Model] = keras.Sequential) -> keras.Model:
    units = hp.Choice("units", [1, 2])
    model = kind([keras.Input((4,)), keras.layers.Dense(units), keras.layers.Dense(1)])
    top = keras.metrics.MeanSquaredError(name="error")
    model.compile("adam", "mse", metrics=["acc", top])
    return model


def test_a_name_that_no_candidate_logs_is_refused_before_anything_runs(tmp_path: Path):
    with pytest.raises(SearchError, match=r"loss, accuracy, .*Did you mean 'val_accuracy'\?"):
        tiny_search(tmp_path / "project", objective="val_acc")
    assert not (tmp_path / "project").exists()


def test_the_names_are_those_that_the_models_were_compiled_with(tmp_path: Path):
    search = tiny_search(tmp_path, space=measured, objective="val_acc")
    assert (search.objective, search.direction) == ("val_acc", "max")
    error = kt.Objective("val_error", "min")
    assert tiny_search(tmp_path, space=measured, objective=error).objective == "val_error"
    with pytest.raises(SearchError, match="loss, acc, error, val_loss, val_acc, val_error"):
        tiny_search(tmp_path, space=measured, objective="val_accuracy")


def test_what_only_training_tells_fails_the_trial_and_names_what_was_logged(tmp_path: Path):
    search = tiny_search(
        tmp_path,
        space=lambda hp: measured(hp, Secretive),
        objective=kt.Objective("val_f1", "max"),
        max_trials=1,
    ).run()
    assert "val_f1" in search.trials["reason"][0]
    assert "val_error" in search.trials["reason"][0]
