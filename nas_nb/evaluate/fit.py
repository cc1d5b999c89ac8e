"""`fit` with Keras's arguments: compiled where possible, `model.fit` where not, and why."""

from __future__ import annotations

import inspect
import random
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

from nas_nb.evaluate.backend import backend, device_bytes, listed_variables, on_tensorflow

HONOURED = frozenset(
    ("x", "y", "batch_size", "epochs", "verbose", "callbacks", "validation_split",
     "validation_data", "shuffle", "class_weight", "sample_weight", "initial_epoch",
     "validation_batch_size")
)  # fmt: skip
"""Arguments of `model.fit` that the engine knows; any other one goes to `model.fit`."""

DEFAULT_BATCH_SIZE = 32


class EpochPrinter(keras.callbacks.Callback):  # type: ignore[misc]
    """Prints one line an epoch, as `fit(verbose=2)` does; batches are not seen from here."""

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Prints the epoch's number and logs."""
        measured = " - ".join(f"{name}: {value:.4f}" for name, value in (logs or {}).items())
        sys.stdout.write(f"Epoch {epoch + 1}/{self.params['epochs']} - {measured}\n")


def fit(model: keras.Model, *args: Any, **kwargs: Any) -> keras.callbacks.History:
    """Trains a compiled model as `model.fit(*args, **kwargs)` would, and returns its history.

    Arrays are shuffled by a permutation that is drawn from Python's `random`, so that
    `keras.utils.set_random_seed` makes it repeatable, as in Keras.

    Args:
        model: A compiled model.
        *args: Arguments of `model.fit`.
        **kwargs: Arguments of `model.fit`.

    Returns:
        Keras's history, with the names that `fit` gives.
    """
    return fit_noted(model, *args, **kwargs)[0]


def fit_noted(model: keras.Model, *args: Any, **kwargs: Any) -> tuple[Any, str | None]:
    """Does what `fit` does.

    Args:
        model: A compiled model.
        *args: Arguments of `model.fit`.
        **kwargs: Arguments of `model.fit`.

    Returns:
        What `fit` returns, and why a slower path was taken, or None.
    """
    given = inspect.signature(model.fit).bind(*args, **kwargs).arguments
    callbacks = given.get("callbacks") or []
    arrays = [given.get(name) for name in ("x", "y", "sample_weight", "validation_data")]
    listed = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
    reason = fit_reason(model, arrays, listed) or _reason_of_arguments(given)
    if reason is not None:
        return _fallback(model, *args, **kwargs), f"trained by model.fit: {reason}"
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


def _fallback(model: keras.Model, *args: Any, **kwargs: Any) -> keras.callbacks.History:
    return keras_fit(model, *args, **kwargs)


def _reason_of_arguments(given: Mapping[str, Any]) -> str | None:
    defaults = inspect.signature(keras.Model.fit).parameters
    differing = {name for name, value in given.items() if value is not defaults[name].default}
    if differing - HONOURED:
        return f"`{min(differing - HONOURED)}` is given"
    if given.get("class_weight") and given.get("sample_weight") is not None:
        return "`class_weight` and `sample_weight` are both given"
    if not _rows_match(given):
        return "inputs, targets and weights are not arrays of as many rows"
    return None


def _rows_match(given: Mapping[str, Any]) -> bool:
    """Whether inputs, targets and weights have as many rows: if not, Keras has the words for it."""
    held_out = given.get("validation_data")
    parts = [(given.get("x"), given.get("y"), given.get("sample_weight"))]
    parts += [tuple(held_out)] if isinstance(held_out, list | tuple) else []
    if any(len(part) < 2 or part[0] is None or part[1] is None for part in parts):
        return False
    return all(
        len({len(array) for array in keras.tree.flatten(part) if array is not None}) == 1
        for part in parts
    )


def _fit_compiled(
    model: keras.Model, given: Mapping[str, Any], callbacks: list[Any]
) -> tuple[keras.callbacks.History, str | None]:
    from nas_nb.evaluate.compiled.program import device_set
    from nas_nb.evaluate.compiled.training import Schedule, train_compiled

    training, validation = _parts(given)
    batch_size = given.get("batch_size") or DEFAULT_BATCH_SIZE
    history = keras.callbacks.History()
    lines = [EpochPrinter()] if given.get("verbose", "auto") else []
    schedule = Schedule(
        device_set(*training),
        device_set(*validation) if validation else None,
        epochs=given.get("epochs", 1),
        batch_size=batch_size,
        validation_batch_size=given.get("validation_batch_size") or batch_size,
        seed=random.randrange(2**31),
        initial_epoch=given.get("initial_epoch", 0),
        shuffle=bool(given.get("shuffle", True)),
        callbacks=[*callbacks, *lines, history],
    )
    outcome = train_compiled(model, schedule, on_epoch=lambda *_: None, control=NoControl())
    return history, outcome.note


def _parts(given: Mapping[str, Any]) -> tuple[tuple[Any, ...], tuple[Any, ...] | None]:
    """Returns `(x, y, sample_weight)` of the training and of the validation rows, if any."""
    x, y = given["x"], given["y"]
    weight = given.get("sample_weight")
    if given.get("class_weight"):
        weight = _weights_of_classes(np.asarray(y), given["class_weight"])
    if given.get("validation_data") is not None:
        return (x, y, weight), tuple(given["validation_data"])
    split = given.get("validation_split") or 0.0
    if not split:
        return (x, y, weight), None
    # As Keras: the last rows, before any shuffling.
    first = int(np.floor(len(keras.tree.flatten(x)[0]) * (1.0 - split)))
    return _rows((x, y, weight), slice(first)), _rows((x, y, weight), slice(first, None))


def _rows(nest: tuple[Any, ...], rows: slice) -> tuple[Any, ...]:
    taken = keras.tree.map_structure(lambda a: None if a is None else a[rows], nest)
    return tuple(taken)


def _weights_of_classes(y: Any, class_weight: Mapping[int, float]) -> Any:
    classes = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)
    weights = [class_weight.get(int(label), 1.0) for label in classes]
    return np.asarray(weights, dtype=keras.config.floatx())


class NoControl:
    """The control of a training that nobody steers."""

    def checkpoint(self) -> bool:
        """Returns False: it goes on."""
        return False


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
