from __future__ import annotations

import keras
import pytest
from keras import layers

from nas_nb.evaluate.compiled.trace_cache import TraceCache
from nas_nb.evaluate.trainer import register_choices
from tests.evaluate.compiled.paths import by_engine, vectors

pytestmark = pytest.mark.tensorflow


def chain(depth: int, width: int) -> keras.Model:
    hidden = [layers.Dense(width) for _ in range(depth)]
    model = keras.Sequential([keras.Input((5,)), *hidden, layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_the_topology_that_was_used_longest_ago_makes_room() -> None:
    cache = TraceCache(capacity=2)
    for depth in (1, 2, 1, 3, 1, 2):
        by_engine(chain(depth, 3), *vectors(), cache=cache, epochs=1)
    assert len(cache) == 2
    assert (cache.traced, cache.reused) == (4, 2)


def test_widths_share_and_depths_do_not() -> None:
    cache = TraceCache()
    for depth, width in ((1, 3), (1, 8), (2, 3), (2, 2)):
        by_engine(chain(depth, width), *vectors(), cache=cache, epochs=1)
    assert (cache.traced, cache.reused) == (2, 2)


def test_data_of_another_width_is_another_trace_and_of_another_length_is_not() -> None:
    cache = TraceCache()
    x, y = vectors()
    by_engine(chain(1, 3), x, y, cache=cache, epochs=1)
    by_engine(chain(1, 3), x[:20], y[:20], cache=cache, epochs=1)
    assert (cache.traced, cache.reused) == (1, 1)
    by_engine(chain(1, 3), x, y.astype("int32"), cache=cache, epochs=1)
    assert cache.traced == 2


def activations_of(*names: str) -> keras.Model:
    hidden = [layers.Dense(3, activation=name) for name in names]
    model = keras.Sequential([keras.Input((5,)), *hidden, layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_activations_that_were_expected_are_not_traced_anew() -> None:
    cache = TraceCache()
    register_choices(["relu", "elu", 8, "a name of something else"])
    for name in ("relu", "elu"):
        by_engine(activations_of(name), *vectors(), cache=cache, epochs=1)
    assert (cache.traced, cache.reused) == (1, 1)
    by_engine(activations_of("tanh"), *vectors(), cache=cache, epochs=1)
    assert cache.traced == 2
