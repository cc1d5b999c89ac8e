"""The layers of a supernet: products of any width up to the greatest, and normalisations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

if TYPE_CHECKING:
    from nas_nb.evaluate.supernet.weights import Weights


@dataclass(frozen=True)
class Call:
    """What all layers of a pass are told.

    Attributes:
        training: Whether units are dropped.
        rows: How many of the first samples statistics of a batch are taken from, int32.
        seed: Two int64 that decide what is dropped.
    """

    training: bool
    rows: Any
    seed: Any


class Product:
    """A convolution, or a dense layer, of which a path uses the first inputs and outputs.

    Args:
        weights: Where its weights are made.
        name: Their name.
        shape: Its kernel: ``(..., inputs, outputs)``, the window's sides in front.
        bias: Whether it has one.
    """

    def __init__(
        self, weights: Weights, name: str, *shape: int, bias: bool = True, stride: int = 1
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
        """Returns the part of the kernel that a path uses.

        Args:
            inputs: How many of its inputs.
            outputs: How many of its outputs.
            side: The window's side; its middle is that of the whole.
        """
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


class FlatProduct:
    """A dense layer on a flattened grid, of which a path uses the first channels and outputs.

    Args:
        weights: Where its weights are made.
        name: Their name.
        pixels: Places of the grid.
        channels: The most channels of a place.
        outputs: The most outputs.
    """

    def __init__(
        self, weights: Weights, name: str, pixels: int, channels: int, outputs: int
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


class Norm:
    """A normalisation with a scale and a shift for each unit.

    Args:
        weights: Where its weights are made.
        name: Their name.
        units: The most units.
        epsilon: Added to the variance.
    """

    def __init__(self, weights: Weights, name: str, units: int, epsilon: float = 1e-3) -> None:
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

    def batch(self, x: Any, call: Call, units: Any = None) -> Any:
        """Normalises by the statistics of the call's first rows, which belong to this path alone.

        Moving averages would mix the statistics of all paths.
        """
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


def mixed_batch_norm(x: Any, norms: Sequence[tuple[Any, Norm]], call: Call) -> Any:
    """Normalises `x` by the batch, with the scale and shift of that one whose weight is 1.

    Args:
        x: ``(samples, ..., units)``.
        norms: The weights, 0 or 1, and the normalisations.
        call: What layers are told.
    """
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


def dropped(x: Any, rate: Any, call: Call, place: int) -> Any:
    """Returns units of which a share is dropped in training, as Keras's Dropout does."""
    if not call.training:
        return x
    seed = call.seed + tf.constant([0, place], tf.int64)
    kept = tf.random.stateless_uniform(tf.shape(x), seed=seed) >= rate
    return tf.where(kept, x / (1.0 - rate), 0.0)


def activation(name: str) -> Any:
    """Returns Keras's function of this name."""
    return keras.activations.get(name)
