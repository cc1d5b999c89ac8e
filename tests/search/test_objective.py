from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pandas as pd
import pytest

from nas_nb.data.dataset import Data
from nas_nb.errors import NasWarning, SearchError
from nas_nb.search.objective import logged_metrics
from nas_nb.spaces import tabular
from tests.search.tiny import CHOICES, tiny_data, tiny_search

NOISE = np.random.default_rng(0).normal(size=96)


class Secretive(keras.Sequential):
    """Says only in training what it logs."""

    def get_metrics_result(self):
        return super().get_metrics_result()


def measured(hp: kt.HyperParameters, kind: type[keras.Model] = keras.Sequential) -> keras.Model:
    units = hp.Choice("units", [1, 2])
    model = kind([keras.Input((4,)), keras.layers.Dense(units), keras.layers.Dense(1, "sigmoid")])
    top = keras.metrics.MeanSquaredError(name="error")
    model.compile("adam", "mse", metrics=["acc", top])
    return model


def test_a_name_that_no_candidate_logs_is_refused_before_anything_runs(tmp_path: Path):
    with pytest.raises(SearchError, match=r"loss, accuracy, .*Did you mean 'val_accuracy'\?"):
        tiny_search(tmp_path / "project", objective="val_acc")
    for name in ("AUC", "auc", "val_AUC"):
        with pytest.raises(SearchError, match=r"Did you mean 'val_auc'\?.*metrics=\['auc'\]"):
            tiny_search(tmp_path / "project", objective=name)
    measured_too = replace(tiny_data(), metrics=("auc",))
    with pytest.raises(SearchError, match=r"Did you mean 'val_auc'\?$"):
        tiny_search(tmp_path / "project", data=measured_too, objective="AUC")
    assert not (tmp_path / "project").exists()


def test_the_names_are_those_that_the_models_were_compiled_with(tmp_path: Path):
    search = tiny_search(tmp_path, space=measured, objective="val_acc")
    assert (search.objective, search.direction) == ("val_acc", "max")
    error = kt.Objective("val_error", "min")
    assert tiny_search(tmp_path, space=measured, objective=error).objective == "val_error"
    for objective in ("val_accuracy", None):
        with pytest.raises(SearchError, match="loss, acc, error, val_loss, val_acc, val_error"):
            tiny_search(tmp_path, space=measured, objective=objective)


def test_what_only_training_tells_fails_the_trial_and_names_what_was_logged(tmp_path: Path):
    search = tiny_search(
        tmp_path,
        space=lambda hp: measured(hp, Secretive),
        objective=kt.Objective("val_f1", "max"),
        max_trials=1,
    ).run()
    assert "val_f1" in search.trials["reason"][0]
    assert "val_error" in search.trials["reason"][0]


def f1(y_true: Any, y_pred: Any) -> Any:
    return keras.ops.mean(y_pred)


WAYS = {
    "nothing": lambda: None,
    "acc": lambda: ["acc"],
    "AUC()": lambda: [keras.metrics.AUC()],
    "named": lambda: [keras.metrics.AUC(name="area"), "mse"],
    "twice": lambda: [keras.metrics.AUC(), keras.metrics.AUC()],
    "binary_accuracy": lambda: ["binary_accuracy"],
    "AUC": lambda: ["AUC"],
    "function": lambda: [f1],
    "dict": lambda: {"head": ["accuracy", "auc"]},
    "nested": lambda: [["accuracy", "mse"]],
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_name_a_metric_is_known_before_the_first_trial(way: str, tmp_path: Path):
    def build(hp: kt.HyperParameters) -> keras.Model:
        units = hp.Choice("units", [1, 2])
        head = keras.layers.Dense(1, "sigmoid", name="head")
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units), head])
        model.compile("adam", "binary_crossentropy", metrics=WAYS[way]())
        return model

    search = tiny_search(tmp_path, space=build, objective="val_loss", max_trials=1, epochs=1).run()
    (trial,) = search.history.completed
    logged = logged_metrics(search.space, search.data)
    assert logged is not None
    assert set(logged) == set(trial.curve[-1])
    with pytest.raises(SearchError, match="val_loss"):
        tiny_search(tmp_path / "b", space=build, objective=kt.Objective("val_recall", "max"))


@pytest.mark.parametrize("objective", ["loss", "accuracy", kt.Objective("loss", "min")])
def test_an_objective_that_is_measured_on_the_training_rows_is_refused(
    objective: str | kt.Objective, tmp_path: Path
):
    with pytest.raises(SearchError, match=r"validation rows, 'val_.*was trained on"):
        tiny_search(tmp_path, objective=objective)


def test_where_only_training_tells_the_names_it_is_a_warning(tmp_path: Path):
    with pytest.warns(NasWarning, match="'val_accuracy' on the validation rows"):
        tiny_search(tmp_path, space=lambda hp: measured(hp, Secretive), objective="accuracy")


