"""KerasTuner's own hypermodels and guide-style functions run through a search unchanged."""

from __future__ import annotations

from functools import partial

import keras
import keras_tuner as kt
import numpy as np
import pytest

from nas_nb.data.dataset import Data
from nas_nb.search.search import Search
from nas_nb.space.search_space import SearchSpace


def images(side: int) -> Data:
    rng = np.random.default_rng(0)
    return Data.from_arrays(rng.random((20, side, side, 3)), np.arange(20) % 2, task="multiclass")


def one_hot(data: Data) -> Data:
    """KerasTuner's applications expect one-hot labels."""
    return Data.from_arrays(
        np.concatenate([data.x_train, data.x_val, data.x_test]),
        np.eye(2)[np.concatenate([data.y_train, data.y_val, data.y_test])],
        task="multilabel",
    )


def guide(hp: kt.HyperParameters) -> keras.Model:
    model = keras.Sequential([keras.layers.Flatten()])
    for i in range(hp.Int("num_layers", 1, 3)):
        model.add(
            keras.layers.Dense(
                units=hp.Int(f"units_{i}", min_value=32, max_value=512, step=32),
                activation=hp.Choice("activation", ["relu", "tanh"]),
            )
        )
    if hp.Boolean("dropout"):
        model.add(keras.layers.Dropout(rate=0.25))
    model.add(keras.layers.Dense(10, activation="softmax"))
    learning_rate = hp.Float("lr", min_value=1e-4, max_value=1e-2, sampling="log")
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def completed(space: SearchSpace, data: Data) -> None:
    search = Search(space, data, strategy="random", max_trials=1, epochs=1, batch_size=16, seed=0)
    search.run()
    (trial,) = search.history.trials
    assert (trial.status, trial.reason) == ("completed", None)


def test_guide_style_function_runs_unchanged() -> None:
    completed(SearchSpace(guide), images(4))


@pytest.mark.parametrize(
    ("make", "side", "pinned"),
    [
        (
            kt.applications.HyperResNet,
            32,
            {"version": "v2", "conv3_depth": 4, "conv4_depth": 6},
        ),
        (kt.applications.HyperXception, 71, {"num_residual_blocks": 2, "sep_num_filters": 128}),
    ],
    ids=["resnet", "xception"],
)
def test_applications_are_discovered_and_one_trains(make, side: int, pinned: dict) -> None:
    hypermodel = make(input_shape=(side, side, 3), classes=2)
    space = SearchSpace(hypermodel)
    assert space.contains(space.domain.complete(pinned))
    completed(space.subspace(pinned), one_hot(images(side)))


def test_efficientnet_runs_without_its_download(monkeypatch: pytest.MonkeyPatch) -> None:
    from keras_tuner.src.applications import efficientnet

    # It asks for weights of ImageNet, and for images of 224 pixels: too much for a test.
    smallest = partial(keras.applications.EfficientNetB0, weights=None)
    versions = efficientnet.EFFICIENTNET_MODELS
    monkeypatch.setattr(efficientnet, "EFFICIENTNET_MODELS", dict.fromkeys(versions, smallest))
    sizes = dict.fromkeys(efficientnet.EFFICIENTNET_IMG_SIZE, 32)
    monkeypatch.setattr(efficientnet, "EFFICIENTNET_IMG_SIZE", sizes)
    hypermodel = kt.applications.HyperEfficientNet(input_shape=(32, 32, 3), classes=2)
    completed(SearchSpace(hypermodel), one_hot(images(32)))
