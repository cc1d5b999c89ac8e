"""`fit` with Keras's arguments: compiled where possible, `model.fit` where not, and why."""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np
import pandas as pd

from nas_nb.evaluate.backend import backend, device_bytes, listed_variables, on_tensorflow
from nas_nb.evaluate.training_state import has_hook
from nas_nb.private_imports import ArrayDataAdapter, convert_to_sliceable, train_validation_split

HONOURED = frozenset(
    ("x", "y", "batch_size", "epochs", "verbose", "callbacks", "validation_split",
     "validation_data", "shuffle", "class_weight", "sample_weight", "initial_epoch",
     "validation_batch_size")
)  # fmt: skip
"""Arguments of `model.fit` that the compiled epoch knows; any other one goes to `model.fit`."""

DEFAULT_BATCH_SIZE = 32


def fit(model: keras.Model, *args: Any, **kwargs: Any) -> keras.callbacks.History:
    """Trains a compiled model as `model.fit(*args, **kwargs)` would, and returns its history."""
    # The permutation is drawn from Python's `random`: `keras.utils.set_random_seed` repeats it.
    return fit_noted(model, *args, **kwargs)[0]


def fit_noted(model: keras.Model, *args: Any, **kwargs: Any) -> tuple[Any, str | None]:
    """Returns what `fit` returns, and why a slower path was taken, or None."""
    given = inspect.signature(model.fit).bind(*args, **kwargs).arguments
    callbacks = given.get("callbacks") or []
    arrays = [given.get(name) for name in ("x", "y", "sample_weight", "validation_data")]
    listed = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
    reason = fit_reason(model, arrays, listed) or _reason_of_arguments(given)
    if reason is not None:
        return keras_fit(model, *args, **kwargs), f"trained by model.fit: {reason}"
    return _fit_compiled(model, given, list(listed))


def keras_fit(model: keras.Model, *args: Any, **kwargs: Any) -> keras.callbacks.History:
    """Calls `model.fit`; what it traces is freed with the model, not kept for ever."""
    if not on_tensorflow():
        return model.fit(*args, **kwargs)
    from nas_nb.evaluate.backend import KERAS_STEPS, release_kernels, released_graphs

    with released_graphs(*KERAS_STEPS):
        history = model.fit(*args, **kwargs)
    release_kernels(listed_variables(model))
    return history


def _reason_of_arguments(given: Mapping[str, Any]) -> str | None:
    defaults = inspect.signature(keras.Model.fit).parameters
    differing = {name for name, value in given.items() if value is not defaults[name].default}
    if differing - HONOURED:
        return f"`{min(differing - HONOURED)}` is given"
    if not isinstance(given.get("shuffle", True), bool):
        return f"`shuffle` is {given['shuffle']!r}"
    if keras.config.max_epochs() or keras.config.max_steps_per_epoch():
        return "keras.config limits epochs or steps"
    held_out = given.get("validation_data")
    parts = [(given.get("x"), given.get("y"))]
    parts += [] if held_out is None else [held_out]
    if not all(isinstance(part, list | tuple) and len(part) in (2, 3) for part in parts):
        return "`validation_data` is not a pair or triple of arrays"
    if any(part[0] is None or part[1] is None for part in parts):
        return "there are no targets"
    return None


def _fit_compiled(
    model: keras.Model, given: Mapping[str, Any], callbacks: list[Any]
) -> tuple[keras.callbacks.History, str | None]:
    from nas_nb.evaluate.compiled.program import device_set
    from nas_nb.evaluate.compiled.training import Schedule, train_compiled

    training, validation = _parts(given)
    batch_size = given.get("batch_size") or DEFAULT_BATCH_SIZE
    schedule = Schedule(
        device_set(*training),
        device_set(*validation) if validation else None,
        epochs=given.get("epochs", 1),
        batch_size=batch_size,
        validation_batch_size=given.get("validation_batch_size") or batch_size,
        seed=random.randrange(2**31),
        initial_epoch=given.get("initial_epoch", 0),
        shuffle=given.get("shuffle", True),
        callbacks=callbacks,
        verbose=given.get("verbose", "auto"),
    )
    outcome = train_compiled(model, schedule, on_epoch=lambda *_: None, control=NoControl())
    return model.history, outcome.note


