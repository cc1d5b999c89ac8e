"""Max pooling over pairs of rows and columns, with a gradient that looks for no maximum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import tensorflow as tf


def can_pool_pairs(layer: Any) -> bool:
    """Whether a layer is the usual halving `MaxPooling2D`, over an image of known size.

    On a GPU TensorFlow's own gradient is fast, and breaks ties its own way.
    """
    if type(layer).__name__ != "MaxPooling2D" or len(layer._inbound_nodes) != 1:
        return False
    halves = tuple(layer.pool_size) == tuple(layer.strides) == (2, 2) and layer.padding == "valid"
    plain = halves and layer.data_format == "channels_last"
    sized = plain and None not in layer.input.shape[1:3]
    return sized and not tf.config.list_physical_devices("GPU")


def pool_pairs(height: int, width: int) -> Callable[[Any], Any]:
    """Returns a function that takes the maximum of each 2x2 square of an image.

    TensorFlow's gradient on the CPU finds each square's maximum again, one number at a time: for
    small images that is a third of a convolutional net's step. Here it is four comparisons of
    whole images. Of equal values the first in reading order gets the gradient, as there.

    Args:
        height: Rows of images `(samples, height, width, channels)`; an odd last one is left out.
        width: Columns, likewise.
    """
    rows, columns = height // 2, width // 2

    def corners(x: Any) -> list[Any]:
        return [x[:, i : 2 * rows : 2, j : 2 * columns : 2] for i in (0, 1) for j in (0, 1)]

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def pool(x: Any) -> tuple[Any, Callable[[Any], Any]]:
        def gradient(upstream: Any) -> Any:
            a, b, c, d = corners(x)
            top, bottom = _split(tf.maximum(a, b) >= tf.maximum(c, d), upstream)
            upper, lower = _split(a >= b, top), _split(c >= d, bottom)
            squares = tf.stack([tf.stack(upper, 3), tf.stack(lower, 3)], 2)
            shape = tf.shape(upstream)
            whole = tf.reshape(squares, [shape[0], 2 * rows, 2 * columns, shape[3]])
            if height % 2 or width % 2:
                whole = tf.pad(whole, [[0, 0], [0, height % 2], [0, width % 2], [0, 0]])
            return whole

        return tf.nn.max_pool2d(x, 2, 2, "VALID"), gradient

    return cast(Callable[[Any], Any], pool)


def _split(first: Any, upstream: Any) -> list[Any]:
    nothing = tf.zeros_like(upstream)
    return [tf.where(first, upstream, nothing), tf.where(first, nothing, upstream)]
