"""`fit` with Keras's own arguments: by the engine where it can, by `model.fit` where it can't."""

from __future__ import annotations

import inspect
import random
import sys
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from nas_nb.evaluate.backend import on_tensorflow
from nas_nb.evaluate.fit_path import fit_reason
from nas_nb.evaluate.slots import listed_variables

HONOURED = frozenset(
    ("x", "y", "batch_size", "epochs", "verbose", "callbacks", "validation_split",
     "validation_data", "shuffle", "class_weight", "sample_weight", "initial_epoch",
     "validation_batch_size")
)  # fmt: skip
"""Arguments of `model.fit` that the engine knows; any other one goes to `model.fit`."""

DEFAULT_BATCH_SIZE = 32


class EpochLines(keras.callbacks.Callback):  # type: ignore[misc]
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
    from nas_nb.evaluate.forgetting import KERAS_STEPS, forget_kernels, forgotten

    with forgotten(*KERAS_STEPS):
        history = model.fit(*args, **kwargs)
    forget_kernels(listed_variables(model))
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
    from nas_nb.evaluate.engine.device import device_set
    from nas_nb.evaluate.engine.training import Schedule, train_compiled

    training, validation = _parts(given)
    batch_size = given.get("batch_size") or DEFAULT_BATCH_SIZE
    history = keras.callbacks.History()
    lines = [EpochLines()] if given.get("verbose", "auto") else []
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
    outcome = train_compiled(model, schedule, on_epoch=lambda *_: None, control=NeverStops())
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


class NeverStops:
    """The control of a training that nobody steers."""

    def checkpoint(self) -> bool:
        """Returns False: it goes on."""
        return False
