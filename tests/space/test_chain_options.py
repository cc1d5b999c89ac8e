from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.keras import layers

from nas_nb.errors import SpaceError
from nas_nb.space.chain_options import DICT_KEYS, read_dict
from nas_nb.space.parameter import ParameterKind
from nas_nb.space.ranges import log_uniform, uniform
from nas_nb.space.search_space import SearchSpace

PLAIN = {"layers": ["Dense"], "units": [8], "activations": ["relu"]}


def read(**changes: object) -> dict[str, tuple[object, ...]]:
    return {key: p.choices for key, p in read_dict({**PLAIN, **changes}).items()}


def test_layers_are_taken_as_classes_of_either_package_and_as_names() -> None:
    for given in ([layers.Conv2D, layers.Dense], [keras.layers.Conv2D, "Dense"]):
        assert read(layers=given)["layers"] == ("Conv2D", "Dense")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("relu", "relu"),
        (tf.nn.relu, "relu"),
        (tf.nn.leaky_relu, "leaky_relu"),
        (tf.nn.softmax, "softmax"),
        (tf.nn.swish, "silu"),
        (tf.nn.silu, "silu"),
        (tf.nn.relu6, "relu6"),
        (tf.tanh, "tanh"),
        (keras.activations.gelu, "gelu"),
        (tf.keras.activations.selu, "selu"),
        ("swish", "silu"),
        (None, "linear"),
    ],
)
def test_activation_is_stored_by_the_name_that_keras_gives_it(given: object, name: str) -> None:
    assert read(activations=[given])["activations"] == (name,)


def test_keras_function_of_that_name_computes_what_tensorflows_does() -> None:
    x = np.linspace(-3, 3, 50, dtype="float32")
    for function in (tf.nn.relu, tf.nn.leaky_relu, tf.nn.gelu, tf.nn.elu, tf.nn.selu, tf.nn.silu):
        name = read(activations=[function])["activations"][0]
        np.testing.assert_allclose(keras.activations.get(name)(x), function(x), atol=1e-6)


@pytest.mark.parametrize("values", [[1, 2], (1, 2), range(1, 3), {2, 1}, np.array([1, 2])])
def test_values_may_be_any_sequence(values: object) -> None:
    assert read(units=values)["units"] == (1, 2)


def test_single_value_may_stand_alone() -> None:
    assert read(units=16, optimizer="sgd")["units"] == (16,)


def test_single_value_is_fixed_and_several_are_a_choice() -> None:
    choices = read_dict({**PLAIN, "units": [8, 16]})
    assert choices["units"].kind is ParameterKind.CHOICE
    assert choices["activations"].kind is ParameterKind.FIXED


def test_keys_come_in_one_order_whatever_the_dictionary_says() -> None:
    backwards = dict(reversed({**PLAIN, "learning_rate": 0.1}.items()))
    assert list(read_dict(backwards)) == [
        "layers",
        "units",
        "activations",
        "depth",
        "learning_rate",
    ]
    assert list(DICT_KEYS)[:3] == ["layers", "units", "activations"]


def test_depth_has_a_default_and_the_optimizer_is_left_out() -> None:
    choices = read()
    assert choices["depth"] == (1, 2, 3)
    assert "optimizer" not in choices


