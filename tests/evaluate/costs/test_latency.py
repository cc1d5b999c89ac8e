from __future__ import annotations

import keras
import numpy as np
import pytest

from nas_nb.errors import MeasureError
from nas_nb.evaluate.costs import latency_s


class Clock(keras.layers.Layer):
    """Counts how often it is traced and run."""

    def __init__(self) -> None:
        super().__init__()
        self.traces, self.runs = 0, self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, inputs):
        self.traces += 1
        self.runs.assign_add(1)
        return inputs


@pytest.mark.tensorflow
def test_latency_is_measured_on_a_compiled_call_after_a_warm_up():
    clock = Clock()
    model = keras.Sequential([keras.Input((3,)), clock, keras.layers.Dense(2)])
    clock.traces = 0
    seconds = latency_s(model, np.zeros((4, 3), "float32"), repeats=5, warmup=2)
    assert 0 < seconds < 60
    assert clock.traces == 1
    assert int(clock.runs.numpy()) == 7


def test_latency_takes_several_inputs():
    inputs = {name: keras.Input((3,), name=name) for name in "ab"}
    model = keras.Model(inputs, keras.layers.Add()(list(inputs.values())))
    batch = {name: np.zeros((1, 3), "float32") for name in inputs}
    assert latency_s(model, batch, repeats=2, warmup=0) > 0


def test_latency_of_no_repeats_is_an_error():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(MeasureError, match="repeats"):
        latency_s(model, np.zeros((1, 3)), repeats=0)
