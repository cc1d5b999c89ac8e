"""Params, latency, and the table of costs of a model."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import keras

from nas_nb.errors import MeasureError
from nas_nb.evaluate.backend import backend, on_tensorflow
from nas_nb.evaluate.macs import macs
from nas_nb.space.model_building import weightless

if TYPE_CHECKING:
    from collections.abc import Callable


def params(model: keras.Model) -> int:
    """Returns how many numbers the model's weights hold, as `model.count_params()` does."""
    if not model.built:
        raise MeasureError(
            f"Expected a model with weights to count. Received: {model.name!r}, which isn't built. "
            "Start it with keras.Input(shape), or call model.build((None, *shape))."
        )
    return sum(math.prod(weight.shape) for weight in model.weights)


@contextmanager
def without_weights() -> Iterator[None]:
    """Lets models built in the block have shapes, and no memory: enough for `params` and `macs`."""
    if not on_tensorflow():
        with weightless():
            yield
        return
    import tensorflow as tf

    # A variable of a graph that is never run stays a description. Keras's own stateless scope
    # would do for layers, but `compile` makes variables that it forbids.
    with tf.Graph().as_default():
        yield


def latency_s(model: keras.Model, batch: Any, *, repeats: int = 20, warmup: int = 3) -> float:
    """Returns the seconds that a compiled prediction takes: the median of warm repeats."""
    if repeats < 1:
        raise MeasureError(f"Expected repeats of 1 or more. Received: {repeats}.")
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


def costs(model: keras.Model, input_shape: tuple[int, ...] | None = None) -> dict[str, float]:
    """Returns the costs of a model: `params`, and `macs` where they can be counted."""
    measured: dict[str, float] = {"params": params(model)}
    try:
        measured["macs"] = macs(model, input_shape)
    except MeasureError:
        # A model of an unusual kind is still worth training.
        return measured
    return measured


__all__ = ["costs", "latency_s", "macs", "params", "without_weights"]
