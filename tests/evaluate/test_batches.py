from __future__ import annotations

import numpy as np
import tensorflow as tf

from nas_nb.evaluate.trainer import shuffled_batches, steps_per_epoch


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
