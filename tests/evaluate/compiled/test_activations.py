from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from nas_nb.evaluate.compiled.traced_values import ActivationSwitch

pytestmark = pytest.mark.tensorflow

NUMBERS = np.array([[-np.inf, -2.0, 0.0, 3.0, np.inf]], "float32")


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "tanh"])
def test_what_is_chosen_at_run_time_has_the_values_and_gradients_of_keras(name: str) -> None:
    switch = ActivationSwitch(("relu", "leaky_relu", "tanh"))
    switch.choose(name)
    ours, theirs = (_with_gradient(f) for f in (switch, keras.activations.get(name)))
    np.testing.assert_array_equal(ours, theirs)


def _with_gradient(function: object) -> np.ndarray:
    numbers = tf.constant(NUMBERS)
    with tf.GradientTape() as tape:
        tape.watch(numbers)
        values = function(numbers)  # type: ignore[operator]
    return np.stack([values.numpy(), tape.gradient(values, numbers).numpy()])
