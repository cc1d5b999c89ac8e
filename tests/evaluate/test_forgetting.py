from __future__ import annotations

import gc
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from tensorflow.python.eager import context
from tensorflow.python.framework import func_graph, ops

from nas_nb.evaluate import backend
from nas_nb.evaluate.backend import release_kernels, released_graphs
from nas_nb.evaluate.fit import fit, keras_fit

pytestmark = pytest.mark.tensorflow

X = np.ones((8, 3), "float32")
Y = np.zeros(8, "int64")


def graphs() -> int:
    gc.collect()
    return sum(isinstance(each, func_graph.FuncGraph) for each in gc.get_objects())


def own_layer() -> keras.Model:
    scaled = layers.Lambda(lambda x: x * 2.0)
    model = keras.Sequential([keras.Input((3,)), scaled, layers.Dense(2, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("train", [fit, keras_fit])
@pytest.mark.usefixtures("fresh_garbage")
def test_the_graphs_of_a_model_that_shares_none_go_with_it(train: Any) -> None:
    before = graphs()
    train(own_layer(), X, Y, epochs=1, validation_data=(X, Y), verbose=0)
    assert graphs() == before


def test_the_gradients_of_other_functions_stay() -> None:
    @tf.custom_gradient
    def doubled(x: Any) -> Any:
        return 2 * x, lambda upstream: 2 * upstream

    @tf.function
    def of_the_user(x: Any) -> Any:
        return doubled(x)

    known = len(ops.gradient_registry.list())
    with released_graphs("something_else"):
        of_the_user.get_concrete_function(tf.TensorSpec([], tf.float32))
    assert len(ops.gradient_registry.list()) > known
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = of_the_user(x)
    assert float(tape.gradient(y, x)) == 2.0


def test_kernels_are_dropped_when_there_are_too_many_kinds(monkeypatch: Any) -> None:
    dropped: list[bool] = []
    monkeypatch.setattr(backend, "_made", set())
    monkeypatch.setattr(backend, "MOST_KERNELS", 3)
    monkeypatch.setattr(
        type(context.context()), "clear_kernel_cache", lambda self: dropped.append(True)
    )
    variables = [keras.Variable(np.zeros(size), name="weights") for size in (1, 2, 2, 3, 4)]
    release_kernels(variables[:4])
    release_kernels(variables[:4])
    assert not dropped
    release_kernels(variables)
    assert dropped == [True]
