from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from nas_nb.evaluate import fit as evaluate_fit
from nas_nb.evaluate.fit import fit, fit_reason

pytestmark = pytest.mark.tensorflow

X = np.zeros((4, 3), "float32")


def compiled(cls: Any = keras.Model, **options: Any) -> keras.Model:
    x = keras.Input((3,))
    model = cls(x, layers.Dense(1)(x))
    model.compile("sgd", "mse", **options)
    return model


class OwnStep(keras.Model):
    def train_step(self, data: Any) -> Any:
        return super().train_step(data)


class Own(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, x: Any) -> Any:
        return self.dense(x)


class OnBatch(keras.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        pass


class OnEpoch(keras.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        pass


def test_a_plain_model_with_arrays_and_epoch_callbacks_has_no_reason() -> None:
    best = keras.callbacks.ModelCheckpoint("best.weights.h5", save_weights_only=True)
    callbacks = [OnEpoch(), best, keras.callbacks.EarlyStopping()]
    assert fit_reason(compiled(), [X, {"a": X, "b": None}], callbacks) is None


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda: compiled(OwnStep), "OwnStep overrides `train_step`"),
        (lambda: compiled(run_eagerly=True), "run_eagerly"),
        (lambda: compiled(jit_compile=True), "jit_compile"),
        (lambda: keras.Sequential([layers.Dense(1)]), "not compiled"),
    ],
)
def test_models_that_have_to_be_asked_themselves(model: Any, words: str) -> None:
    assert words in (fit_reason(model()) or "")


@pytest.mark.filterwarnings("ignore:.*build.*was called")
@pytest.mark.parametrize("asked", [False, True])
def test_a_subclass_without_variables_is_trained_by_fit(asked: bool) -> None:
    model = Own()
    model.compile("sgd", "mse")
    if asked:
        model.build((None, 3))  # Keras takes it for built now, and it has no variables
    assert "built" in (fit_reason(model, [X]) or "")
    assert len(fit(model, X, X[:, :1], verbose=0).history["loss"]) == 1
    assert fit_reason(model, [X]) is None


def test_a_replaced_method_is_seen() -> None:
    model = compiled()
    model.train_step = lambda data: {}
    assert fit_reason(model) == "the model's `train_step` was replaced"


def test_batch_callbacks_are_named_with_their_method() -> None:
    assert fit_reason(compiled(), callbacks=[OnBatch()]) == (
        "the callback OnBatch has `on_train_batch_end`"
    )
    often = keras.callbacks.ModelCheckpoint("x.keras", save_freq=10)
    assert "ModelCheckpoint" in (fit_reason(compiled(), callbacks=[often]) or "")


def test_what_is_not_an_array_in_memory_is_named() -> None:
    assert "generator" in (fit_reason(compiled(), [(row for row in X)]) or "")
    dataset = tf.data.Dataset.from_tensors((X, X))
    assert "Dataset" in (fit_reason(compiled(), [dataset]) or "")
    assert "numbers in memory" in (fit_reason(compiled(), [np.array(["text"])]) or "")


def test_data_larger_than_the_device_is_measured(monkeypatch: Any) -> None:
    monkeypatch.setattr(evaluate_fit, "device_bytes", lambda: 100)
    assert "larger than what stays on the device" in (fit_reason(compiled(), [X]) or "")


def test_a_distribution_strategy_is_seen() -> None:
    with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
        model = compiled()
    assert "distribution strategy" in (fit_reason(model) or "")
