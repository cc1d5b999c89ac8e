from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from nas_nb.data.dataset import Data
from nas_nb.errors import MeasureError
from nas_nb.evaluate.fit import NoControl
from nas_nb.evaluate.trainer import shuffled_batches, steps_per_epoch, train

pytestmark = pytest.mark.tensorflow


def epochs_of(seed: int, count: int) -> list[list[int]]:
    x = np.arange(10.0, dtype="float32").reshape(10, 1)
    batches = iter(shuffled_batches(x, x[:, 0], 4, seed))
    return [
        [int(value) for _ in range(steps_per_epoch(10, 4)) for value in next(batches)[1]]
        for _ in range(count)
    ]


def test_every_epoch_has_every_sample_once_in_another_order():
    first, second = epochs_of(seed=3, count=2)
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_the_order_depends_on_the_seed_and_not_on_tensorflows_global_one():
    tf.random.set_seed(1)
    once = epochs_of(seed=3, count=2)
    tf.random.set_seed(2)
    assert epochs_of(seed=3, count=2) == once
    assert epochs_of(seed=4, count=2) != once


def waves(rows: int) -> Data:
    x = np.sin(np.arange(rows * 5) / 5).astype("float32").reshape(rows, 5, 1)
    return Data.from_arrays(x, x[:, 0, 0], task="regression", validation=0.25, test=0.25)


def of_eight() -> keras.Model:
    layers = [keras.layers.GRU(2, stateful=True), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input(batch_shape=(8, 5, 1)), *layers])
    model.compile("sgd", "mse")
    return model


def trained(model: keras.Model, data: Data, batch_size: int) -> list[str]:
    seen: list[str] = []
    train(
        model,
        data,
        epochs=1,
        batch_size=batch_size,
        seed=0,
        on_epoch=lambda epoch, logs, duration_s: seen.extend(logs),
        control=NoControl(),
    )
    return seen


def test_a_model_of_a_fixed_batch_size_is_validated_with_it() -> None:
    assert trained(of_eight(), waves(64), 8) == ["loss", "val_loss"]


@pytest.mark.parametrize(("rows", "batch_size"), [(64, 16), (72, 8)])
def test_batches_of_another_size_are_told_in_a_sentence(rows: int, batch_size: int) -> None:
    with pytest.raises(MeasureError, match="needs batch_size=8, and a multiple of 8 rows"):
        trained(of_eight(), waves(rows), batch_size)
