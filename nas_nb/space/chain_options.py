"""What that dictionary may say, key by key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import keras

from nas_nb.errors import SpaceError, is_number, is_whole, nearest
from nas_nb.record.trial import Value, plain
from nas_nb.space.parameter import Parameter, ParameterKind, parameter_from_json
from nas_nb.space.ranges import LARGEST, Interval


@dataclass(frozen=True)
class DictKey:
    """One key of the dictionary."""

    parameter: str  # its name; with `per_layer`, the name before `_1`, `_2`
    read: Callable[[Any], Value]  # makes a user's value plain, or raises SpaceError
    per_layer: bool = False  # whether every layer of the chain chooses anew
    default: tuple[Value, ...] = ()  # where the key is left out; none makes it compulsory
    recorded: bool = True  # whether the default is a parameter, not a constant
    convolutional: bool = False  # whether it is about convolutions only
    interval: ParameterKind | None = None  # what an interval of it holds; None for no interval


def read_dict(choices: Mapping[str, Any]) -> dict[str, Parameter]:
    """Returns a parameter without conditions for each key of the dictionary."""
    if not isinstance(choices, Mapping):
        raise SpaceError(
            "Expected a dictionary such as {'layers': [...], 'units': [...], 'activations': "
            f"[...]}}. Received: {choices!r} (of type {type(choices).__name__})."
        )
    if not choices:
        raise SpaceError(
            "Expected a space with 'layers', 'units' and 'activations'. Received: an empty "
            "dictionary."
        )
    for key in choices:
        if key not in DICT_KEYS:
            raise SpaceError(
                f"Expected the keys {', '.join(DICT_KEYS)}. Received: {key!r}."
                + nearest(str(key), DICT_KEYS)
            )
    missing = [key for key, about in DICT_KEYS.items() if not about.default and key not in choices]
    if missing:
        raise SpaceError(
            f"Expected the space to say {' and '.join(repr(key) for key in missing)}. Received: "
            f"{', '.join(repr(key) for key in choices)} only. Add a list of values."
        )
    read = {
        key: _read(key, about, choices[key])
        if key in choices
        else Parameter.among(about.parameter, about.default)
        for key, about in DICT_KEYS.items()
        if key in choices or about.recorded
    }
    _check_convolutions(read)
    return read


def read_recipe(chain: object) -> dict[str, Parameter]:
    """Returns the parameters of a recipe, maybe a stranger's: values are read as a user's are."""
    if not isinstance(chain, Mapping) or not {*_RECORDED} <= chain.keys():
        raise _no_recipe(chain)
    return {key: _from_recipe(key, entry) for key, entry in chain.items()}


def _from_recipe(key: str, entry: Any) -> Parameter:
    about, parameter = DICT_KEYS.get(key), parameter_from_json(entry)
    if about is None or parameter.name != about.parameter or parameter.conditions:
        raise _no_recipe({key: entry})
    if parameter.choices:
        values: tuple[Any, ...] = parameter.choices
    elif parameter.kind is about.interval and parameter.step in (None, 1):
        values = (parameter.low, parameter.high)
    else:
        raise _no_recipe({key: entry})
    for value in values:
        if about.read(value) != value:
            raise _no_recipe({key: entry})
    return parameter


def _no_recipe(received: object) -> SpaceError:
    return SpaceError(f"Expected the recipe of a chain of layers. Received: {received!r:.200}.")


def _check_convolutions(read: Mapping[str, Parameter]) -> None:
    """Raises SpaceError where a key is about convolutions and the space has none."""
    layers = read["layers"].choices
    idle = [key for key in read if DICT_KEYS[key].convolutional]
    if idle and not set(layers) & set(CONVOLUTIONS):
        raise SpaceError(
            f"Expected {' or '.join(CONVOLUTIONS)} among 'layers' for '{idle[0]}' to matter. "
            f"Received: {', '.join(map(str, layers))}. Add one, or leave '{idle[0]}' out."
        )


def _read(key: str, about: DictKey, given: Any) -> Parameter:
    if isinstance(given, Interval):
        return _interval(key, about, given)
    given = plain(given)
    listed = list(given) if isinstance(given, list | tuple | range | set) else [given]
    if not listed:
        raise SpaceError(f"Expected '{key}' to list at least one value. Received: an empty list.")
    read = [about.read(value) for value in listed]
    # A set has another order in every process, and an order is part of a space.
    return Parameter.among(about.parameter, sorted(read) if isinstance(given, set) else read)


def _interval(key: str, about: DictKey, given: Interval) -> Parameter:
    if about.interval is None:
        raise SpaceError(f"Expected '{key}' to list its values. Received: the interval {given}.")
    low, high = about.read(given.low), about.read(given.high)
    return Parameter(
        about.parameter,
        about.interval,
        low=cast("float", low),
        high=cast("float", high),
        log=given.log,
    )


NORMALIZATIONS = {"none": "", "batch": "BatchNormalization", "layer": "LayerNormalization"}
POOLINGS = {"none": "", "max": "MaxPooling", "average": "AveragePooling"}
"""The layers that these words stand for; those of a pooling end in ``1D`` or ``2D``."""


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
        f"tf.nn). Received: {name or given!r}."
        + (nearest(name, known) or f" It knows {', '.join(known)}.")
    )


def read_counted(key: str, meaning: str, most: int) -> Callable[[Any], int]:
    """Returns a reader of whole numbers from 1 to `most`."""

    def read(given: Any) -> int:
        value = plain(given)
        if is_whole(value) and 1 <= value <= most:
            return value
        raise SpaceError(
            f"Expected '{key}' ({meaning}) to be whole numbers above 0, up to {most:,}. "
            f"Received: {given!r}."
        )

    return read


def read_dropout(given: Any) -> float:
    """Returns a share from 0 to below 1."""
    value = plain(given)
    if is_number(value) and 0 <= value < 1:
        return float(value)
    raise SpaceError(
        "Expected 'dropout' (the share of outputs to drop) to be numbers from 0 to below 1. "
        f"Received: {given!r}."
    )


def read_layer(given: Any) -> str:
    """Returns the name of a layer that a chain can have."""
    name = given if isinstance(given, str) else getattr(given, "__name__", repr(given))
    ours = isinstance(given, str) or given is getattr(keras.layers, name, None)
    if name in LAYERS and ours:
        return str(name)
    raise SpaceError(
        f"Expected the layers {', '.join(LAYERS[:-1])} or {LAYERS[-1]}, as Keras classes or names. "
        f"Received: {name!r}." + nearest(str(name), LAYERS)
    )


def read_learning_rate(given: Any) -> float:
    """Returns a finite number above 0."""
    value = plain(given)
    if is_number(value) and 0 < value <= LARGEST:
        return float(value)
    raise SpaceError(f"Expected 'learning_rate' to be numbers above 0. Received: {given!r}.")


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
        f"Expected the name of an optimiser of Keras. Received: {given!r}."
        + (nearest(name.lower(), known) or f" They are {', '.join(known.values())}.")
    )


def read_skip(given: Any) -> bool:
    """Returns whether connections go past each layer."""
    value = plain(given)
    if isinstance(value, bool):
        return value
    raise SpaceError(
        f"Expected 'skip' (connections past each layer) True or False. Received: {given!r}."
    )


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
            f"Expected '{key}' to be {', '.join(words)}, or Keras's layers for them. Received: "
            f"{name!r}." + nearest(str(name), words)
        )

    return read


DICT_KEYS = {
    "layers": DictKey("layer", read_layer, per_layer=True),
    "units": DictKey(
        "units",
        read_counted("units", "the units of a layer", 1_000_000),
        per_layer=True,
        interval=ParameterKind.INT,
    ),
    "activations": DictKey("activation", read_activation, per_layer=True),
    "kernel_sizes": DictKey(
        "kernel_size",
        read_counted("kernel_sizes", "the sides of a convolution", 1000),
        per_layer=True,
        default=(3,),
        recorded=False,
        convolutional=True,
        interval=ParameterKind.INT,
    ),
    "depth": DictKey(
        "depth", read_counted("depth", "the number of layers", 1000), default=(1, 2, 3)
    ),
    "optimizer": DictKey("optimizer", read_optimizer, default=("adam",), recorded=False),
    "learning_rate": DictKey(
        "learning_rate",
        read_learning_rate,
        default=(0.001,),
        recorded=False,
        interval=ParameterKind.FLOAT,
    ),
    "dropout": DictKey(
        "dropout", read_dropout, default=(0.0,), recorded=False, interval=ParameterKind.FLOAT
    ),
    "normalization": DictKey(
        "normalization",
        read_word("normalization", NORMALIZATIONS),
        default=("none",),
        recorded=False,
    ),
    "skip": DictKey("skip", read_skip, default=(False,), recorded=False),
    "pooling": DictKey(
        "pooling",
        read_word("pooling", POOLINGS),
        default=("max",),
        recorded=False,
        convolutional=True,
    ),
}
"""Every key that a dictionary may have: plural where each layer of a chain chooses anew."""

_RECORDED = ("layers", "units", "activations", "depth")

CONVOLUTIONS = {"Conv2D": 2, "Conv1D": 1}
"""The layers that need a grid, and how many dimensions it has beside the channels."""

LAYERS = (*CONVOLUTIONS, "Dense")
"""The layers that a chain is made of."""

_NOT_ACTIVATIONS = ("deserialize", "get", "serialize", "threshold")
_NOT_OPTIMIZERS = ("LossScaleOptimizer", "MultiOptimizer", "Optimizer", "OptimizerMap")


def _function_name(function: Any) -> str:
    package = str(getattr(function, "__module__", "")).partition(".")[0]
    if package not in ("keras", "tensorflow", "jax", "torch"):
        return ""  # a function of the user's own, whatever its name
    return re.sub(r"_v\d$", "", str(getattr(function, "__name__", "")))
