from __future__ import annotations

import keras
import numpy as np
import pytest

from nas_nb.errors import MeasureError
from nas_nb.evaluate.proxies import grad_norm, snip
from tests.evaluate.proxies.nets import NETS, batch, dense


def gradients_by_hand(model: keras.Model, x, y) -> list[tuple[np.ndarray, np.ndarray]]:
    """Backpropagation through one hidden rectified layer and a softmax, in numpy."""
    w1, b1, w2, b2 = (weight.astype(float) for weight in model.get_weights())
    hidden = np.maximum(x @ w1 + b1, 0)
    scores = np.exp(hidden @ w2 + b2)
    error = scores / scores.sum(axis=1, keepdims=True) - np.eye(3)[y]
    error /= len(x)
    back = (error @ w2.T) * (hidden > 0)
    return [(w1, x.T @ back), (w2, hidden.T @ error)]


def test_snip_is_the_sensitivity_to_an_indicator_before_each_weight():
    model, (x, y) = dense(8), batch((4,))
    expected = sum(np.abs(weight * by).sum() for weight, by in gradients_by_hand(model, x, y))
    assert snip(model, x, y) == pytest.approx(expected, rel=1e-5)


def test_grad_norm_adds_the_lengths_of_the_layers_gradients():
    model, (x, y) = dense(8), batch((4,))
    expected = sum(np.sqrt((by**2).sum()) for _, by in gradients_by_hand(model, x, y))
    assert grad_norm(model, x, y) == pytest.approx(expected, rel=1e-5)


def test_snip_of_a_convolutional_net_is_finite_differences_of_its_loss():
    build, shape = NETS["residual"]
    model, (x, y) = build(), batch(shape)
    # Inference would use the moving statistics, so the difference is taken in training mode.
    loss_of = keras.losses.SparseCategoricalCrossentropy()
    step, expected = 1e-2, 0.0
    for weight in model.trainable_weights:
        if len(weight.shape) < 2 or weight.shape[0] == 3:
            continue  # the head alone: a difference for every weight of the rest takes minutes
        kept = weight.numpy()
        for place in np.ndindex(kept.shape):
            losses = []
            for sign in (1, -1):
                moved = kept.copy()
                moved[place] *= 1 + sign * step
                mapping = [(weight, moved)]
                with keras.StatelessScope(mapping):
                    losses.append(float(loss_of(y, model(x, training=True))))
            expected += abs(losses[0] - losses[1]) / (2 * step)
    head_alone = keras.models.clone_model(model)
    head_alone.set_weights(model.get_weights())
    for layer in head_alone.layers[:-1]:
        if not isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    head_alone.compile("sgd", "sparse_categorical_crossentropy")
    assert snip(head_alone, x, y) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("score", [snip, grad_norm])
def test_a_model_without_a_loss_or_weights_gets_a_sentence(score):
    x, y = batch((4,))
    bare = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    with pytest.raises(MeasureError, match=r"model\.compile"):
        score(bare, x, y)
    empty = keras.Sequential([keras.Input((4,)), keras.layers.Softmax()])
    empty.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(MeasureError, match="trainable weights"):
        score(empty, x, y)


def test_a_gradient_that_is_not_finite_is_said():
    model, (x, y) = dense(8), batch((4,))
    with pytest.raises(MeasureError, match="finite"):
        grad_norm(model, np.full_like(x, np.nan), y)


@pytest.mark.parametrize("proxy", [snip, grad_norm])
def test_a_loss_that_does_not_fit_the_labels_is_one_sentence(proxy):
    model = dense(8)
    model.compile("sgd", "categorical_crossentropy")
    with pytest.raises(MeasureError, match="The loss 'categorical_crossentropy' compares"):
        proxy(model, *batch((4,)))


def test_a_loss_that_raises_is_told_with_its_first_line():
    def loss(y, outputs):
        raise RuntimeError("mine\nsecond line")

    model = dense(8)
    model.compile("sgd", loss)
    with pytest.raises(MeasureError, match=r"Received: RuntimeError for 'sequential.*': mine$"):
        snip(model, *batch((4,)))
