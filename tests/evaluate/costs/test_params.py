from __future__ import annotations

import resource

import keras
import pytest

from nas_nb.errors import MeasureError
from nas_nb.evaluate.costs import params, without_weights


def chain(*layers: keras.layers.Layer) -> keras.Model:
    model = keras.Sequential([keras.Input((8, 8, 3)), *layers])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def test_params_are_the_weights_of_the_layers_counted_by_hand():
    model = chain(
        keras.layers.Conv2D(4, 3),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.5),
        keras.layers.Flatten(),
        keras.layers.Dense(10),
    )
    convolution, normalisation, dense = 3 * 3 * 3 * 4 + 4, 4 * 4, 6 * 6 * 4 * 10 + 10
    assert params(model) == convolution + normalisation + dense
    assert params(model) == model.count_params()


def test_a_shared_layer_counts_once():
    shared = keras.layers.Dense(5)
    inputs = keras.Input((5,))
    model = keras.Model(inputs, shared(shared(inputs)))
    assert params(model) == 30


def test_params_are_known_without_allocating_the_weights():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with without_weights():
        model = chain(keras.layers.Flatten(), keras.layers.Dense(2_000_000))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert params(model) == 8 * 8 * 3 * 2_000_000 + 2_000_000
    assert grown < 300_000  # kB; the weights would be 1.5 GB


def test_models_built_after_the_block_have_weights():
    with without_weights():
        chain(keras.layers.Dense(2))
    assert chain(keras.layers.Dense(2)).get_weights()[0].shape == (3, 2)


def test_params_of_a_model_that_is_not_built_say_how_to_build_it():
    with pytest.raises(MeasureError, match=r"keras\.Input"):
        params(keras.Sequential([keras.layers.Dense(3)]))
