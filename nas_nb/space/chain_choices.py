"""What the dictionary of a chain space may say: each key's values, checked and named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from nas_nb.errors import SpaceError, nearest
from nas_nb.record.values import Value, plain
from nas_nb.space.chain_values import (
    CONVOLUTIONS,
    NORMALIZATIONS,
    POOLINGS,
    read_activation,
    read_counted,
    read_dropout,
    read_layer,
    read_learning_rate,
    read_optimizer,
    read_skip,
    read_word,
)
from nas_nb.space.interval import Interval
from nas_nb.space.parameter import Parameter, ParameterKind


@dataclass(frozen=True)
class Key:
    """One key of the dictionary.

    Attributes:
        parameter: Name of its parameter; with `per_layer`, the name before ``_1``, ``_2``.
        read: Turns one of the user's values into a plain one, or raises `SpaceError`.
        per_layer: Whether every layer of the chain chooses anew.
        default: Values where the key is left out; none makes the key compulsory.
        recorded: Whether the default is a parameter, too, rather than a constant of the models.
        convolutional: Whether it says something about convolutions only.
        interval: What an interval of it is: whole or any numbers; None where it can't be one.
    """

    parameter: str
    read: Callable[[Any], Value]
    per_layer: bool = False
    default: tuple[Value, ...] = ()
    recorded: bool = True
    convolutional: bool = False
    interval: ParameterKind | None = None


def read_choices(choices: Mapping[str, Any]) -> dict[str, Parameter]:
    """Returns a parameter without conditions for each key of the dictionary.

    Args:
        choices: The user's dictionary; each value is a list, a tuple, a range, an `Interval`, or
            a single value.

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
    read = {
        key: _read(key, about, choices[key]) if key in choices else _constant(about)
        for key, about in KEYS.items()
        if key in choices or about.recorded
    }
    _check_convolutions(read)
    return read


def _check_convolutions(read: Mapping[str, Parameter]) -> None:
    """Raises SpaceError where a key is about convolutions and the space has none."""
    layers = read["layers"].choices
    idle = [key for key in read if KEYS[key].convolutional]
    if idle and not set(layers) & set(CONVOLUTIONS):
        raise SpaceError(
            f"Expected {' or '.join(CONVOLUTIONS)} among 'layers' for '{idle[0]}' to matter, "
            f"got {', '.join(map(str, layers))}: add one, or leave '{idle[0]}' out."
        )


def _read(key: str, about: Key, given: Any) -> Parameter:
    if isinstance(given, Interval):
        return _interval(key, about, given)
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


def _interval(key: str, about: Key, given: Interval) -> Parameter:
    if about.interval is None:
        raise SpaceError(f"Expected '{key}' to list its values, got the interval {given}.")
    low, high = about.read(given.low), about.read(given.high)
    return Parameter(
        about.parameter,
        about.interval,
        low=cast("float", low),
        high=cast("float", high),
        log=given.log,
    )


def _constant(about: Key) -> Parameter:
    return _parameter(about, about.default)


def _parameter(about: Key, values: tuple[Value, ...]) -> Parameter:
    kind = ParameterKind.CHOICE if len(values) > 1 else ParameterKind.FIXED
    return Parameter(about.parameter, kind, choices=values)


KEYS = {
    "layers": Key("layer", read_layer, per_layer=True),
    "units": Key(
        "units",
        read_counted("units", "the units of a layer"),
        per_layer=True,
        interval=ParameterKind.INT,
    ),
    "activations": Key("activation", read_activation, per_layer=True),
    "kernel_sizes": Key(
        "kernel_size",
        read_counted("kernel_sizes", "the sides of a convolution"),
        per_layer=True,
        default=(3,),
        recorded=False,
        convolutional=True,
        interval=ParameterKind.INT,
    ),
    "depth": Key("depth", read_counted("depth", "the number of layers"), default=(1, 2, 3)),
    "optimizer": Key("optimizer", read_optimizer, default=("adam",), recorded=False),
    "learning_rate": Key(
        "learning_rate",
        read_learning_rate,
        default=(0.001,),
        recorded=False,
        interval=ParameterKind.FLOAT,
    ),
    "dropout": Key(
        "dropout", read_dropout, default=(0.0,), recorded=False, interval=ParameterKind.FLOAT
    ),
    "normalization": Key(
        "normalization",
        read_word("normalization", NORMALIZATIONS),
        default=("none",),
        recorded=False,
    ),
    "skip": Key("skip", read_skip, default=(False,), recorded=False),
    "pooling": Key(
        "pooling",
        read_word("pooling", POOLINGS),
        default=("max",),
        recorded=False,
        convolutional=True,
    ),
}
"""Every key that a dictionary may have: plural where each layer of a chain chooses anew."""