def test_optimizer_is_taken_as_name_or_class() -> None:
    given = ["Adam", "sgd", keras.optimizers.RMSprop, "adamw"]
    assert read(optimizer=given)["optimizer"] == ("adam", "sgd", "rmsprop", "adamw")


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "Received: an empty dictionary"),
        (None, "Expected a dictionary such as"),
        ([("layers", [])], r"of type list"),
        ({"layers": ["Dense"]}, "to say 'units' and 'activations'. Received: 'layers' only"),
        ({**PLAIN, "unit": [8]}, "Received: 'unit'. Did you mean 'units'"),
        ({**PLAIN, "layers": []}, "'layers' to list at least one value. Received: an empty list"),
        ({**PLAIN, "units": []}, "'units' to list at least one value"),
        ({**PLAIN, "layers": ["dense"]}, "Received: 'dense'. Did you mean 'Dense'"),
        ({**PLAIN, "layers": [layers.LSTM]}, "layers Conv2D, Conv1D or Dense, .* Received: 'LSTM'"),
        ({**PLAIN, "layers": [layers.Dense(3)]}, "layers Conv2D, Conv1D or Dense"),
        ({**PLAIN, "activations": ["rely"]}, "Received: 'rely'. Did you mean 'relu'"),
        ({**PLAIN, "activations": [tf.nn.crelu]}, "that Keras knows .* Received: 'crelu'"),
        ({**PLAIN, "activations": [lambda x: x]}, "that Keras knows .* Received: <function"),
        ({**PLAIN, "activations": ["threshold"]}, "that Keras knows"),
        ({**PLAIN, "activations": [tf.nn.relu, "relu"]}, "to differ. Received: 'relu' twice"),
        ({**PLAIN, "units": [0]}, "whole numbers above 0, up to 1,000,000. Received: 0"),
        ({**PLAIN, "units": [-8]}, "whole numbers above 0, up to 1,000,000. Received: -8"),
        ({**PLAIN, "units": [8.5]}, "up to 1,000,000. Received: 8.5"),
        ({**PLAIN, "units": ["8"]}, "whole numbers above 0, up to 1,000,000. Received: '8'"),
        ({**PLAIN, "units": [True]}, "whole numbers above 0, up to 1,000,000. Received: True"),
        ({**PLAIN, "units": [8, 8]}, "to differ. Received: 8 twice"),
        ({**PLAIN, "depth": [0]}, "'depth' .the number of layers. to be whole numbers"),
        ({**PLAIN, "optimizer": ["adm"]}, "Received: 'adm'. Did you mean 'adam'"),
        ({**PLAIN, "optimizer": [keras.optimizers.Adam()]}, "name of an optimiser of Keras"),
        ({**PLAIN, "learning_rate": [0]}, "numbers above 0. Received: 0"),
        ({**PLAIN, "learning_rate": [float("nan")]}, "numbers above 0. Received: nan"),
        ({**PLAIN, "learning_rate": ["fast"]}, "numbers above 0. Received: 'fast'"),
        ({**PLAIN, "learning_rate": uniform(0, 1)}, "numbers above 0. Received: 0"),
        (
            {**PLAIN, "depth": uniform(1, 3)},
            "'depth' to list its values. Received: .* uniform.1, 3.",
        ),
        (
            {**PLAIN, "units": uniform(8.5, 9)},
            "whole numbers above 0, up to 1,000,000. Received: 8.5",
        ),
        ({**PLAIN, "activations": uniform(0, 1)}, "'activations' to list its values"),
        ({**PLAIN, "dropout": [1.0]}, "from 0 to below 1. Received: 1.0"),
        ({**PLAIN, "dropout": uniform(0, 1)}, "from 0 to below 1. Received: 1"),
        ({**PLAIN, "normalization": ["bach"]}, "Received: 'bach'. Did you mean 'batch'"),
        ({**PLAIN, "layers": "Conv2D", "pooling": "mean"}, "'pooling' to be none, max, average"),
        ({**PLAIN, "skip": [1]}, "True or False. Received: 1"),
        ({**PLAIN, "kernel_sizes": [3]}, "Conv2D or Conv1D among 'layers' for 'kernel_sizes'"),
        ({**PLAIN, "normalisation": ["batch"]}, "Did you mean 'normalization'"),
    ],
)
def test_bad_dictionary_gets_one_sentence(space: object, message: str) -> None:
    with pytest.raises(SpaceError, match=message) as caught:
        read_dict(space)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_function_of_the_users_own_is_refused_even_if_named_like_one_of_keras() -> None:
    def relu(x: object) -> object:
        return x

    with pytest.raises(SpaceError, match="that Keras knows"):
        read(activations=[relu])