X = np.random.default_rng(0).normal(size=(90, 4))
LABELS = {
    "binary": np.arange(90) % 2,
    "multiclass": np.arange(90) % 3,
    "multilabel": np.tile([[1, 1, 0], [0, 0, 1]], (45, 1)),
    "regression": X[:, 0] * 3,
    "two": X[:, :2] * 3,
    "shares": np.abs(np.tanh(X[:, 0])),
}


def ending(outputs: int, activation: str | None, loss: Any) -> Callable[..., keras.Model]:
    def build(hp: kt.HyperParameters) -> keras.Model:
        hidden = keras.layers.Dense(hp.Choice("units", [1, 2]))
        head = keras.layers.Dense(outputs, activation)
        model = keras.Sequential([keras.Input((4,)), hidden, head])
        model.compile("adam", loss)
        return model

    return build


def own_loss(y_true: Any, y_pred: Any) -> Any:
    return keras.ops.mean((y_true - y_pred) ** 2, axis=-1)


@pytest.mark.parametrize(
    ("labels", "head"),
    [
        ("multiclass", (1, None, "mse")),
        ("multiclass", (1, "sigmoid", "binary_crossentropy")),
        ("multiclass", (2, "softmax", "sparse_categorical_crossentropy")),
        ("multiclass", (3, "softmax", "categorical_crossentropy")),
        ("multiclass", (1, None, keras.losses.Huber())),
        ("binary", (1, None, "mae")),
        ("multilabel", (2, "sigmoid", "binary_crossentropy")),
        ("regression", (43, "softmax", "sparse_categorical_crossentropy")),
        ("regression", (43, None, "mse")),
        ("regression", (1, "sigmoid", "binary_crossentropy")),
        ("two", (1, None, keras.losses.MeanSquaredError())),
    ],
)
def test_a_model_that_contradicts_the_task_is_refused_with_both_ways_out(
    labels: str, head: tuple[Any, ...], tmp_path: Path
):
    data = Data.from_arrays(X, LABELS[labels])
    with pytest.raises(SearchError, match=r"the data's task, .*End the model with .*task='"):
        tiny_search(tmp_path, space=ending(*head), data=data, objective="val_loss")


@pytest.mark.parametrize(
    ("labels", "head"),
    [
        ("multiclass", (3, "softmax", "sparse_categorical_crossentropy")),
        ("multiclass", (5, "softmax", keras.losses.SparseCategoricalCrossentropy())),
        ("multiclass", (1, None, own_loss)),
        ("binary", (1, "sigmoid", "mse")),
        ("binary", (1, None, keras.losses.BinaryCrossentropy(from_logits=True))),
        ("binary", (2, "softmax", "sparse_categorical_crossentropy")),
        ("multilabel", (3, "sigmoid", "binary_crossentropy")),
        ("regression", (1, None, "mse")),
        ("regression", (2, None, own_loss)),
        ("regression", (1, "softplus", "poisson")),
        ("two", (2, None, "huber")),
        ("shares", (1, "sigmoid", "binary_crossentropy")),
    ],
)
def test_a_model_that_suits_the_task_is_not(labels: str, head: tuple[Any, ...], tmp_path: Path):
    data = Data.from_arrays(X, LABELS[labels])
    assert tiny_search(tmp_path, space=ending(*head), data=data, objective="val_loss").space


def test_words_fit_what_was_given(tmp_path: Path):
    def averaged(hp: kt.HyperParameters) -> keras.Model:
        return dense(hp, "sigmoid", [f1])

    with pytest.raises(SearchError, match=r"none, and the default is 'val_accuracy'\. Give one"):
        tiny_search(tmp_path, space=averaged)
    with pytest.raises(SearchError, match=r"'val_f1'\. Say it: .*Objective\('val_f1', 'max'\)"):
        tiny_search(tmp_path, space=averaged, objective="val_f1")


