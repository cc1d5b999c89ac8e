"""The shared weights: variables by name, drawn as Keras draws them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf


class Weights:
    """Makes and keeps the variables of a supernet.

    Args:
        seed: Decides what is drawn, 0 or more.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 0x5EED])
        self._named: dict[str, Any] = {}

    def kernel(self, name: str, *shape: int) -> Any:
        """Makes a kernel ``(..., inputs, outputs)``, drawn by Glorot's rule."""
        window = math.prod(shape[:-2])
        limit = math.sqrt(6.0 / (window * (shape[-2] + shape[-1])))
        return self._make(name, self._rng.uniform(-limit, limit, shape))

    def zeros(self, name: str, *shape: int) -> Any:
        """Makes zeros."""
        return self._make(name, np.zeros(shape))

    def ones(self, name: str, *shape: int) -> Any:
        """Makes ones."""
        return self._make(name, np.ones(shape))

    def _make(self, name: str, value: Any) -> Any:
        self._named[name] = tf.Variable(np.asarray(value, np.float32), trainable=True)
        return self._named[name]

    def __getitem__(self, name: str) -> Any:
        return self._named[name]

    def __contains__(self, name: object) -> bool:
        return name in self._named

    def __iter__(self) -> Iterator[Any]:
        return iter(self._named.values())

    def __len__(self) -> int:
        return len(self._named)
