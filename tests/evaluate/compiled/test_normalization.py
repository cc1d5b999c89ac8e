from __future__ import annotations

from collections.abc import Callable
from functools import partial

import keras
import pytest
from keras import layers

from nas_nb.evaluate.compiled.trace_cache import TraceCache
from tests.evaluate.compiled.paths import by_engine, by_fit, vectors

pytestmark = pytest.mark.tensorflow

MEAN, VARIANCE = [1.0, 2.0, 0.0, -1.0, 5.0], [2.0, 1.0, 4.0, 1.0, 9.0]


def given(width: int) -> keras.Model:
    return model(layers.Normalization(mean=MEAN, variance=VARIANCE), width)


def adapted(scale: float) -> keras.Model:
    normalization = layers.Normalization()
    normalization.adapt(vectors()[0] * scale + 3)
    return model(normalization, 3)


def model(normalization: keras.layers.Layer, width: int) -> keras.Model:
    made = keras.Sequential(
        [keras.Input((5,)), normalization, layers.Dense(width), layers.Dense(1)]
    )
    made.compile("sgd", "mse")
    return made


def both_losses(make: Callable[[], keras.Model], cache: TraceCache) -> list[float]:
    """The first epoch's loss by the engine and by `fit`, from the same weights."""
    one, other = make(), make()
    other.set_weights(one.get_weights())
    logs, _ = by_engine(one, *vectors(), cache=cache, epochs=1)
    return [logs[0]["loss"], by_fit(other, *vectors(), epochs=1)[0]["loss"]]


def test_statistics_that_were_given_leave_widths_free_to_share() -> None:
    cache = TraceCache()
    for width in (3, 8):
        engine, fit = both_losses(partial(given, width), cache)
        assert engine == pytest.approx(fit, rel=1e-5)
    assert (cache.traced, cache.reused) == (1, 1)


def test_statistics_that_were_adapted_are_each_models_own() -> None:
    cache = TraceCache()
    for scale in (1.0, 20.0):
        engine, fit = both_losses(partial(adapted, scale), cache)
        assert engine == pytest.approx(fit, rel=1e-5)
