from __future__ import annotations

import linecache
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from nas_nb.errors import SpaceError
from nas_nb.export.keras_source import keras_source
from tests.export.test_keras_source import rebuilt

FACTOR = 3.0


def own_layer(**given: Any) -> layers.Layer:
    @keras.saving.register_keras_serializable("tests")
    class Scale(layers.Layer):
        def __init__(self, factor: float = 1.0, **options: Any) -> None:
            super().__init__(**options)
            self.factor = factor

        def build(self, shape: Any) -> None:
            self.shift = self.add_weight(shape=(shape[-1],), name="shift")

        def call(self, x: Any) -> Any:
            return np.float32(self.factor) * x + self.shift

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    return Scale(**given)


class Plain(layers.Layer):
    def __init__(self, units: int) -> None:
        super().__init__()
        self.units = units

    def call(self, x: Any) -> Any:
        return ops.tile(x, (1, self.units))


def own_function(factor: float, registered: bool = False) -> Any:
    def scaled(x: Any) -> Any:
        return ops.relu(x) * factor + FACTOR

    return keras.saving.register_keras_serializable("tests")(scaled) if registered else scaled


def doubled(x: Any) -> Any:
    return 2 * x


class Ones(keras.initializers.Initializer):
    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return self.scale * ops.ones(shape, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"scale": self.scale}


def l4(weights: Any) -> Any:
    return ops.sum(weights**4)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: own_layer(factor=2.0),
        lambda: own_layer(factor=2.0, name="mine"),
        lambda: Plain(2),
        lambda: layers.TimeDistributed(own_layer(factor=2.0)),
        lambda: keras.Sequential([keras.Input((4, 6)), own_layer(factor=2.0)]),
        lambda: layers.Lambda(doubled),
        lambda: layers.Dense(3, activation=own_function(2.0)),
        lambda: layers.Dense(3, activation=own_function(2.0, registered=True)),
        lambda: layers.Dense(3, kernel_initializer=Ones(2.0), kernel_regularizer=l4),
    ],
)
@pytest.mark.parametrize("functional", [False, True])
def test_own_layers_and_functions_are_rebuilt(layer: Any, functional: bool) -> None:
    inputs = keras.Input((4, 6))
    given = layer()
    model = keras.Sequential([inputs, given])
    if functional:
        model = keras.Model(inputs, layers.Dense(2)(given(inputs)))
    registered = dict(keras.saving.get_custom_objects())
    again = rebuilt(model)
    again.set_weights(model.get_weights())
    x = np.random.default_rng(0).random((2, 4, 6)).astype("float32")
    if not isinstance(given, Plain):
        np.testing.assert_array_equal(again(x), model(x))
    assert len(again.losses) == len(model.losses)
    keras.saving.get_custom_objects().update(registered)


class Huberish(keras.losses.Loss):
    def __init__(self, delta: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self.delta = delta

    def call(self, y: Any, predicted: Any) -> Any:
        return ops.mean(ops.minimum(ops.abs(y - predicted), self.delta), -1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "delta": self.delta}


class Forgetful(keras.losses.Loss):
    def __init__(self, delta: float = 1.0) -> None:
        super().__init__()
        self.delta = delta

    def call(self, y: Any, predicted: Any) -> Any:
        return ops.abs(y - predicted) * self.delta


class Bias(keras.metrics.Metric):
    def __init__(self, name: str = "bias", **options: Any) -> None:
        super().__init__(name=name, **options)
        self.sum = self.add_weight(name="sum", initializer="zeros")

    def update_state(self, y: Any, predicted: Any, sample_weight: Any = None) -> None:
        self.sum.assign_add(ops.sum(predicted - ops.cast(y, predicted.dtype)))

    def result(self) -> Any:
        return self.sum


class Slow(keras.optimizers.SGD):
    pass


bce = keras.losses.MeanAbsoluteError()


def gap(y: Any, predicted: Any) -> Any:
    return bce(y, predicted) * FACTOR


def compiled(**arguments: Any) -> keras.Model:
    inputs = keras.Input((3,))
    model = keras.Model(
        inputs, {"a": layers.Dense(1, name="a")(inputs), "b": layers.Dense(1, name="b")(inputs)}
    )
    model.compile(**arguments)
    return model


def test_own_losses_metrics_and_optimizers_are_rebuilt() -> None:
    model = compiled(
        optimizer=Slow(0.25),
        loss={"a": gap, "b": Huberish(0.5)},
        metrics={"a": [Bias(), gap], "b": ["mae"]},
    )
    again = rebuilt(model)
    again.set_weights(model.get_weights())
    x = np.ones((4, 3), "float32")
    y = {"a": np.zeros((4, 1)), "b": np.ones((4, 1))}
    first, second = (one.evaluate(x, y, verbose=0, return_dict=True) for one in (model, again))
    assert first == second
    assert float(again.optimizer.learning_rate) == 0.25


def test_what_a_notebook_defined_is_copied_with_what_it_uses() -> None:
    """A notebook's names lie in no module: the source has to hold them all."""
    cell = (
        "import keras\nfrom keras import ops as o\nimport math\nPOWER = 2\n\n"
        "def inner(x):\n    return o.abs(x) ** POWER * math.e\n\n"
        "def loss1(y, p):\n    return o.mean(inner(y - p))\n"
    )
    linecache.cache["<cell>"] = (len(cell), None, cell.splitlines(keepends=True), "<cell>")
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(cell, "<cell>", "exec"), names)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile(loss=names["loss1"])
    source = keras_source(model)
    assert "loss=loss1" in source
    assert source.index("POWER = 2") < source.index("def inner") < source.index("def loss1")
    assert rebuilt(model).evaluate(np.ones((2, 3)), np.ones((2, 1)), verbose=0) > 0
    del names["POWER"]
    with pytest.raises(SpaceError, match=r"POWER, which is used by inner, and is not defined"):
        keras_source(model)
    linecache.cache.pop("<cell>")
    with pytest.raises(SpaceError, match=r"loss1, which has no source that can be read"):
        keras_source(model)


def two_called_the_same() -> keras.Model:
    activations = own_function(1.0), own_function(2.0)
    return keras.Sequential([layers.Dense(2, activation=each) for each in activations])


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: compiled(loss=Forgetful(0.5)), "`Forgetful.get_config` to have all arguments"),
        (lambda: keras.Sequential([layers.Lambda(lambda x: x)]), "Received: Lambda"),
        (lambda: compiled(loss=lambda y, p: y - p), "Received: a lambda"),
        (
            lambda: keras.Sequential([layers.Dense(2, activation=lambda x: 2 * x)]),
            "Received: a lambda",
        ),
        (two_called_the_same, "one class or function called scaled"),
        (lambda: keras.Sequential([layers.Dense(2, activation=np_loss(np.ones(3)))]), "values"),
    ],
)
@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_what_can_not_be_written_is_named_in_one_error(make: Any, told: str) -> None:
    with pytest.raises(SpaceError, match=told):
        keras_source(make())


def np_loss(values: Any) -> Any:
    def weighted(x: Any) -> Any:
        return x * values[0]

    return weighted
