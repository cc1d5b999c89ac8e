"""Every optimizer of Keras does in the engine what it does in `fit`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, optimizers

from nas_nb.evaluate.compiled.trace_cache import TraceCache
from tests.evaluate.compiled.paths import assert_same, by_engine, images

pytestmark = pytest.mark.tensorflow

OPTIMIZERS: dict[str, Callable[[float], Any]] = {
    "SGD": optimizers.SGD,
    "momentum": lambda lr: optimizers.SGD(lr, momentum=0.9),
    "Nesterov": lambda lr: optimizers.SGD(lr, momentum=0.8, nesterov=True, weight_decay=0.01),
    "RMSprop": lambda lr: optimizers.RMSprop(lr, rho=0.8),
    # Of a repeated word Keras squares each gradient but averages the sum, so the variance may be
    # below 0: with its own epsilon `fit` fails as well.
    "RMSprop centered": lambda lr: optimizers.RMSprop(
        lr, momentum=0.5, centered=True, epsilon=0.01
    ),
    "Adam": optimizers.Adam,
    "AMSGrad": lambda lr: optimizers.Adam(lr, beta_1=0.8, beta_2=0.99, amsgrad=True),
    "AdamW": lambda lr: optimizers.AdamW(lr, weight_decay=0.02),
    "Nadam": optimizers.Nadam,
    "Adamax": optimizers.Adamax,
    "Adagrad": optimizers.Adagrad,
    "Adadelta": optimizers.Adadelta,
    "Ftrl": lambda lr: optimizers.Ftrl(lr, l1_regularization_strength=0.001),
    "Lion": optimizers.Lion,
    "Lamb": optimizers.Lamb,
    "Adafactor": optimizers.Adafactor,
    "Muon": optimizers.Muon,
    "ScheduleFreeAdamW": optimizers.ScheduleFreeAdamW,
    "loss scale": lambda lr: optimizers.LossScaleOptimizer(optimizers.Adam(lr)),
    "clipped": lambda lr: optimizers.Adam(lr, clipnorm=0.1),
    "clipped together": lambda lr: optimizers.SGD(lr, global_clipnorm=0.1),
    "averaged": lambda lr: optimizers.Adam(lr, use_ema=True, ema_overwrite_frequency=7),
    "accumulating": lambda lr: optimizers.SGD(lr, gradient_accumulation_steps=3),
    "cosine": lambda lr: optimizers.Adam(optimizers.schedules.CosineDecay(lr, 20)),
    "step": lambda lr: optimizers.SGD(optimizers.schedules.ExponentialDecay(lr, 5, 0.5)),
}


def inputs(seed: int = 0) -> tuple[Any, Any]:
    """Images with three words each, out of so few that every batch has some more than once."""
    x, y = images(seed=seed)
    return {"image": x, "words": np.random.default_rng(seed).integers(0, 4, (len(x), 3))}, y


def candidate(width: int, optimizer: Any) -> keras.Model:
    """A model with dense gradients and with a sparse one, that of the embedding."""
    image, words = keras.Input((6, 6, 1), name="image"), keras.Input((3,), name="words")
    x = layers.Conv2D(width, 3, padding="same", activation="tanh")(image)
    x = layers.Dense(width, activation="gelu")(layers.Flatten()(x))
    meaning = layers.GlobalAveragePooling1D()(layers.Embedding(4, width)(words))
    y = layers.Dense(3, activation="softmax")(layers.Concatenate()([x, meaning]))
    model = keras.Model({"image": image, "words": words}, y)
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_steps_agree_with_fit(name: str) -> None:
    cache = TraceCache()
    make = OPTIMIZERS[name]
    # The second candidate has another width and rate, and where it can, the first one's trace.
    by_engine(candidate(3, make(0.01)), *inputs(), cache=cache, epochs=1)
    outcome = assert_same(lambda: candidate(5, make(0.003)), *inputs(1), cache=cache)
    sized = name in ("Muon", "ScheduleFreeAdamW", "accumulating")
    scheduled = name in ("cosine", "step")  # the rate of a schedule is one of its constants
    assert cache.traced == (2 if sized or scheduled else 1)
    if sized:
        assert outcome.note.startswith("one trace an architecture: ")
    elif scheduled:
        assert outcome.note.startswith("traced anew: another learning_rate of ")
    else:
        assert outcome.note is None


def test_settings_of_an_optimizer_may_differ_without_a_new_trace() -> None:
    cache = TraceCache()
    for beta_1, beta_2, epsilon in [(0.9, 0.999, 1e-7), (0.5, 0.9, 1e-3), (0.99, 0.9999, 1e-8)]:

        def build(b1: float = beta_1, b2: float = beta_2, eps: float = epsilon) -> keras.Model:
            return candidate(4, optimizers.Adam(0.01, beta_1=b1, beta_2=b2, epsilon=eps))

        assert_same(build, *inputs(), cache=cache)
    assert (cache.traced, cache.reused) == (1, 2)
