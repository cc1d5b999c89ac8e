"""What each Keras layer lets two candidates differ in, and the layers' calls that allow it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from nas_nb.evaluate.engine.settings import Setting

# Layers whose call reads no size from Python, with the config entries that are free. A layer that
# is not named here is traced with its sizes: one trace an architecture.
FREE_FIELDS: dict[str, tuple[str, ...]] = {
    "InputLayer": (),
    "Dense": ("units",),
    "Conv1D": ("filters",),
    "Conv2D": ("filters",),
    "Conv3D": ("filters",),
    "Embedding": ("input_dim", "output_dim"),
    "Dropout": ("rate", "seed"),
    "BatchNormalization": (),
    "Normalization": (),
    "Flatten": (),
    "Activation": (),
    "ReLU": (),
    "LeakyReLU": (),
    "ELU": (),
    "Softmax": (),
    "Add": (),
    "Subtract": (),
    "Multiply": (),
    "Average": (),
    "Maximum": (),
    "Minimum": (),
    "Concatenate": (),
    "MaxPooling1D": (),
    "MaxPooling2D": (),
    "MaxPooling3D": (),
    "AveragePooling1D": (),
    "AveragePooling2D": (),
    "AveragePooling3D": (),
    "GlobalMaxPooling1D": (),
    "GlobalMaxPooling2D": (),
    "GlobalAveragePooling1D": (),
    "GlobalAveragePooling2D": (),
    "ZeroPadding1D": (),
    "ZeroPadding2D": (),
    "Rescaling": (),
    "Identity": (),
}

_CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D")


def keras_layers(model: keras.Model) -> list[Any]:
    """Returns all layers of a model, those of nested models included, without the model."""
    return list(model._flatten_layers(include_self=False))


def is_keras(layer: Any) -> bool:
    """Whether a layer is exactly one of Keras's own, not a subclass of it."""
    return getattr(keras.layers, type(layer).__name__, None) is type(layer)


def shares_sizes(layer: Any) -> bool:
    """Whether the trace of this layer serves other widths as well."""
    name = type(layer).__name__
    if not is_keras(layer) or name not in FREE_FIELDS or layer.variable_dtype != "float32":
        return False
    if name in _CONVOLUTIONS:
        plain = layer.groups == 1 and layer.padding != "causal"
        return bool(plain and layer.data_format == "channels_last")
    if name == "BatchNormalization":
        # Any other axis makes Keras reshape the statistics to a size that it reads in Python.
        return layer.axis == -1 and not getattr(layer, "renorm", False)
    return not (name == "Dropout" and layer.rate == 1.0)


def has_adapted(layer: Any) -> bool:
    """Whether a layer may hold what it learned in `adapt`, which is not in its config."""
    given = type(layer).__name__ == "Normalization" and layer.input_mean is not None
    return hasattr(layer, "adapt") and not given


def rewrite(layer: Any) -> Mapping[str, Setting]:
    """Gives a copied layer a call that reads no size and no rate from Python.

    Args:
        layer: A layer of a template, for which `shares_sizes` is true.

    Returns:
        The layer's numbers that are variables from now on, by attribute name.
    """
    name = type(layer).__name__
    if name in _CONVOLUTIONS:
        layer.call = _convolution(layer)
    if name == "Dense":
        layer.call = _dense(layer)
    if name == "Dropout" and layer.rate > 0:
        rate = Setting(layer.rate)
        layer.call = _dropout(layer, rate)
        return {"rate": rate}
    return {}


def _convolution(layer: Any) -> Callable[[Any], Any]:
    # Keras compares the static channels of input and kernel (and takes them for a grouped
    # convolution where one is unknown), and reshapes the bias to its width.
    formats = {1: "NWC", 2: "NHWC", 3: "NDHWC"}

    def call(inputs: Any) -> Any:
        outputs = tf.nn.convolution(
            inputs,
            tf.convert_to_tensor(layer.kernel),
            strides=list(layer.strides),
            padding=layer.padding.upper(),
            data_format=formats[layer.rank],
            dilations=list(layer.dilation_rate),
        )
        if layer.use_bias:
            outputs = tf.nn.bias_add(outputs, tf.convert_to_tensor(layer.bias))
        return outputs if layer.activation is None else layer.activation(outputs)

    return call


def _dense(layer: Any) -> Callable[..., Any]:
    # Keras adds a bias of unknown width by an addition that may broadcast anything, whose gradient
    # takes six operations; of a known width by this one.
    def call(inputs: Any, training: bool | None = None) -> Any:
        outputs = keras.ops.matmul(inputs, layer.kernel)
        if layer.use_bias:
            outputs = tf.nn.bias_add(outputs, tf.convert_to_tensor(layer.bias))
        return outputs if layer.activation is None else layer.activation(outputs)

    return call


def _dropout(layer: Any, rate: Setting) -> Callable[..., Any]:
    def call(inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        noise_shape = layer.noise_shape
        if noise_shape is not None:
            sizes = tf.shape(inputs)
            noise_shape = [sizes[i] if n is None else n for i, n in enumerate(noise_shape)]
        return tf.nn.experimental.stateless_dropout(
            inputs,
            rate=tf.cast(tf.convert_to_tensor(rate), inputs.dtype),
            seed=_int32_seed(layer.seed_generator.next()),
            noise_shape=noise_shape,
        )

    return call


def _int32_seed(seed: Any) -> Any:
    # Keras keeps the state as int64 and draws with an int32: the same numbers need its rule.
    if seed.dtype == tf.int32:
        return seed
    return tf.cast(tf.math.floormod(seed, tf.int32.max - 1), tf.int32)
