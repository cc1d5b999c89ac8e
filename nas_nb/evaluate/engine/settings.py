"""Numbers that Keras bakes into a trace, held in variables: candidates may differ in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

# The settings of each optimizer that its update reads as plain factors. Where zero switches a
# term off (momentum), the update also has another shape, so zero is not free: see `free_settings`.
FREE_SETTINGS: dict[str, tuple[str, ...]] = {
    "SGD": ("momentum", "weight_decay"),
    "RMSprop": ("rho", "momentum", "epsilon", "weight_decay"),
    "Adam": ("beta_1", "beta_2", "epsilon", "weight_decay"),
    "AdamW": ("beta_1", "beta_2", "epsilon", "weight_decay"),
    "Nadam": ("beta_1", "beta_2", "epsilon", "weight_decay"),
    "Adamax": ("beta_1", "beta_2", "epsilon", "weight_decay"),
    "Lamb": ("beta_1", "beta_2", "epsilon", "weight_decay"),
    "Lion": ("beta_1", "beta_2", "weight_decay"),
    "Adagrad": ("epsilon", "weight_decay"),
    "Adadelta": ("rho", "epsilon", "weight_decay"),
    "Ftrl": ("weight_decay",),
    "Adafactor": ("weight_decay",),
}


def free_settings(optimizer: Any) -> tuple[str, ...]:
    """Returns the names of the settings in which two optimizers may differ and share a trace."""
    names = FREE_SETTINGS.get(type(optimizer).__name__, ())
    if type(optimizer) is not getattr(keras.optimizers, type(optimizer).__name__, None):
        return ()
    return tuple(name for name in names if (getattr(optimizer, name) or 0) > 0)


class Setting:
    """A number that a graph reads from a variable, with the float arithmetic that Keras does.

    Keras computes `1 - beta_2` in double precision while it traces. Computed from a float32
    0.999 it would be off by 1.3e-5 relative, so the complement is a variable of its own.
    """

    dtype = "float32"

    def __init__(self, value: float) -> None:
        self._value = tf.Variable(value, dtype=tf.float32, trainable=False)
        self._complement = tf.Variable(1.0 - value, dtype=tf.float32, trainable=False)
        self._held: tuple[Any, Any] | None = None

    def set(self, value: float) -> None:
        """Changes the number for every graph that reads it."""
        self._value.assign(value)
        self._complement.assign(1.0 - value)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Reads the number once, for all that is traced in the block, instead of at every use."""
        self._held = (self._value.read_value(), self._complement.read_value())
        try:
            yield
        finally:
            self._held = None

    @property
    def _number(self) -> Any:
        return self._value.read_value() if self._held is None else self._held[0]

    @property
    def _rest(self) -> Any:
        return self._complement.read_value() if self._held is None else self._held[1]

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> Any:
        value = self._number
        return value if dtype is None else tf.cast(value, dtype, name=name)

    def __gt__(self, other: Any) -> bool:
        # Optimizers ask whether a term is switched on; only what is above zero is a setting.
        return bool(other == 0)

    def __rsub__(self, other: Any) -> Any:
        if isinstance(other, int | float) and other == 1:
            return self._rest
        return other - self._number

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, int | float) and other == 1:
            return -self._rest
        return self._number - other

    def __mul__(self, other: Any) -> Any:
        return self._number * other

    def __rmul__(self, other: Any) -> Any:
        return other * self._number
