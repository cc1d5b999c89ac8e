from __future__ import annotations

from functools import partial

import keras
import pytest
from keras import layers

from nas_nb.evaluate.compiled.trace_cache import TraceCache
from tests.evaluate.compiled.paths import assert_same, by_engine, vectors

pytestmark = pytest.mark.tensorflow


def dropping(*rates: float, nested: bool = False) -> keras.Model:
    hidden = [
        layer
        for number, rate in enumerate(rates)
        for layer in (layers.Dense(6, "tanh"), layers.Dropout(rate, seed=number))
    ]
    if nested:
        hidden = [keras.Sequential([keras.Input((5,)), *hidden])]
    model = keras.Sequential([keras.Input((5,)), *hidden, layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def test_candidates_that_drop_nothing_share_a_trace_with_those_that_do_and_agree_with_fit() -> None:
    cache = TraceCache()
    for rates in ((0.3, 0.5), (0.0, 0.0), (0.0, 0.2), (0.4, 0.0)):
        assert_same(partial(dropping, *rates), *vectors(), cache=cache)
    assert (cache.traced, cache.reused) == (1, 3)


def test_dropout_within_a_nested_model_agrees_with_fit() -> None:
    for rates in ((0.3, 0.5), (0.0, 0.2)):
        assert_same(partial(dropping, *rates, nested=True), *vectors())


def test_a_trace_that_began_without_dropout_after_it_was_met_serves_those_with_it() -> None:
    cache = TraceCache()
    by_engine(dropping(0.5), *vectors(), cache=cache, epochs=1)
    for rates in ((0.0, 0.0), (0.5, 0.1)):
        assert_same(partial(dropping, *rates), *vectors(), cache=cache)
    assert (cache.traced, cache.reused) == (2, 1)


def test_where_nothing_was_ever_dropped_the_trace_has_no_dropout() -> None:
    cache = TraceCache()
    by_engine(dropping(0.0), *vectors(), cache=cache, epochs=1)
    (compiled,) = cache._entries.values()
    assert [layer.rate for layer in compiled.template.model.layers[1::2]] == [0.0]