def _parts(given: Mapping[str, Any]) -> tuple[tuple[Any, ...], tuple[Any, ...] | None]:
    """Returns `(x, y, sample_weight)` of the training and of the validation rows, if any."""
    training = given["x"], given["y"], given.get("sample_weight")
    held_out = given.get("validation_data")
    if given.get("validation_split") and held_out is None:
        training, held_out = train_validation_split(
            training, validation_split=given["validation_split"]
        )
    class_weight = given.get("class_weight")
    return _arrays(*training, class_weight=class_weight), held_out and _arrays(*held_out)


def _arrays(x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None) -> tuple[Any, ...]:
    """Returns what `fit` would batch; raises what it would raise."""
    adapter = ArrayDataAdapter(x, y, sample_weight=sample_weight, class_weight=class_weight)
    inputs = adapter._inputs  # noqa: SLF001 - its batches are made of nothing else
    arrays = keras.tree.lists_to_tuples(convert_to_sliceable(inputs, target_backend="tensorflow"))
    return tuple(keras.utils.unpack_x_y_sample_weight(arrays))


class NoControl:
    """The control of a training that nobody steers."""

    def checkpoint(self) -> bool:
        """Returns False: it goes on."""
        return False


# What the compiled epoch computes in place of these; a model with its own has to be asked itself.
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
    """Says why a training can't be done by the compiled epoch."""
    if not on_tensorflow():
        return f"the compiled epoch is TensorFlow's, and Keras runs on {backend()}"
    return _reason_of_model(model) or _reason_of_callbacks(callbacks) or _reason_of_data(arrays)


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
        method = next((name for name in _BATCH_METHODS if has_hook(callback, name)), None)
        if method is not None and not _waits_for_epochs(callback):
            return f"the callback {type(callback).__name__} has `{method}`"
    return None


def _waits_for_epochs(callback: Any) -> bool:
    """Whether it is one of Keras's that do something at a batch only where that was asked for."""
    known = keras.callbacks
    if type(callback) in (known.ModelCheckpoint, known.BackupAndRestore):
        return bool(callback.save_freq == "epoch")
    if type(callback) is known.TensorBoard:
        at_batches = callback.write_steps_per_second or callback._should_trace  # noqa: SLF001
        return callback.update_freq == "epoch" and not at_batches
    return False


def _reason_of_data(arrays: Iterable[Any]) -> str | None:
    size_bytes = 0
    for array in keras.tree.flatten(list(arrays)):
        if array is None:
            continue
        if not _is_dense(array):
            return f"the data is a {type(array).__name__}, not numbers in memory"
        size_bytes += int(np.prod(array.shape)) * _item_bytes(array)
    limit_bytes = int(MEMORY_SHARE * device_bytes())
    if size_bytes > limit_bytes:
        return (
            f"the data ({size_bytes / 1e9:.1f} GB) is larger than what stays on the device "
            f"({limit_bytes / 1e9:.1f} GB)"
        )
    return None


def _is_dense(array: Any) -> bool:
    if isinstance(array, pd.DataFrame | pd.Series):
        dtypes = [array.dtype] if isinstance(array, pd.Series) else list(array.dtypes)
        kinds = {dtype.kind if isinstance(dtype, np.dtype) else "O" for dtype in dtypes}
        return kinds <= set("fiu") or kinds == {"b"}  # pandas mixes both as objects
    if isinstance(array, np.ndarray):
        return array.dtype.kind in "fiub"
    return keras.ops.is_tensor(array) and hasattr(array, "shape") and not _is_composite(array)


def _is_composite(array: Any) -> bool:
    import tensorflow as tf

    return isinstance(array, tf.SparseTensor | tf.RaggedTensor)


def _item_bytes(array: Any) -> int:
    if isinstance(array, pd.DataFrame):
        return 8  # at most: its columns may differ
    return int(array.dtype.size if keras.ops.is_tensor(array) else array.dtype.itemsize)
