from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from nas_nb.errors import MeasureError
from nas_nb.evaluate.proxies import ALPHA, zen
from tests.evaluate.proxies.nets import batch, compiled, convolutional, dense, residual

SHAPE = (5, 6, 6, 2)


def convolved(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    return np.einsum("nhwcij,ijcf->nhwf", windows, kernel)


def draws(seed: int, draw: int) -> list[np.ndarray]:
    rng = np.random.default_rng([seed, draw])
    shapes = [SHAPE, SHAPE, (3, 3, 2, 4), (3, 3, 4, 3)]
    return [rng.standard_normal(shape, dtype=np.float32).astype(float) for shape in shapes]


def two_convolutions(normalised: bool) -> keras.Model:
    stack = [layers.Conv2D(4, 3), layers.ReLU(), layers.Conv2D(3, 3)]
    if normalised:
        stack.insert(1, layers.BatchNormalization(epsilon=1e-12))
    tail = [layers.GlobalAveragePooling2D(), layers.BatchNormalization(), layers.Dense(3)]
    return compiled(keras.Sequential([keras.Input(SHAPE[1:]), *stack, *tail]))


@pytest.mark.parametrize("normalised", [True, False])
def test_the_score_is_the_response_to_a_small_change_in_units_of_the_normalisation(
    normalised: bool,
):
    scores = []
    for draw in range(3):
        x, noise, first, second = draws(7, draw)
        features, log_scale = [], 0.0
        for given in (x + ALPHA * noise, x):
            inner = convolved(given, first)
            if normalised:
                variance = inner.var(axis=(0, 1, 2))
                log_scale = np.log(np.sqrt(variance.mean()))
                inner = (inner - inner.mean(axis=(0, 1, 2))) / np.sqrt(variance)
            features.append(convolved(np.maximum(inner, 0), second))
        change = (features[0] - features[1]).reshape(len(x), -1)
        scores.append(np.log(np.linalg.norm(change, axis=1).mean()) + log_scale)
    x, y = batch(SHAPE[1:], samples=5)
    score = zen(two_convolutions(normalised), x, y, seed=7, repeats=3)
    assert score == pytest.approx(np.mean(scores), rel=1e-4)


def test_normalisation_does_not_change_how_expressive_a_net_is():
    # Section 3.3 of the paper: the scaling that batch normalisation takes out is added again.
    x, y = batch(SHAPE[1:], samples=5)
    plain, scaled = (zen(two_convolutions(on), x, y, repeats=8) for on in (False, True))
    assert scaled == pytest.approx(plain, abs=0.3)


def test_a_shortcut_makes_no_difference():
    x, y = batch((6, 6, 2))
    assert zen(residual(), x, y) == zen(residual(shortcut=False), x, y)


def test_weights_and_values_make_no_difference_and_the_seed_does():
    x, y = batch((6, 6, 2))
    first, second = convolutional(), convolutional()
    second.set_weights([w + 1 if w.ndim > 1 else w for w in second.get_weights()])
    assert zen(first, x, y) == zen(second, x * 0, y)
    assert zen(first, x, y, seed=1) != zen(first, x, y)


def test_a_net_without_convolutions_gets_a_sentence():
    with pytest.raises(MeasureError, match="convolution"):
        zen(dense(8), *batch((4,)))
