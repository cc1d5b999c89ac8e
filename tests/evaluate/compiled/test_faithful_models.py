"""Models of every kind train in the engine as they train in `fit`."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, regularizers

from nas_nb.evaluate.compiled.trace_cache import TraceCache
from tests.evaluate.compiled.paths import assert_same, by_engine, images, vectors

pytestmark = pytest.mark.tensorflow


def classifier(hidden: list[Any], optimizer: str = "adam") -> keras.Model:
    loss = "sparse_categorical_crossentropy"
    model = keras.Sequential([keras.Input((6, 6, 1)), *hidden, layers.Dense(3, "softmax")])
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


def test_batch_normalization_dropout_and_regularizers_agree() -> None:
    cache = TraceCache()

    def build(width: int, rate: float, seed: int) -> keras.Model:
        return classifier(
            [
                layers.Conv2D(width, 3, activation="relu", kernel_regularizer="l2"),
                layers.BatchNormalization(),
                layers.MaxPooling2D(),
                layers.Dropout(rate, seed=seed),
                layers.Flatten(),
                layers.Dense(width, activity_regularizer=regularizers.L1(0.01)),
            ],
            # A bias before normalization has no gradient but rounding, which Adam would blow up.
            "sgd",
        )

    assert_same(lambda: build(4, 0.2, 1), *images(), cache=cache)
    assert_same(lambda: build(7, 0.6, 2), *images(), cache=cache)
    assert (cache.traced, cache.reused) == (1, 1)


def test_another_activation_is_traced_once_and_then_chosen() -> None:
    cache = TraceCache()

    def build(name: str) -> keras.Model:
        return classifier([layers.Flatten(), layers.Dense(4, activation=name)])

    for name in ("relu", "leaky_relu", "tanh", "relu", "leaky_relu"):
        assert_same(lambda name=name: build(name), *images(), cache=cache)
    assert (cache.traced, cache.reused) == (3, 2)


def test_class_and_sample_weights_agree() -> None:
    x, y = images()
    weights = np.linspace(0.1, 2.0, len(x), dtype="float32")

    def build() -> keras.Model:
        model = classifier([layers.Flatten(), layers.Dense(4)])
        model.compile("sgd", model.loss, weighted_metrics=["accuracy"], metrics=["accuracy"])
        return model

    assert_same(build, x, y, sample_weight=weights)


def test_regression_in_two_precisions_agrees() -> None:
    def build(policy: str) -> keras.Model:
        x = keras.Input((5,))
        hidden = layers.Dense(6, activation="elu", dtype=policy)(x)
        model = keras.Model(x, layers.Dense(1, dtype="float32")(hidden))
        model.compile("rmsprop", "mse", metrics=["mae", keras.metrics.RootMeanSquaredError()])
        return model

    assert_same(lambda: build("float32"), *vectors())
    assert_same(lambda: build("mixed_bfloat16"), *vectors(), tolerance=2e-2)


def test_multiple_inputs_and_outputs_agree() -> None:
    x, y = vectors()
    inputs = {"left": x, "right": x[:, :2]}
    targets = {"size": y, "sign": (y > 0).astype("float32")}

    def build() -> keras.Model:
        left, right = keras.Input((5,), name="left"), keras.Input((2,), name="right")
        joined = layers.Concatenate()([layers.Dense(4, "relu")(left), layers.Dense(3)(right)])
        outputs = {
            "size": layers.Dense(1, name="size")(joined),
            "sign": layers.Dense(1, "sigmoid", name="sign")(joined),
        }
        model = keras.Model({"left": left, "right": right}, outputs)
        model.compile(
            "adam",
            {"size": "mse", "sign": "binary_crossentropy"},
            loss_weights={"size": 0.5, "sign": 2.0},
            metrics={"size": ["mae"], "sign": ["accuracy", "auc"]},
        )
        return model

    assert_same(build, inputs, targets)


@pytest.mark.parametrize(
    "make",
    [
        layers.LayerNormalization,
        lambda: layers.SeparableConv2D(4, 3),
        lambda: layers.Conv2D(4, 3, groups=1, data_format="channels_last", padding="same"),
        lambda: layers.DepthwiseConv2D(3),
        lambda: layers.GroupNormalization(1),
        lambda: layers.GaussianNoise(0.1, seed=3),
        lambda: layers.Reshape((36,)),
    ],
)
def test_layers_that_read_sizes_agree_and_reuse_the_trace_of_their_architecture(make: Any) -> None:
    cache = TraceCache()

    def build() -> keras.Model:
        return classifier([make(), layers.Flatten()])

    first = assert_same(build, *images(), cache=cache)
    by_engine(build(), *images(), cache=cache, epochs=1)
    assert (cache.traced, cache.reused) == (1, 1)
    assert (first.note is None) == isinstance(make(), layers.Conv2D)


def test_residual_connections_share_a_trace_between_widths() -> None:
    cache = TraceCache()

    def build(width: int) -> keras.Model:
        x = keras.Input((6, 6, 1))
        once = layers.Conv2D(width, 3, padding="same")(x)
        twice = layers.Conv2D(width, 3, padding="same", activation="relu")(once)
        pooled = layers.GlobalAveragePooling2D()(layers.Add()([once, twice]))
        model = keras.Model(x, layers.Dense(3, activation="softmax")(pooled))
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    for width in (2, 5):
        assert_same(lambda width=width: build(width), *images(), cache=cache)
    assert (cache.traced, cache.reused) == (1, 1)


class Scaled(layers.Layer):
    """A layer with Python code of its own."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor


