"""Layers of any width up to the greatest, and their shared weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

if TYPE_CHECKING:
    from nas_nb.data.dataset import DataSpec
    from nas_nb.supernet.choices import PathChoices


@dataclass(frozen=True)
class CallContext:
    """What all layers of a pass are told."""

    training: bool  # whether units are dropped
    rows: Any  # int32: of so many rows a batch's statistics are taken
    seed: Any  # two int64: what is dropped


class ElasticLayer:
    """A convolution, or a dense layer, of which a path uses the first inputs and outputs."""

    def __init__(
        self, weights: SharedWeights, name: str, *shape: int, bias: bool = True, stride: int = 1
    ) -> None:
        weights.kernel(f"{name}.kernel", *shape)
        if bias:
            weights.zeros(f"{name}.bias", shape[-1])
        self._weights, self._name, self._biased = weights, name, bias
        self.shape = shape
        self.sides = shape[:-2]
        self.stride = stride

    @property
    def kernel(self) -> Any:
        """The weights of all inputs and outputs."""
        return self._weights[f"{self._name}.kernel"]

    @property
    def bias(self) -> Any:
        """One number an output; None if it has none."""
        return self._weights[f"{self._name}.bias"] if self._biased else None

    def crop(self, inputs: Any, outputs: Any, side: int | None = None) -> Any:
        """Returns the part of the kernel that a path uses."""
        kernel = self.kernel[..., :inputs, :outputs]
        for axis, whole in enumerate(self.sides if side is not None else ()):
            start = (whole - 1) // 2 - (side - 1) // 2 if side else 0
            rows = [slice(None)] * axis + [slice(start, start + (side or whole))]
            kernel = kernel[tuple(rows)]
        return kernel

    def __call__(self, x: Any, inputs: Any, outputs: Any, side: int | None = None) -> Any:
        """Returns what the layer makes of `x`, ``(samples, ..., inputs)``."""
        kernel = self.crop(inputs, outputs, side)
        if not self.sides:
            made = tf.matmul(x, kernel)
        else:
            made = tf.nn.convolution(x, kernel, strides=self.stride, padding="SAME")
        return made + self.bias[:outputs] if self._biased else made


class ElasticFlatLayer:
    """A dense layer on a flattened grid, of which a path uses the first channels and outputs."""

    def __init__(
        self, weights: SharedWeights, name: str, pixels: int, channels: int, outputs: int
    ) -> None:
        weights.kernel(f"{name}.kernel", pixels * channels, outputs)
        weights.zeros(f"{name}.bias", outputs)
        self._weights, self._name = weights, name
        self.pixels, self.channels, self.outputs = pixels, channels, outputs

    @property
    def kernel(self) -> Any:
        """The weights of all inputs and outputs."""
        return self._weights[f"{self._name}.kernel"]

    @property
    def bias(self) -> Any:
        """One number an output."""
        return self._weights[f"{self._name}.bias"]

    def crop(self, channels: Any, outputs: Any) -> Any:
        """Returns the part of the kernel that a path uses, ``(pixels * channels, outputs)``."""
        grid = tf.reshape(self.kernel, (self.pixels, self.channels, self.outputs))
        return tf.reshape(grid[:, :channels, :outputs], (self.pixels * channels, outputs))

    def __call__(self, x: Any, channels: Any, outputs: Any) -> Any:
        """Returns what the layer makes of a grid ``(samples, ..., channels)``."""
        flat = tf.reshape(x, (-1, self.pixels * channels))
        return tf.matmul(flat, self.crop(channels, outputs)) + self.bias[:outputs]


class ElasticNorm:
    """A normalisation with a scale and a shift for each unit."""

    def __init__(
        self, weights: SharedWeights, name: str, units: int, epsilon: float = 1e-3
    ) -> None:
        weights.ones(f"{name}.gamma", units)
        weights.zeros(f"{name}.beta", units)
        self._weights, self._name = weights, name
        self.epsilon = epsilon

    @property
    def gamma(self) -> Any:
        """The scale of each unit."""
        return self._weights[f"{self._name}.gamma"]

    @property
    def beta(self) -> Any:
        """The shift of each unit."""
        return self._weights[f"{self._name}.beta"]

    def batch(self, x: Any, call: CallContext, units: Any = None) -> Any:
        """Normalises by the statistics of the call's first rows, those of this path alone."""
        axes = list(range(len(x.shape) - 1))
        mean, variance = tf.nn.moments(x[: call.rows], axes)
        return self._scaled(x, mean, variance, units)

    def layer(self, x: Any, units: Any = None) -> Any:
        """Normalises each sample, over its units."""
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        return self._scaled(x, mean, variance, units)

    def _scaled(self, x: Any, mean: Any, variance: Any, units: Any) -> Any:
        normal = (x - mean) * tf.math.rsqrt(variance + self.epsilon)
        return normal * self.gamma[:units] + self.beta[:units]


def mixed_batch_norm(x: Any, norms: Sequence[tuple[Any, ElasticNorm]], call: CallContext) -> Any:
    """Normalises `x` by the batch, with the scale and shift of that one whose weight is 1."""
    mean, variance = tf.nn.moments(x[: call.rows], list(range(len(x.shape) - 1)))
    normal = (x - mean) * tf.math.rsqrt(variance + norms[0][1].epsilon)
    gamma = tf.add_n([weight * norm.gamma for weight, norm in norms])
    return normal * gamma + tf.add_n([weight * norm.beta for weight, norm in norms])


def pooled(x: Any, how: str, size: int = 2, stride: int | None = None, same: bool = False) -> Any:
    """Returns a grid of fewer pixels, their maxima or averages; "none" returns it as it is."""
    if how == "none":
        return x
    pool = tf.nn.max_pool if how == "max" else tf.nn.avg_pool
    return pool(x, size, stride or size, "SAME" if same else "VALID")


def dropped(x: Any, rate: Any, call: CallContext, place: int) -> Any:
    """Returns units of which a share is dropped in training, as Keras's Dropout does."""
    if not call.training:
        return x
    seed = call.seed + tf.constant([0, place], tf.int64)
    kept = tf.random.stateless_uniform(tf.shape(x), seed=seed) >= rate
    return tf.where(kept, x / (1.0 - rate), 0.0)


def activation(name: str) -> Any:
    """Returns Keras's function of this name."""
    return keras.activations.get(name)


class SharedWeights:
    """Draws the weights of a supernet as Keras does, and keeps them in one variable."""

    # Hundreds of small tensors in one variable have one gradient and one step of an optimizer,
    # which saves most of the time that it takes to trace them.

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
        """Lets layers use these weights, in a row, inside the block."""
        before, self._used = self._used, self.parts(tf.convert_to_tensor(flat))
        try:
            yield
        finally:
            self._used = before

    def __getitem__(self, name: str) -> Any:
        used = self.parts(self.flat) if self._used is None else self._used
        return used[name]


class SharedNet(Protocol):
    """A net that holds every architecture of a space."""

    choices: PathChoices
    spec: DataSpec

    def logits(self, how: Any, x: Any, call: CallContext) -> Any:
        """Returns the sums of the output layer for a path or a mixture of all."""
