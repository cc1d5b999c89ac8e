from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from nas_nb.data import Data
from nas_nb.errors import MeasureError
from nas_nb.evaluate.engine.stackable import why_apart
from nas_nb.evaluate.engine.stacked import train_together
from nas_nb.evaluate.seeds import seeded
from nas_nb.evaluate.trainer import train
from tests.evaluate.engine.paths import Free, images

SEEDS = (3, 4, 5)


@pytest.fixture(scope="module")
def data() -> Data:
    return Data.from_arrays(*images(), name="images")


def candidate(seed: int, optimizer: str = "adam", dropout: bool = True, **more: Any) -> keras.Model:
    with seeded(seed):
        hidden = [layers.Dropout(0.1 * seed)] if dropout else []
        model = keras.Sequential(
            [
                keras.Input((6, 6, 1)),
                layers.Flatten(),
                layers.Dense(7, "relu"),
                *hidden,
                layers.Dense(5, "tanh", use_bias=False),
                layers.Dense(3, "softmax"),
            ]
        )
        chosen = keras.optimizers.get(optimizer)
        chosen.learning_rate = 0.002 * seed
        options = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], **more}
        model.compile(chosen, **options)
    return model


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_each_ends_up_as_if_it_had_been_alone(data: Data, optimizer: str) -> None:
    together = [candidate(seed, optimizer) for seed in SEEDS]
    found: dict[tuple[int, int], Any] = {}
    options: dict[str, Any] = {"epochs": 3, "batch_size": 8}
    train_together(
        together,
        data,
        seeds=SEEDS,
        on_epoch=lambda place, epoch, logs, duration_s: found.update({(place, epoch): logs}),
        control=Free(),
        **options,
    )
    for place, seed in enumerate(SEEDS):
        alone = candidate(seed, optimizer)
        expected: list[Any] = []
        train(
            alone,
            data,
            seed=seed,
            on_epoch=lambda epoch, logs, duration_s, seen=expected: seen.append(logs),
            control=Free(),
            **options,
        )
        for epoch, logs in enumerate(expected, 1):
            assert list(found[place, epoch]) == list(logs)
            for name, value in logs.items():
                assert found[place, epoch][name] == pytest.approx(value, abs=1e-5)
        state = [*alone.variables, *alone.optimizer.variables]
        ours = [*together[place].variables, *together[place].optimizer.variables]
        for mine, other in zip(ours, state, strict=True):
            np.testing.assert_allclose(np.asarray(mine), np.asarray(other), atol=1e-5)


def test_training_goes_on_where_it_was(data: Data) -> None:
    def trained(*until: int) -> list[Any]:
        models, begun = [candidate(seed) for seed in SEEDS], 0
        for epochs in until:
            train_together(
                models,
                data,
                epochs=epochs,
                initial_epoch=begun,
                batch_size=16,
                seeds=SEEDS,
                on_epoch=lambda *_: None,
                control=Free(),
            )
            begun = epochs
        return [weights for model in models for weights in model.get_weights()]

    for whole, parts in zip(trained(3), trained(1, 3), strict=True):
        np.testing.assert_array_equal(whole, parts)


def test_what_can_not_be_stacked_is_named(data: Data) -> None:
    wide = keras.Sequential([keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(3, "softmax")])
    wide.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    convolved = keras.Sequential([keras.Input((6, 6, 1)), layers.Conv2D(2, 3), layers.Dense(1)])
    convolved.compile("adam", "mse")
    assert why_apart([candidate(1), candidate(2)]) is None
    assert "differ in more" in (why_apart([candidate(1), wide]) or "")
    assert "Conv2D" in (why_apart([convolved]) or "")
    assert "Adafactor" in (why_apart([candidate(1, "adafactor")]) or "")
    assert "AUC" in (why_apart([candidate(1, metrics=[keras.metrics.AUC()])]) or "")
    with pytest.raises(MeasureError, match="one by one"):
        train_together(
            [convolved],
            data,
            epochs=1,
            batch_size=8,
            seeds=[0],
            on_epoch=lambda *_: None,
            control=Free(),
        )