def test_a_users_layer_is_traced_for_its_trial_alone_and_agrees() -> None:
    cache = TraceCache()
    for factor in (0.5, 2.0):
        outcome = assert_same(
            lambda f=factor: classifier([Scaled(f), layers.Flatten()]), *images(), cache=cache
        )
        assert "alone" in outcome.note
        assert "Scaled" in outcome.note
    assert (cache.traced, len(cache)) == (2, 0)


def test_symbolic_operations_are_not_mistaken_for_layers_without_sizes() -> None:
    def build(width: int) -> keras.Model:
        x = keras.Input((6, 6, 1))
        wide = layers.Conv2D(width, 3, padding="same")(x)
        flat = keras.ops.reshape(wide, (-1, 36 * width))
        model = keras.Model(x, layers.Dense(3, activation="softmax")(flat))
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    cache = TraceCache()
    for width in (2, 3):
        assert_same(lambda width=width: build(width), *images(), cache=cache)
    assert (cache.traced, cache.reused) == (2, 0)


def test_a_users_activation_is_traced_for_its_trial_alone_and_agrees() -> None:
    outcome = assert_same(
        lambda: classifier([layers.Flatten(), layers.Dense(4, activation=lambda x: x * x)]),
        *images(),
    )
    assert "alone" in outcome.note


def test_a_nested_model_agrees() -> None:
    def build() -> keras.Model:
        inner = keras.Sequential([keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(4)])
        return classifier([inner, layers.ReLU()])

    cache = TraceCache()
    assert_same(build, *images(), cache=cache)
    assert_same(build, *images(), cache=cache)
    assert (cache.traced, cache.reused) == (1, 1)


def test_two_losses_of_the_same_name_do_not_share_a_trace() -> None:
    cache = TraceCache()
    for power in (1, 2):

        def loss(y_true: Any, y_pred: Any, power: int = power) -> Any:
            return keras.ops.mean(keras.ops.abs(y_true - y_pred) ** power, axis=-1)

        def build(loss: Any = loss) -> keras.Model:
            model = keras.Sequential([keras.Input((5,)), layers.Dense(1)])
            model.compile("sgd", loss)
            return model

        assert_same(build, *vectors(), cache=cache)
    assert (cache.traced, cache.reused) == (2, 0)
