"""One contract over every proxy."""

from __future__ import annotations

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from nas_nb.errors import MeasureError
from nas_nb.explain.proxy_ranking import PROXIES
from tests.evaluate.proxies.nets import NETS, batch


def score(name: str, net: str, seed: int = 0) -> float | None:
    """The score, or None where the proxy is not defined for the net."""
    build, shape = NETS[net]
    try:
        return PROXIES[name](build(), *batch(shape, seed=seed))
    except MeasureError:
        return None


def generators() -> tuple[object, ...]:
    """The states of the global generators, which belong to the user."""
    return random.getstate(), str(np.random.get_state())  # noqa: NPY002


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("name", PROXIES)
def test_a_score_is_a_finite_float_where_it_is_defined(name: str, net: str):
    value = score(name, net)
    if (name, net) == ("zen", "dense"):
        assert value is None
    else:
        assert isinstance(value, float)
        assert np.isfinite(value)


@pytest.mark.parametrize("name", PROXIES)
def test_the_same_weights_and_batch_give_the_same_score(name: str):
    assert score(name, "mixed") == score(name, "mixed")


@pytest.mark.parametrize("net", ["convolutional", "mixed"])
@pytest.mark.parametrize("name", PROXIES)
def test_model_and_generators_are_left_as_they_were(name: str, net: str):
    build, shape = NETS[net]
    model, data = build(), batch(shape)
    functions = [getattr(layer, "activation", None) for layer in model.layers]
    weights = [variable.numpy() for variable in model.variables]
    states = generators()
    PROXIES[name](model, *data)
    assert generators() == states
    assert [getattr(layer, "activation", None) for layer in model.layers] == functions
    assert len(weights) <= len(model.variables)  # the loss's own counters may have come
    for before, variable in zip(weights, model.variables, strict=False):
        np.testing.assert_array_equal(before, variable.numpy())


@pytest.mark.parametrize("name", PROXIES)
def test_a_scored_model_trains_as_one_that_was_not(name: str):
    build, shape = NETS["mixed"]
    x, y = batch(shape)
    scored, other = build(), build()
    PROXIES[name](scored, x, y)
    for model in (scored, other):
        model.train_on_batch(x, y)
    for one, two in zip(scored.weights, other.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


@pytest.mark.parametrize("name", PROXIES)
def test_nothing_is_traced_for_a_candidate(name: str, monkeypatch: pytest.MonkeyPatch):
    eager: list[bool] = []
    call = keras.layers.Dense.call

    def recorded(self, *args, **kwargs):
        eager.append(tf.executing_eagerly())
        return call(self, *args, **kwargs)

    build, shape = NETS["mixed"]
    model = build()
    monkeypatch.setattr(keras.layers.Dense, "call", recorded)
    PROXIES[name](model, *batch(shape))
    assert all(eager)
    assert bool(eager) == (name not in ("params", "macs"))


class Written(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = keras.layers.Dense(4, activation="relu")
        self.head = keras.layers.Dense(3, activation="softmax")

    def call(self, inputs):
        return self.head(self.hidden(inputs))


@pytest.mark.parametrize("name", PROXIES)
def test_a_subclassed_model_gets_a_score_or_a_sentence(name: str):
    x, y = batch((4,))
    model = Written()
    model.compile("sgd", "sparse_categorical_crossentropy")
    model(x)
    if name in ("params", "macs", "snip", "grad_norm"):
        assert PROXIES[name](model, x, y) > 0
    else:
        with pytest.raises(MeasureError, match=r"keras\.Model\(inputs, outputs\)"):
            PROXIES[name](model, x, y)
