from __future__ import annotations

import keras
import numpy as np
import pytest

from nas_nb.errors import MeasureError
from nas_nb.evaluate.proxies import jacob_cov
from tests.evaluate.proxies.nets import batch, compiled, dense


def test_the_score_is_made_of_the_eigenvalues_of_the_jacobians_correlations():
    model, (x, _) = dense(8, 6), batch((4,), samples=3)
    w1, b1, w2, b2, w3, _ = (weight.astype(float) for weight in model.get_weights())
    first = x @ w1 + b1
    second = np.maximum(first, 0) @ w2 + b2
    # By the logits: of the softmax's outputs the sum is 1 whatever the input.
    back = (second > 0) * w3.sum(axis=1)
    rows = ((back @ w2.T) * (first > 0)) @ w1.T
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    eigenvalues = np.linalg.svd(rows, compute_uv=False) ** 2 + 1e-5
    expected = -(np.log(eigenvalues) + 1 / eigenvalues).sum()
    assert jacob_cov(model, x) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("head", ["fused", "Softmax", "Activation", "nested"])
def test_the_head_may_be_written_in_any_way(head: str):
    model, (x, _) = dense(8), batch((4,))
    layers = keras.layers
    stack = {
        "fused": [layers.Dense(3, activation="softmax")],
        "Softmax": [layers.Dense(3), layers.Softmax()],
        "Activation": [layers.Dense(3), layers.Activation("softmax")],
        "nested": [keras.Sequential([keras.Input((8,)), layers.Dense(3, activation="softmax")])],
    }[head]
    inputs = keras.Input((4,))
    outputs = layers.Dense(8, activation="relu")(inputs)
    for layer in stack:
        outputs = layer(outputs)
    same = keras.Model(inputs, outputs)
    same.set_weights(model.get_weights())
    assert jacob_cov(same, x) == pytest.approx(jacob_cov(model, x), rel=1e-6)


def test_a_linear_net_answers_every_sample_alike_and_scores_lowest():
    x, y = batch((4,), samples=3)
    assert jacob_cov(dense(8, activation="linear"), x, y) < jacob_cov(dense(8), x, y)


def test_integers_have_no_jacobian():
    layers = keras.layers
    stack = [layers.Embedding(9, 4), layers.Flatten(), layers.Dense(3)]
    model = compiled(keras.Sequential([keras.Input((5,), dtype="int32"), *stack]))
    with pytest.raises(MeasureError, match="int32"):
        jacob_cov(model, np.arange(10).reshape(2, 5))


def test_outputs_that_ignore_the_input_get_a_sentence():
    model, (x, y) = dense(8), batch((4,))
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    with pytest.raises(MeasureError, match="constant"):
        jacob_cov(model, x, y)
