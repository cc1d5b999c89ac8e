from __future__ import annotations

import keras
import numpy as np
import pytest

from nas_nb.errors import MeasureError
from nas_nb.evaluate.proxies import naswot
from tests.evaluate.proxies.nets import batch, compiled, convolutional, dense


def determinant_by_hand(codes: np.ndarray) -> float:
    """log det of N_A minus the Hamming distance of every pair, by loops and eigenvalues."""
    kernel = np.array([[np.sum(one == two) for two in codes] for one in codes], dtype=float)
    return float(np.log(np.abs(np.linalg.eigvalsh(kernel))).sum())


def test_the_kernel_counts_the_units_that_agree():
    model, (x, y) = dense(16, 12), batch((4,), samples=5)
    w1, b1, w2, b2, *_ = model.get_weights()
    first = np.maximum(x @ w1 + b1, 0)
    codes = np.hstack([first > 0, first @ w2 + b2 > 0])
    assert naswot(model, x, y) == pytest.approx(determinant_by_hand(codes), rel=1e-6)


@pytest.mark.parametrize("activation", ["leaky_relu", "elu", "tanh", "silu"])
def test_the_code_of_one_layer_does_not_depend_on_which_rectifier_it_has(activation: str):
    x, y = batch((4,), samples=5)
    assert naswot(dense(16, activation=activation), x, y) == naswot(dense(16), x, y)


def test_layers_that_are_rectifiers_count_as_activations_do():
    data = batch((6, 6, 2), samples=5)
    layer = keras.layers.ReLU()
    model = convolutional()
    assert model.layers[3].activation is keras.activations.relu
    same = keras.Sequential([keras.Input((6, 6, 2)), *model.layers[:3], layer, *model.layers[4:]])
    assert naswot(same, *data) == naswot(model, *data)


@pytest.mark.tensorflow
def test_two_samples_that_are_the_same_leave_nothing_to_tell_apart():
    x, y = batch((4,), samples=5)
    x[1] = x[0]
    assert naswot(dense(16), x, y) < naswot(dense(16), *batch((4,), samples=5)) - 10


def test_units_that_are_never_off_have_no_code():
    with pytest.raises(MeasureError, match="rectifying"):
        naswot(dense(8, activation="sigmoid"), *batch((4,)))
    with pytest.raises(MeasureError, match="rectifying"):
        naswot(compiled(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])), *batch((4,)))


def test_the_units_of_a_recurrent_layer_have_no_code():
    layers = [keras.layers.LSTM(4), keras.layers.Dense(3)]
    model = compiled(keras.Sequential([keras.Input((5, 2)), *layers]))
    with pytest.raises(MeasureError, match="outside recurrent layers"):
        naswot(model, *batch((5, 2)))
