"""How long a model takes for a batch, measured on this machine."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import keras

from nas_nb.errors import MeasureError

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
    import tensorflow as tf

    inputs = keras.tree.map_structure(tf.convert_to_tensor, batch)
    call = tf.function(lambda given: model(given, training=False), autograph=False)
    concrete = call.get_concrete_function(inputs)

    def predict() -> Any:
        return keras.tree.map_structure(lambda output: output.numpy(), concrete(inputs))

    return predict
