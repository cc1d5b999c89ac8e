"""When a training has to go through `model.fit`, and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from nas_nb.evaluate.backend import backend, on_tensorflow
from nas_nb.evaluate.memory import device_bytes

# What the engine computes in place of these; a model with its own has to be asked itself.
_REPLACED = (
    "fit", "train_step", "test_step", "evaluate", "make_train_function", "make_test_function",
    "compute_metrics", "get_metrics_result", "reset_metrics",
)  # fmt: skip

_BATCH_METHODS = (
    "on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end",
    "on_test_batch_begin", "on_test_batch_end",
)  # fmt: skip

# Of the device's memory, for data that stays resident beside the models.
MEMORY_SHARE = 0.25


def fit_reason(
    model: keras.Model, arrays: Iterable[Any] = (), callbacks: Iterable[Any] = ()
) -> str | None:
    """Says why a training can't be done by the engine.

    Args:
        model: A compiled model.
        arrays: Everything that it would be trained on: arrays, or lists, tuples, dicts of them.
        callbacks: Keras callbacks.

    Returns:
        A clause that goes on from "trained by `model.fit`: ", or None if the engine can do it.
    """
    arrays = list(arrays)
    return (
        _reason_of_backend()
        or _reason_of_model(model)
        or _reason_of_callbacks(callbacks)
        or _reason_of_data(arrays)
    )


def _reason_of_backend() -> str | None:
    if on_tensorflow():
        return None
    return f"the compiled epoch is TensorFlow's, and Keras runs on {backend()}"


def _reason_of_model(model: keras.Model) -> str | None:
    base = keras.Model
    for name in _REPLACED:
        if getattr(type(model), name) is not getattr(base, name):
            return f"{type(model).__name__} overrides `{name}`"
        if name in vars(model):
            return f"the model's `{name}` was replaced"
    if not model.compiled or model.optimizer is None:
        return "the model is not compiled with an optimizer"
    if not model.built and not isinstance(model, keras.Sequential):
        return "the model is not built: its input shape is unknown before the first batch"
    layers = model._flatten_layers() if model.built else ()  # noqa: SLF001
    if not all(layer.built for layer in layers):
        # Keras says of a model without a `build` of its own that it is built when it is asked to.
        return f"layers of {type(model).__name__} are not built before the first batch"
    if model.run_eagerly:
        return "the model is compiled with run_eagerly=True"
    return _reason_of_devices(model)


def _reason_of_devices(model: keras.Model) -> str | None:
    import tensorflow as tf

    if (
        tf.distribute.has_strategy()
        or model.distribute_strategy is not tf.distribute.get_strategy()
    ):
        return "the model belongs to a distribution strategy"
    # With a GPU Keras turns XLA on by itself; then the flag is not the user's wish.
    if model.jit_compile and not tf.config.list_physical_devices("GPU"):
        return "the model is compiled with jit_compile=True"
    return None


def _reason_of_callbacks(callbacks: Iterable[Any]) -> str | None:
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            return f"{type(callback).__name__} is not a single Keras callback"
        method = _batch_method(callback)
        if method is not None:
            return f"the callback {type(callback).__name__} has `{method}`"
    return None


def _batch_method(callback: Any) -> str | None:
    """Returns a method that has to be called at every batch, or None."""
    # These two look at batches only if they were asked to save in the middle of epochs.
    saving = (keras.callbacks.ModelCheckpoint, keras.callbacks.BackupAndRestore)
    if type(callback) in saving and callback.save_freq == "epoch":
        return None
    for name in _BATCH_METHODS:
        if getattr(type(callback), name) is not getattr(keras.callbacks.Callback, name):
            return name
    return None


def _reason_of_data(arrays: Iterable[Any]) -> str | None:
    size_bytes = 0
    for array in keras.tree.flatten(list(arrays)):
        if array is None:
            continue
        if not _is_dense(array):
            return f"the data is a {type(array).__name__}, not an array in memory"
        size_bytes += int(np.prod(array.shape)) * _item_bytes(array)
    limit_bytes = int(MEMORY_SHARE * device_bytes())
    if size_bytes > limit_bytes:
        return (
            f"the data ({size_bytes / 1e9:.1f} GB) is larger than what stays on the device "
            f"({limit_bytes / 1e9:.1f} GB)"
        )
    return None


def _is_dense(array: Any) -> bool:
    if isinstance(array, np.ndarray):
        return array.dtype.kind in "fiub"
    return keras.ops.is_tensor(array) and hasattr(array, "shape") and not _is_composite(array)


def _is_composite(array: Any) -> bool:
    import tensorflow as tf

    return isinstance(array, tf.SparseTensor | tf.RaggedTensor)


def _item_bytes(array: Any) -> int:
    return int(array.dtype.itemsize if isinstance(array, np.ndarray) else array.dtype.size)
