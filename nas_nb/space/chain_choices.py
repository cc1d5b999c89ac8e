"""What the dictionary of a chain space may say: each key's values, checked and named."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from nas_nb.errors import SpaceError, nearest
from nas_nb.record.values import Value, plain
from nas_nb.space.parameter import Parameter, ParameterKind

LAYERS = ("Conv2D", "Dense")
"""The layers that a chain is made of."""

_NOT_ACTIVATIONS = ("deserialize", "get", "serialize", "threshold")
_NOT_OPTIMIZERS = ("LossScaleOptimizer", "MultiOptimizer", "Optimizer", "OptimizerMap")


@dataclass(frozen=True)
class Key:
    """One key of the dictionary.

    Attributes:
        parameter: Name of its parameter; with `per_layer`, the name before ``_1``, ``_2``.
        read: Turns one of the user's values into a plain one, or raises `SpaceError`.
        per_layer: Whether every layer of the chain chooses anew.
        default: Values where the key is left out; none makes the key compulsory.
        recorded: Whether the default is a parameter, too, rather than a constant of the models.
    """

    parameter: str
    read: Callable[[Any], Value]
    per_layer: bool = False
    default: tuple[Value, ...] = ()
    recorded: bool = True


def read_choices(choices: Mapping[str, Any]) -> dict[str, Parameter]:
    """Returns a parameter without conditions for each key of the dictionary.

    Args:
        choices: The user's dictionary; each value is a list, a tuple, a range, or a single value.

    Raises:
        SpaceError: A key is unknown or missing, or a value is not what the key expects.
    """
    if not isinstance(choices, Mapping):
        raise SpaceError(
            "Expected a dictionary such as {'layers': [...], 'units': [...], 'activations': "
            f"[...]}}, got {choices!r} (of type {type(choices).__name__})."
        )
    if not choices:
        raise SpaceError(
            "Expected a space with 'layers', 'units' and 'activations', got an empty dictionary."
        )
    for key in choices:
        if key not in KEYS:
            raise SpaceError(
                f"Expected the keys {', '.join(KEYS)}, got {key!r}." + nearest(str(key), KEYS)
            )
    missing = [key for key, about in KEYS.items() if not about.default and key not in choices]
    if missing:
        raise SpaceError(
            f"Expected the space to say {' and '.join(repr(key) for key in missing)}, "
            f"got {', '.join(repr(key) for key in choices)} only: add a list of values."
        )
    return {
        key: _read(key, about, choices[key]) if key in choices else _constant(about)
        for key, about in KEYS.items()
        if key in choices or about.recorded
    }


def _read(key: str, about: Key, given: Any) -> Parameter:
    given = plain(given)
    listed = list(given) if isinstance(given, list | tuple | range | set) else [given]
    if not listed:
        raise SpaceError(f"Expected '{key}' to list at least one value, got an empty list.")
    read = [about.read(value) for value in listed]
    # A set has another order in every process, and an order is part of a space.
    values = tuple(sorted(read) if isinstance(given, set) else read)
    for number, value in enumerate(values):
        if value in values[:number]:
            raise SpaceError(
                f"Expected the values of '{key}' to differ, got {value!r} twice: remove one."
            )
    return _parameter(about, values)


def _constant(about: Key) -> Parameter:
    return _parameter(about, about.default)


def _parameter(about: Key, values: tuple[Value, ...]) -> Parameter:
    kind = ParameterKind.CHOICE if len(values) > 1 else ParameterKind.FIXED
    return Parameter(about.parameter, kind, choices=values)


def _layer(given: Any) -> str:
    name = given if isinstance(given, str) else getattr(given, "__name__", repr(given))
    ours = isinstance(given, str) or given is getattr(keras.layers, name, None)
    if name in LAYERS and ours:
        return str(name)
    raise SpaceError(
        f"Expected the layers {' or '.join(LAYERS)}, as Keras classes or names, got {name!r}."
        + nearest(str(name), LAYERS)
    )


def _units(given: Any) -> int:
    return _whole_number(given, "units", "the units of a layer")


def _depth(given: Any) -> int:
    return _whole_number(given, "depth", "the number of layers")


def _whole_number(given: Any, key: str, meaning: str) -> int:
    value = plain(given)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SpaceError(
            f"Expected '{key}' ({meaning}) to be whole numbers above 0, got {given!r}."
        )
    return value


def _activation(given: Any) -> str:
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


def _optimizer(given: Any) -> str:
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


def _learning_rate(given: Any) -> float:
    value = plain(given)
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    if numeric and value > 0 and math.isfinite(value):
        return float(value)
    raise SpaceError(f"Expected 'learning_rate' to be numbers above 0, got {given!r}.")


KEYS = {
    "layers": Key("layer", _layer, per_layer=True),
    "units": Key("units", _units, per_layer=True),
    "activations": Key("activation", _activation, per_layer=True),
    "depth": Key("depth", _depth, default=(1, 2, 3)),
    "optimizer": Key("optimizer", _optimizer, default=("adam",), recorded=False),
    "learning_rate": Key("learning_rate", _learning_rate, default=(0.001,), recorded=False),
}
"""Every key that a dictionary may have."""
