"""How long a model takes for a batch, measured on this machine."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import keras

from nas_nb.errors import MeasureError
from nas_nb.evaluate.backend import backend, on_tensorflow

if TYPE_CHECKING:
    from collections.abc import Callable


def latency_s(model: keras.Model, batch: Any, *, repeats: int = 20, warmup: int = 3) -> float:
    """Returns the seconds that a prediction takes: the median of warm repeats.

    The model's call is compiled once, which takes a second for a large model and is not counted,
    and the result is fetched back from the device. What else runs on the machine is in the figure:
    compare latencies that were measured side by side.

    Args:
        model: A built model.
        batch: What the model predicts from, `(samples, ...)`; a batch of 1 for the latency of one
            sample.
        repeats: Timed calls, 1 or more.
        warmup: Calls before them that are not timed, 0 or more.

    Raises:
        MeasureError: `repeats` is below 1.
    """
    if repeats < 1:
        raise MeasureError(f"Expected repeats of 1 or more, got {repeats}.")
    predict = _compiled(model, batch)
    for _ in range(warmup):
        predict()
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        predict()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def _compiled(model: keras.Model, batch: Any) -> Callable[[], Any]:
    inputs = keras.tree.map_structure(keras.ops.convert_to_tensor, batch)
    run = _compiled_call(model, inputs)

    def predict() -> Any:
        return keras.tree.map_structure(keras.ops.convert_to_numpy, run())

    return predict


def _compiled_call(model: keras.Model, inputs: Any) -> Callable[[], Any]:
    if backend() == "jax":
        import jax

        call = jax.jit(lambda *given: model.stateless_call(*given, training=False)[0])
        state = [
            [variable.value for variable in group]
            for group in (model.trainable_variables, model.non_trainable_variables)
        ]
        return lambda: call(*state, inputs)
    if not on_tensorflow():
        return lambda: model(inputs, training=False)
    import tensorflow as tf

    traced = tf.function(lambda given: model(given, training=False), autograph=False)
    concrete = traced.get_concrete_function(inputs)
    return lambda: concrete(inputs)
