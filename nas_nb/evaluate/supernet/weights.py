"""The shared weights: tensors by name, kept in one long variable."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf


class Weights:
    """Draws the weights of a supernet as Keras does, and keeps them in one variable.

    A supernet has hundreds of small tensors. In one variable they have one gradient and one step
    of an optimizer, which saves most of the time that it takes to trace them.

    Args:
        seed: Decides what is drawn, 0 or more.

    Attributes:
        flat: All weights in a row, once `close` was called.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 0x5EED])
        self._drawn: dict[str, npt.NDArray[np.float32]] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._used: dict[str, Any] | None = None
        self.flat: Any = None

    def kernel(self, name: str, *shape: int) -> None:
        """Makes a kernel ``(..., inputs, outputs)``, drawn by Glorot's rule."""
        window = math.prod(shape[:-2])
        limit = math.sqrt(6.0 / (window * (shape[-2] + shape[-1])))
        self._make(name, self._rng.uniform(-limit, limit, shape))

    def zeros(self, name: str, *shape: int) -> None:
        """Makes zeros."""
        self._make(name, np.zeros(shape))

    def ones(self, name: str, *shape: int) -> None:
        """Makes ones."""
        self._make(name, np.ones(shape))

    def _make(self, name: str, value: npt.NDArray[Any]) -> None:
        self._drawn[name] = value.astype(np.float32).reshape(-1)
        self._shapes[name] = value.shape

    def close(self) -> None:
        """Puts all that was made into the variable; nothing is made afterwards."""
        self.flat = tf.Variable(np.concatenate(list(self._drawn.values())), trainable=True)
        self._drawn.clear()

    def parts(self, flat: Any) -> dict[str, Any]:
        """Returns the tensors by name, of weights in a row."""
        sizes = [math.prod(shape) for shape in self._shapes.values()]
        pieces = zip(self._shapes.items(), tf.split(flat, sizes), strict=True)
        return {name: tf.reshape(piece, shape) for (name, shape), piece in pieces}

    @contextmanager
    def used(self, flat: Any) -> Iterator[None]:
        """Lets layers use these weights, in a row, inside the block.

        Args:
            flat: The variable, or a tensor that stands for it.
        """
        before, self._used = self._used, self.parts(tf.convert_to_tensor(flat))
        try:
            yield
        finally:
            self._used = before

    def __getitem__(self, name: str) -> Any:
        used = self.parts(self.flat) if self._used is None else self._used
        return used[name]
