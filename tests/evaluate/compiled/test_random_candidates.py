"""Random candidates train in the engine as in `fit`, whoever's trace they find."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from keras import layers

from nas_nb.evaluate.compiled.trace_cache import TraceCache
from tests.evaluate.compiled.paths import assert_same, images

pytestmark = pytest.mark.tensorflow

CACHE = TraceCache()  # shared by all examples, so that later ones reuse what earlier ones traced

OPTIMIZERS = ("SGD", "RMSprop", "Adam", "AdamW", "Nadam", "Adagrad", "Adadelta", "Lion")

LAYER = st.tuples(
    st.sampled_from(["conv", "dense"]),
    st.integers(1, 9),
    st.sampled_from(["relu", "tanh", "leaky_relu"]),
    st.booleans(),
)


def candidate(chain: list[Any], optimizer: str, rate: float, dropout: float) -> keras.Model:
    x = inputs = keras.Input((6, 6, 1))
    for kind, width, activation, normalized in chain:
        if kind == "conv" and len(x.shape) == 4:
            # Without a bias of its own: before normalization it has no gradient but rounding.
            x = layers.Conv2D(width, 3, padding="same", use_bias=not normalized)(x)
        else:
            x = x if len(x.shape) == 2 else layers.Flatten()(x)
            x = layers.Dense(width, use_bias=not normalized)(x)
        x = layers.BatchNormalization()(x) if normalized else x
        x = layers.Activation(activation)(x)
    x = layers.Dropout(dropout, seed=3)(layers.Flatten()(x))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    made = keras.optimizers.get({"class_name": optimizer, "config": {"learning_rate": rate}})
    model.compile(made, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Phase.generate],
)
@given(
    chain=st.lists(LAYER, min_size=1, max_size=2),
    optimizer=st.sampled_from(OPTIMIZERS),
    rate=st.floats(1e-4, 1e-2),
    dropout=st.sampled_from([0.0, 0.2, 0.5]),
    seed=st.integers(0, 2**20),
)
def test_losses_and_weights_agree_after_twenty_steps(
    chain: list[Any], optimizer: str, rate: float, dropout: float, seed: int
) -> None:
    keras.utils.set_random_seed(seed)
    x, y = images(seed=seed)
    assert_same(lambda: candidate(chain, optimizer, rate, dropout), np.tanh(x), y, cache=CACHE)
