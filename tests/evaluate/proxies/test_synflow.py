from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from nas_nb.errors import MeasureError
from nas_nb.evaluate.proxies import synflow
from tests.evaluate.proxies.nets import batch, compiled, convolutional, dense, residual


@pytest.mark.parametrize("activation", ["relu", "tanh", "linear"])
def test_in_a_chain_every_layer_carries_the_whole_flow(activation: str):
    model = dense(8, 6, activation=activation)
    flow = np.ones(4)
    for kernel, _bias in zip(*[iter(model.get_weights())] * 2, strict=True):
        flow = flow @ np.abs(kernel)
    assert synflow(model, *batch((4,))) == pytest.approx(3 * flow.sum(), rel=1e-5)


def flow_of(model: keras.Model, kernels: list[np.ndarray]) -> float:
    """R of the convolutional net in numpy's own words: no normalisation, no activation."""
    first, second, head = kernels
    padded = np.pad(np.ones((6, 6, 2)), ((1, 1), (1, 1), (0, 0)))
    x = np.array(
        [[np.tensordot(padded[i : i + 3, j : j + 3], first, 3) for j in range(6)] for i in range(6)]
    )
    x = x.reshape(3, 2, 3, 2, -1).max(axis=(1, 3))
    return float((np.tensordot(x, second, 3) @ head).sum())


def test_the_saliencies_of_a_convolutional_net_are_finite_differences_of_the_flow():
    model = convolutional()
    kernels = [abs(w.numpy()).astype(float) for w in model.trainable_weights if len(w.shape) > 1]
    step, total = 1e-6, 0.0
    for place, kernel in enumerate(kernels):
        # Scaling a kernel moves R by the sum of its saliencies: the derivative in its direction.
        moved = [*kernels[:place], kernel * (1 + step), *kernels[place + 1 :]]
        total += (flow_of(model, moved) - flow_of(model, kernels)) / step
    assert synflow(model, *batch((6, 6, 2))) == pytest.approx(total, rel=1e-4)


def test_a_shortcut_adds_flow():
    x, y = batch((6, 6, 2))
    assert synflow(residual(), x, y) > synflow(residual(shortcut=False), x, y)


@pytest.mark.parametrize("layer", [layers.LSTM(3), layers.MultiHeadAttention(1, 2)])
def test_a_net_that_is_not_feed_forward_gets_a_sentence(layer: keras.layers.Layer):
    inputs = keras.Input((5, 4))
    outputs = layer(inputs, inputs) if "attention" in layer.name else layer(inputs)
    model = compiled(keras.Model(inputs, layers.Dense(3)(outputs)))
    with pytest.raises(MeasureError, match=layer.name):
        synflow(model, *batch((5, 4)))


def test_an_overflow_is_said_and_not_returned():
    model = dense(8)
    model.set_weights([np.full_like(weight, 1e30) for weight in model.get_weights()])
    with pytest.raises(MeasureError, match="finite"):
        synflow(model, *batch((4,)))