def test_layers_stand_for_the_words_of_normalization_and_pooling() -> None:
    given = [None, layers.BatchNormalization, "LayerNormalization"]
    assert read(normalization=given)["normalization"] == ("none", "batch", "layer")
    given = [layers.MaxPooling2D, "average"]
    assert read(layers="Conv2D", pooling=given)["pooling"] == ("max", "average")


def test_interval_keeps_its_ends_and_its_scale() -> None:
    rate = read_dict({**PLAIN, "learning_rate": log_uniform(1e-4, 1e-1)})["learning_rate"]
    assert (rate.kind, rate.low, rate.high, rate.log) == (ParameterKind.FLOAT, 1e-4, 1e-1, True)
    units = read_dict({**PLAIN, "units": log_uniform(8, 64)})["units"]
    assert (units.kind, units.low, units.high, units.log) == (ParameterKind.INT, 8, 64, True)


def test_a_recipe_makes_the_space_again() -> None:
    space = SearchSpace.from_dict(
        {**PLAIN, "dropout": uniform(0, 0.5), "optimizer": ["adam", "sgd"]}
    )
    assert SearchSpace.from_recipe(json.loads(json.dumps(space.recipe))) == space


def fixed(name: str, value: object, **more: object) -> dict[str, object]:
    return {"name": name, "kind": "fixed", "choices": [value], "default": value, **more}


@pytest.mark.parametrize(
    ("key", "entry"),
    [
        ("layers", fixed("layer", "TFSMLayer")),
        ("layers", fixed("layer", "Lambda")),
        ("units", fixed("units", "/a/path")),
        ("units", fixed("units", 10**9)),
        ("units", {"name": "units", "kind": "int", "low": 1, "high": 10**9}),
        ("units", {"name": "units", "kind": "int", "low": 1, "high": 64, "step": 0.5}),
        ("depth", fixed("depth", 10**7)),
        ("depth", {"name": "depth", "kind": "int", "low": 1, "high": 3}),
        ("activations", fixed("activation", "deserialize")),
        ("optimizer", fixed("optimizer", "LossScaleOptimizer")),
        ("kernel_sizes", fixed("kernel_size", 10**6)),
        ("dropout", fixed("dropout", 2.0)),
        ("learning_rate", {"name": "learning_rate", "kind": "float", "low": -1.0, "high": 1.0}),
        ("units", fixed("layer_1", 8)),
        ("units", fixed("units", 8, conditions=[{"parent": "depth", "values": [1]}])),
        ("units", fixed("units", 8, colour="red")),
        ("code", fixed("code", "import os")),
        ("units", None),
        ("units", {"kind": "choice", "choices": 3}),
    ],
)
def test_a_recipe_of_a_stranger_says_no_more_than_a_dictionary_could(
    key: str, entry: object
) -> None:
    chain = SearchSpace.from_dict(PLAIN).recipe["chain"]  # type: ignore[index]
    with pytest.raises(SpaceError, match="Expected "):
        SearchSpace.from_recipe({"chain": {**chain, key: entry}})


@pytest.mark.parametrize("recipe", [None, 5, [], {}, {"chain": None}, {"chain": {"units": {}}}])
def test_what_is_no_recipe_is_refused(recipe: object) -> None:
    with pytest.raises(SpaceError, match=r"Expected the `?recipe"):
        SearchSpace.from_recipe(recipe)  # type: ignore[arg-type]


def test_a_hundred_thousand_choices_are_read_told_encoded_and_stepped_along() -> None:
    space = SearchSpace.from_dict({**PLAIN, "units": range(1, 100_001), "depth": [1]})
    assert "1, 2, 3, 4, 5, ... 100000 (100,000 values)" in space.describe()
    one = space.architecture(
        {"depth": 1, "layer_1": "Dense", "units_1": 500, "activation_1": "relu"}
    )
    assert space.encode(one).shape < (10,)
    assert {499, 501} <= {near["units_1"] for near in space.neighbours(one)}
