"""One value of a chain's dictionary: what its user may write for it, and its plain name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import keras

from nas_nb.errors import SpaceError, nearest
from nas_nb.record.values import plain

CONVOLUTIONS = {"Conv2D": 2, "Conv1D": 1}
"""The layers that need a grid, and how many dimensions it has beside the channels."""

LAYERS = (*CONVOLUTIONS, "Dense")
"""The layers that a chain is made of."""

NORMALIZATIONS = {"none": "", "batch": "BatchNormalization", "layer": "LayerNormalization"}
POOLINGS = {"none": "", "max": "MaxPooling", "average": "AveragePooling"}
"""The layers that these words stand for; those of a pooling end in ``1D`` or ``2D``."""

_NOT_ACTIVATIONS = ("deserialize", "get", "serialize", "threshold")
_NOT_OPTIMIZERS = ("LossScaleOptimizer", "MultiOptimizer", "Optimizer", "OptimizerMap")


def read_layer(given: Any) -> str:
    """Returns the name of a layer that a chain can have."""
    name = given if isinstance(given, str) else getattr(given, "__name__", repr(given))
    ours = isinstance(given, str) or given is getattr(keras.layers, name, None)
    if name in LAYERS and ours:
        return str(name)
    raise SpaceError(
        f"Expected the layers {', '.join(LAYERS[:-1])} or {LAYERS[-1]}, as Keras classes or names, "
        f"got {name!r}." + nearest(str(name), LAYERS)
    )


def read_counted(key: str, meaning: str) -> Callable[[Any], int]:
    """Returns a reader of whole numbers above 0."""
    return lambda given: _whole_number(given, key, meaning)


def _whole_number(given: Any, key: str, meaning: str) -> int:
    value = plain(given)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SpaceError(
            f"Expected '{key}' ({meaning}) to be whole numbers above 0, got {given!r}."
        )
    return value


def read_activation(given: Any) -> str:
    """Returns Keras's name of an activation function."""
    if given is None:
        return "linear"
    name = given if isinstance(given, str) else _function_name(given)
    known = [n for n in dir(keras.activations) if n[0] != "_" and n not in _NOT_ACTIVATIONS]
    if name in known:
        # Keras's own spelling: "swish" is its "silu".
        return str(keras.activations.get(name).__name__)
    raise SpaceError(
        "Expected activations that Keras knows (a name, or a function of keras.activations or "
        f"tf.nn), got {name or given!r}."
        + (nearest(name, known) or f" It knows {', '.join(known)}.")
    )


def _function_name(function: Any) -> str:
    package = str(getattr(function, "__module__", "")).partition(".")[0]
    if package not in ("keras", "tensorflow", "jax", "torch"):
        return ""  # a function of the user's own, whatever its name
    return re.sub(r"_v\d$", "", str(getattr(function, "__name__", "")))


def read_optimizer(given: Any) -> str:
    """Returns Keras's name of an optimizer, in small letters."""
    known = {
        name.lower(): name
        for name, value in vars(keras.optimizers).items()
        if isinstance(value, type) and name not in _NOT_OPTIMIZERS
    }
    name = given if isinstance(given, str) else getattr(given, "__name__", repr(given))
    if name.lower() in known and isinstance(given, str | type):
        return str(name.lower())
    raise SpaceError(
        f"Expected the name of an optimiser of Keras, got {given!r}."
        + (nearest(name.lower(), known) or f" They are {', '.join(known.values())}.")
    )


def read_learning_rate(given: Any) -> float:
    """Returns a finite number above 0."""
    value = plain(given)
    if _is_number(value) and value > 0 and math.isfinite(value):
        return float(value)
    raise SpaceError(f"Expected 'learning_rate' to be numbers above 0, got {given!r}.")


def read_dropout(given: Any) -> float:
    """Returns a share from 0 to below 1."""
    value = plain(given)
    if _is_number(value) and 0 <= value < 1:
        return float(value)
    raise SpaceError(
        f"Expected 'dropout' (the share of outputs to drop) to be numbers from 0 to below 1, "
        f"got {given!r}."
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def read_word(key: str, words: Mapping[str, str]) -> Callable[[Any], str]:
    """Returns a reader of the words, or of the Keras classes that they stand for."""

    def read(given: Any) -> str:
        name = given if isinstance(given, str) else getattr(given, "__name__", repr(given))
        if given is None:
            return "none"
        for word, layer in words.items():
            ours = isinstance(given, str) or given is getattr(keras.layers, name, None)
            if name == word or (layer and ours and re.sub(r"[123]D$", "", name) == layer):
                return word
        raise SpaceError(
            f"Expected '{key}' to be {', '.join(words)}, or Keras's layers for them, got {name!r}."
            + nearest(str(name), words)
        )

    return read


def read_skip(given: Any) -> bool:
    """Returns whether connections go past each layer."""
    value = plain(given)
    if isinstance(value, bool):
        return value
    raise SpaceError(f"Expected 'skip' (connections past each layer) True or False, got {given!r}.")
