from __future__ import annotations

import random
import re
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from nas_nb.data.dataset import DataSpec
from nas_nb.data.task import Task
from nas_nb.errors import SpaceError
from nas_nb.export.keras_source import keras_source
from nas_nb.space.search_space import SearchSpace


def rebuilt(model: keras.Model) -> keras.Model:
    """The model that the source builds, run without anything of ours."""
    source = keras_source(model)
    assert "nas_nb" not in source
    names: dict[str, Any] = {}
    exec(source, names)
    made: keras.Model = names["build_model"]()
    return made


def anonymous(config: Any) -> Any:
    """A config without the numbers that Keras counts up in names."""
    if isinstance(config, dict):
        return {key: anonymous(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return [anonymous(value) for value in config]
    return re.sub(r"_\d+$", "", config) if isinstance(config, str) else config


def check(model: keras.Model, *, seed: int = 0) -> None:
    """Same config, same weights taken, same predictions."""
    again = rebuilt(model)
    assert anonymous(again.get_config()) == anonymous(model.get_config())
    assert anonymous(again.get_compile_config()) == anonymous(model.get_compile_config())
    again.set_weights(model.get_weights())
    rng = np.random.default_rng(seed)
    batch = [rng.random((2, *tensor.shape[1:])).astype(tensor.dtype) for tensor in model.inputs]
    inputs = batch if len(batch) > 1 else batch[0]
    for ours, theirs in zip(outputs(again, inputs), outputs(model, inputs), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def outputs(model: keras.Model, inputs: Any) -> list[np.ndarray]:
    return keras.tree.flatten(model.predict(inputs, verbose=0))


def lines(model: keras.Model) -> str:
    return keras_source(model)


def test_chain_is_written_as_a_student_would() -> None:
    space = SearchSpace.from_dict(
        {
            "layers": ["Conv2D", "Dense"],
            "units": [32, 64],
            "activations": ["relu"],
            "depth": [2],
            "learning_rate": [0.01],
        }
    ).for_data(DataSpec((8, 8, 1), Task.MULTICLASS, 10))
    model = space.build_values({**space.domain.complete({}), "layer_2": "Dense"})
    assert (
        keras_source(model)
        == """import keras
from keras import layers


def build_model():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=0.01),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model
"""
    )
    check(model)


@pytest.mark.parametrize("task", list(Task))
def test_every_task_of_the_chain_space_is_rebuilt(task: Task) -> None:
    space = SearchSpace.from_dict(
        {"layers": ["Conv2D", "Dense"], "units": [4, 8], "activations": ["relu", "swish", None]}
    ).for_data(DataSpec((6, 6, 2), task, 3 if task is Task.MULTICLASS else 1))
    rng = np.random.default_rng(0)
    for _ in range(3):
        check(space.sample(rng).build())


def test_branches_are_rebuilt() -> None:
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(inputs)
    shortcut = x
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(x)
    x = layers.SeparableConv2D(4, (3, 1), padding="same")(x)
    x = layers.Add()([x, shortcut])
    side = layers.Conv2D(2, 1, strides=2)(shortcut)
    x = layers.Concatenate()([layers.MaxPooling2D(2)(x), side])
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(3, activation="softmax")(x)
    model = keras.Model(inputs, outputs, name="residual")
    model.compile("rmsprop", "categorical_crossentropy", metrics=["accuracy"])
    source = lines(model)
    assert "    x_1 = layers.Add()([x_1, x])\n" in source
    assert '    model = keras.Model(inputs, outputs, name="residual")\n' in source
    check(model)


def test_several_inputs_outputs_and_calls_of_one_layer_are_rebuilt() -> None:
    left, right = keras.Input((4,), name="left"), keras.Input((4,))
    shared = layers.Dense(3, activation="tanh")
    a, b = shared(left), shared(right)
    total = keras.ops.mean(a, axis=1, keepdims=True) + b * 2.0
    model = keras.Model([left, right], {"part": total[:, :2], "whole": layers.Dense(1)(total)})
    check(model)


def test_recurrent_and_attention_layers_are_rebuilt() -> None:
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Embedding(10, 8)(inputs)
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x)
    x = layers.LayerNormalization(epsilon=1e-6)(x + layers.MultiHeadAttention(2, 4)(x, x))
    x = layers.TimeDistributed(layers.Dense(2))(x)
    _, state = layers.GRU(3, return_state=True)(x)
    model = keras.Model(inputs, layers.Dense(1)(state))
    assert "layers.Bidirectional(layers.LSTM(4, return_sequences=True))" in lines(model)
    check(model)


def test_models_inside_the_model_become_functions() -> None:
    block = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.LeakyReLU()], name="block")
    start = keras.Input((4,))
    inner = keras.Model(start, layers.Add()([start, layers.Dense(4)(start)]))
    model = keras.Sequential([keras.Input((4,)), block, inner, layers.Dense(1)])
    source = lines(model)
    assert "def build_block():" in source
    assert "            build_block(),\n            build_part_2(),\n" in source
    check(model)


