"""A candidate that only a constant keeps from a trace says which."""

from __future__ import annotations

from typing import Any

import keras
import pytest
from keras import layers, optimizers

from nas_nb.evaluate.compiled.trace_cache import TraceCache
from tests.evaluate.compiled.paths import by_engine, vectors

pytestmark = pytest.mark.tensorflow


def candidate(
    width: int = 4,
    optimizer: Any = "adam",
    loss: Any = "mse",
    l2: float = 0.1,
    slope: float = 0.1,
    depth: int = 1,
) -> keras.Model:
    hidden = [
        layers.Dense(width, kernel_regularizer=keras.regularizers.L2(l2)) for _ in range(depth)
    ]
    end = [layers.LeakyReLU(negative_slope=slope), layers.Dense(1)]
    model = keras.Sequential([keras.Input((5,)), *hidden, *end])
    model.compile(optimizer, loss)
    return model


def cosine(rate: float) -> Any:
    return optimizers.Adam(optimizers.schedules.CosineDecay(rate, 20))


def own_loss() -> Any:
    return lambda y, p: keras.ops.mean(keras.ops.square(y - p), axis=-1)


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        ({"l2": 0.1}, {"l2": 0.2}, "kernel_regularizer of Dense"),
        ({"slope": 0.1}, {"slope": 0.2}, "negative_slope of LeakyReLU"),
        ({"optimizer": cosine(0.1)}, {"optimizer": cosine(0.2)}, "learning_rate of Adam"),
        (
            {"optimizer": optimizers.Adam(clipnorm=0.1)},
            {"optimizer": optimizers.Adam(clipnorm=0.2)},
            "clipnorm of Adam",
        ),
        (
            {"optimizer": optimizers.SGD()},
            {"optimizer": optimizers.SGD(momentum=0.9)},
            "momentum of SGD",
        ),
        ({"optimizer": "adam"}, {"optimizer": "sgd"}, "optimizer"),
        ({"loss": own_loss()}, {"loss": own_loss()}, "loss"),
    ],
)
def test_a_constant_that_was_traced_is_named(first: Any, second: Any, name: str) -> None:
    cache = TraceCache()
    notes = [
        by_engine(candidate(**options), *vectors(), cache=cache, epochs=1)[1].note
        for options in (first, second)
    ]
    assert cache.traced == 2
    assert notes == [None, f"traced anew: another {name} than before"]


def test_the_trace_that_is_most_alike_is_compared_and_another_topology_is_none() -> None:
    cache = TraceCache()
    options: list[dict[str, Any]] = [
        {},
        {"depth": 2},
        {"optimizer": "sgd", "slope": 0.3},
        {"optimizer": "sgd", "slope": 0.4, "width": 7},
    ]
    notes = [
        by_engine(candidate(**each), *vectors(), cache=cache, epochs=1)[1].note for each in options
    ]
    assert notes[:2] == [None, None]
    assert notes[3] == "traced anew: another negative_slope of LeakyReLU than before"
