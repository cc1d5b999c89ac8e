"""The library that computes under Keras, where it is asked for more than Keras passes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from nas_nb.errors import MeasureError, NasError


def backend() -> str:
    """Returns the library's name: "tensorflow", "jax", or another one that Keras knows."""
    return str(keras.backend.backend())


def on_tensorflow() -> bool:
    """Whether it is TensorFlow: the compiled epoch, the supernet and its graphs are written in it.

    Whatever imports TensorFlow asks this first, so that nothing else needs it.
    """
    return backend() == "tensorflow"


def require_tensorflow(what: str, error: type[NasError] = MeasureError) -> None:
    """Refuses what is written in TensorFlow where Keras runs on another library.

    Args:
        what: What was asked for, as it goes on from "for": "a supernet".
        error: What is raised.

    Raises:
        NasError: Keras doesn't run on TensorFlow.
    """
    if not on_tensorflow():
        raise error(
            f"Expected Keras on TensorFlow for {what}. Received: the backend {backend()!r}. Set "
            "KERAS_BACKEND=tensorflow before Keras is imported."
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the machine, or the device, has no memory left."""
    if isinstance(error, MemoryError):
        return True
    if on_tensorflow():
        import tensorflow as tf

        return isinstance(error, tf.errors.ResourceExhaustedError)
    # JAX and Torch have one class for all that goes wrong while they compute.
    said = str(error)
    return isinstance(error, RuntimeError) and (
        "RESOURCE_EXHAUSTED" in said or "out of memory" in said.lower()
    )


def gradients(function: Callable[[list[Any]], Any], values: Sequence[Any]) -> list[Any]:
    """Returns the gradient of a function of tensors by each of them.

    Args:
        function: Takes tensors of the shapes of `values`; returns one number, a scalar tensor.
        values: Where the gradient is taken: floating-point tensors.

    Returns:
        Dense tensors of the shapes of `values`; zeros for what the number doesn't depend on.

    Raises:
        MeasureError: Keras runs on a library whose gradients aren't known here.
    """
    if on_tensorflow():
        return _gradients_of_tensorflow(function, list(values))
    if backend() == "jax":
        import jax

        return list(jax.grad(function)(list(values)))
    raise MeasureError(
        f"Expected Keras on TensorFlow or JAX for a gradient, got the backend {backend()!r}: take "
        "a measure without gradients, or set KERAS_BACKEND before Keras is imported."
    )


def _gradients_of_tensorflow(function: Callable[[list[Any]], Any], values: list[Any]) -> list[Any]:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(values)
        result = function(values)
    found = tape.gradient(result, values, unconnected_gradients="zero")
    return [tf.convert_to_tensor(gradient) for gradient in found]  # an embedding's is sparse