def test_functional_model_may_be_called_more_than_once_and_end_the_model() -> None:
    given = keras.Input((4,))
    part = keras.Model(given, layers.Dense(4, activation="tanh")(given))
    inputs = keras.Input((4,))
    check(keras.Model(inputs, part(inputs)))
    check(keras.Model(inputs, part(layers.Dense(4)(part(inputs)))))


def test_regularizers_schedules_and_objects_are_rebuilt() -> None:
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1), name="image"),
            layers.Rescaling(1 / 255),
            layers.Conv2D(
                2,
                3,
                kernel_regularizer=keras.regularizers.L2(1e-3),
                kernel_initializer="he_normal",
                bias_initializer=keras.initializers.Constant(0.5),
            ),
            layers.Flatten(),
            layers.Dense(3, name="scores", kernel_constraint="max_norm"),
        ],
        name="small",
    )
    model.compile(
        keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 100), momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2, name="top")],
    )
    source = lines(model)
    assert "layers.Rescaling(1 / 255)" in source
    assert 'kernel_initializer="he_normal"' in source
    check(model)


def test_losses_by_output_are_rebuilt() -> None:
    inputs = keras.Input((4,))
    heads = {name: layers.Dense(1, name=name)(inputs) for name in ("a", "b")}
    model = keras.Model(inputs, heads)
    model.compile(
        "adam",
        {"a": "mse", "b": "mae"},
        metrics={"a": ["mae"]},
        loss_weights={"a": 1.0, "b": 0.5},
    )
    check(model)


def test_model_that_is_not_compiled_has_no_compile_call() -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    assert "compile" not in lines(model)
    check(model)


def test_writing_source_leaves_random_state_and_names_alone() -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.Dropout(0.5)])
    number = int(layers.Dense(1).name.rpartition("_")[2])
    state = random.getstate()
    lines(model)
    assert random.getstate() == state
    assert layers.Dense(1).name == f"dense_{number + 1}"


def test_subclassed_model_is_refused() -> None:
    class Mine(keras.Model):
        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(SpaceError, match=r"Sequential or functional model .*. Received: Mine"):
        keras_source(Mine())


@pytest.mark.parametrize("error", [NotImplementedError("first\nsecond"), KeyError("factor")])
def test_a_layer_whose_config_can_not_be_had_is_named_in_one_sentence(error: Exception) -> None:
    class Mine(layers.Layer):
        def call(self, x: Any) -> Any:
            return x

        def get_config(self) -> dict[str, Any]:
            raise error

    with pytest.raises(
        SpaceError, match=r"Received: Mine, whose `get_config` fails\. Copy"
    ) as raised:
        keras_source(keras.Sequential([keras.Input((4,)), Mine()]))
    assert "\n" not in str(raised.value)


NAMES = ("class", "None", "print", "keras", "layers", "model", "inputs", "outputs", "x", "x_1")


@pytest.mark.parametrize("name", [*NAMES, "inputs_1", "build_model", "1st"])
def test_whatever_a_layer_is_called_the_source_runs(name: str) -> None:
    inputs = keras.Input((4,))
    shared = layers.Dense(4, name=name)
    check(keras.Model(inputs, shared(shared(inputs))))


def test_names_that_python_can_not_tell_apart_get_numbers() -> None:
    x = inputs = keras.Input((4,))
    for layer in [layers.Dense(4, name=name) for name in ("a-b", "a.b", "a_b")] * 2:
        x = layer(x)
    check(keras.Model(inputs, x))


@pytest.mark.parametrize("names", [("model",), ("class",), ("a-b", "a_b")])
def test_whatever_models_inside_are_called_the_source_runs(names: tuple[str, ...]) -> None:
    x = inputs = keras.Input((4,))
    for name in names:
        inner = keras.Input((4,))
        x = keras.Model(inner, layers.Dense(4)(inner), name=name)(x)
    check(keras.Model(inputs, x))