def dense(hp: kt.HyperParameters, activation: str | None, metrics: Any) -> keras.Model:
    layers = [keras.layers.Dense(hp.Choice("units", [1, 2])), keras.layers.Dense(1, activation)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile("adam", "binary_crossentropy" if activation else "mse", metrics=metrics)
    return model


def test_a_sigmoid_that_cannot_reach_the_quantities_is_refused(tmp_path: Path):
    def build(hp: kt.HyperParameters) -> keras.Model:
        model = dense(hp, "sigmoid", ["mae"])
        model.compile("adam", "mse")
        return model

    far = Data.from_arrays(X, LABELS["regression"])
    with pytest.raises(SearchError, match=r"1 sigmoid output .*End the model with Dense\(1\)"):
        tiny_search(tmp_path, space=build, data=far)
    within = Data.from_arrays(X, np.linspace(0, 1, 90))
    assert tiny_search(tmp_path, space=build, data=within).objective == "val_loss"


FRAME = {
    "rate": 0.03 + 0.01 * NOISE,
    "income": 52_000 + 9_000 * NOISE,
    "device": np.where(NOISE > 0, "phone", "desk"),
}


def scale(hp: kt.HyperParameters, first: keras.layers.Layer) -> keras.Model:
    units = hp.Int("units", 2, 4)
    head = keras.layers.Dense(1, activation="sigmoid")
    model = keras.Sequential([first, keras.layers.Dense(units), head])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def normalised(hp: kt.HyperParameters) -> keras.Model:
    return scale(hp, keras.layers.Normalization(mean=0.0, variance=1e6))


def divided(hp: kt.HyperParameters) -> keras.Model:
    inputs = keras.Input((2,))
    outputs = scale(hp, keras.layers.Flatten())(inputs / 1_000)
    model = keras.Model(inputs, outputs)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def unscaled(hp: kt.HyperParameters) -> keras.Model:
    return scale(hp, keras.layers.Flatten())


def arrays(x: Any, y: Any = NOISE > 0) -> Data:
    return Data.from_arrays(np.asarray(x, "float32"), y, name="arrays")


def framed() -> Data:
    return Data.from_arrays(pd.DataFrame(FRAME), NOISE > 0, name="frame")


COLUMNS = np.stack([NOISE, 52_000 + 9_000 * NOISE], axis=1)
RATES = np.stack([NOISE, NOISE / 500], axis=1)
MARKS = (np.arange(96)[:, None] % 50 == np.arange(3)).astype(float)  # each 1 in 2 % of the rows
SERIES = 300 + 10 * np.sin(np.arange(200))
LAYERS = {**CHOICES, "layers": ["Dense", "Conv1D"]}


@pytest.mark.parametrize(
    ("space", "data", "named"),
    [
        (CHOICES, framed(), "'rate' about 0.0.* and 'income' about 5.,000"),
        (CHOICES, arrays(COLUMNS), "x....,.0. about .* and x....,.1. about 5.,000"),
        (CHOICES, arrays(np.stack([NOISE, MARKS[:, 0] * 9_000], 1)), "x....,.1. about 9,000"),
        (CHOICES, arrays(RATES), "x....,.1. about 0.00"),
        (CHOICES, arrays(250 + NOISE[:, None, None, None] * np.ones((4, 4, 1))), "x about 250"),
        (CHOICES, arrays(RATES[:, :1], 180_000 + 2e4 * NOISE), "other: y about 180,000"),
        (LAYERS, Data.from_series(SERIES, window=8), "x about 300; y about 300"),
        (unscaled, arrays(COLUMNS), "x....,.1. about 5.,000"),
    ],
)
def test_numbers_far_from_1_that_candidates_take_as_they_are_are_told(
    space: Any, data: Data, named: str, tmp_path: Path
):
    with pytest.warns(NasWarning, match=f"take numbers as they are.*{named}"):
        tiny_search(tmp_path, space=space, data=data)


def test_convolutions_that_samples_without_channels_leave_out_are_told(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).random((40, 8, 8)), np.arange(40) % 2
    space = {"layers": ["Conv2D", "Dense"], "units": [4], "activations": ["relu"]}
    with pytest.warns(NasWarning, match=r"Samples are 8x8, without channels, .* Conv2D: 3 of 9 "):
        search = tiny_search(tmp_path / "flat", space=space, data=Data.from_arrays(x, y))
    assert search.space_left == 3
    tiny_search(tmp_path / "grid", space=space, data=Data.from_arrays(x[..., None], y))


def test_scales_are_told_once_before_anything_is_trained(tmp_path: Path):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", NasWarning)
        search = tiny_search(tmp_path, data=arrays(COLUMNS), max_trials=1)
        before = [one for one in told if one.category is NasWarning]
        search.run()
        tiny_search(tmp_path, data=arrays(COLUMNS), max_trials=1)  # opened again
        after = [one for one in told if one.category is NasWarning]
    assert len(before) == len(after) == 1
    assert before[0].filename.endswith("tiny.py")


@pytest.mark.parametrize(
    ("space", "data"),
    [
        (CHOICES, arrays(MARKS)),
        (CHOICES, arrays(np.concatenate([NOISE[:, None], MARKS / 255], axis=1))),  # a margin
        (CHOICES, arrays(8 + 4 * NOISE[:, None] * np.ones(3))),
        (normalised, arrays(COLUMNS)),
        (divided, arrays(COLUMNS)),
        (tabular(), framed()),
        (tabular(), arrays(COLUMNS, 180_000 + 2e4 * NOISE)),
    ],
)
def test_scaled_numbers_and_candidates_that_scale_them_are_not(
    space: Any, data: Data, tmp_path: Path
):
    with warnings.catch_warnings():
        warnings.simplefilter("error", NasWarning)
        tiny_search(tmp_path, space=space, data=data)
