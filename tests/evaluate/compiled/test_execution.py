from __future__ import annotations

import keras
import pytest
from keras import layers
from tensorflow.python.eager import context

from nas_nb.evaluate.compiled import program
from nas_nb.evaluate.compiled.program import is_light, lightweight_graphs

pytestmark = pytest.mark.tensorflow


def test_the_users_settings_are_those_of_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "threads", lambda: 2)
    before = context.context().function_call_options
    with lightweight_graphs(light=True):
        assert context.context().function_call_options is not before
    assert context.context().function_call_options is before


def test_nets_of_dense_layers_are_light_and_those_with_convolutions_are_not() -> None:
    dense = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3)])
    convolved = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3), layers.Flatten()])
    assert is_light(dense)
    assert not is_light(convolved)


def test_a_machine_of_one_core_keeps_the_executor_that_cannot_wait_for_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(program, "threads", lambda: 1)
    before = context.context().function_call_options
    with lightweight_graphs(light=True):
        assert context.context().function_call_options is before


def test_a_stated_number_of_threads_counts_before_the_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TF_NUM_INTEROP_THREADS", "3")
    assert program.threads.__wrapped__() == 3
