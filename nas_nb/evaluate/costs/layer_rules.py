"""The multiply-adds of each Keras layer, from its shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import keras

from nas_nb.evaluate.layer_graph import has_graph, keras_family, walk

Shape = tuple[int, ...]
Rule = Callable[[Any, tuple[Any, ...], Any], int]
"""``rule(layer, inputs, outputs)``: inputs and outputs are symbolic tensors of one sample."""

_FREE_FAMILIES = (
    "activations",
    "merging",
    "normalization",
    "pooling",
    "preprocessing",
    "regularization",
    "reshaping",
)
_FREE = ("Embedding", "Identity", "InputLayer", "Masking")
_NOT_FREE = ("Dot", "MelSpectrogram", "STFTSpectrogram", "SpectralNormalization")


def multiply_adds(
    operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], outputs: Any
) -> int:
    """Returns the multiply-adds of one call of a layer or a Keras operation.

    Args:
        operation: A layer, an operation, or a whole model whose layers can't be seen.
        args: Its positional arguments, symbolic tensors of one sample.
        kwargs: Its named arguments.
        outputs: What it returns, symbolic; may be None for what has no rule.

    Raises:
        MeasureError: There is no rule, and its graph can't be counted either.
    """
    name = type(operation).__name__
    family = keras_family(operation)
    if family and _is_free(operation):
        return 0
    if family and name in RULES:
        symbols = _query_value_key(args, kwargs) if name == "MultiHeadAttention" else args
        if name != "MultiHeadAttention" or all(len(shape_of(s)) == 3 for s in symbols):
            return RULES[name](operation, symbols, outputs)
    from nas_nb.evaluate.costs.graph_count import graph_multiply_adds

    return graph_multiply_adds(operation, args, kwargs)


def graph_of_layers(model: keras.Model, inputs: Any) -> int:
    """Returns the multiply-adds of the layers of a model for which `has_graph` is true.

    Args:
        model: The model.
        inputs: What it takes, symbolic tensors of one sample.
    """
    total = 0

    def visit(operation: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal total
        outputs = operation.compute_output_spec(*args, **kwargs)
        total += multiply_adds(operation, args, kwargs, outputs)
        return outputs

    walk(model, inputs, visit)
    return total


def shape_of(symbol: Any) -> Any:
    """Returns the shape of a symbolic tensor; of the first one in a list."""
    return tuple(keras.tree.flatten(symbol)[0].shape)


def _size(shape: Any) -> int:
    return int(math.prod(shape))


def _is_free(layer: Any) -> bool:
    name = type(layer).__name__
    return name in _FREE or (keras_family(layer) in _FREE_FAMILIES and name not in _NOT_FREE)


def _query_value_key(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
    given = {**dict(zip(("query", "value", "key"), args, strict=False)), **kwargs}
    key = given.get("key")
    return given["query"], given["value"], given["value"] if key is None else key


def _dense(layer: Any, inputs: tuple[Any, ...], outputs: Any) -> int:
    return _size(shape_of(inputs[0])) * int(layer.units)


def _einsum_dense(layer: Any, inputs: tuple[Any, ...], outputs: Any) -> int:
    given, result = layer.equation.replace(" ", "").split("->")
    labels = given.split(",")[1]
    summed = [
        size for label, size in zip(labels, layer.kernel.shape, strict=True) if label not in result
    ]
    return _size(shape_of(outputs)) * _size(summed)


def _convolution(layer: Any, inputs: tuple[Any, ...], outputs: Any) -> int:
    positions = _size(shape_of(outputs)) // int(layer.filters)
    return positions * _size(layer.kernel.shape)


def _transposed(layer: Any, inputs: tuple[Any, ...], outputs: Any) -> int:
    # Every input value meets every weight of its channel; some products fall off the border.
    *_, channels = layer.kernel.shape
    return int(_size(shape_of(inputs[0])) // channels * _size(layer.kernel.shape))


def _depthwise(layer: Any, inputs: tuple[Any, ...], outputs: Any) -> int:
    return _size(shape_of(outputs)) * _size(layer.kernel_size)


def _separable(layer: Any, inputs: tuple[Any, ...], outputs: Any) -> int:
    positions = _size(shape_of(outputs)) // int(layer.filters)
    depthwise, pointwise = layer.depthwise_kernel.shape, layer.pointwise_kernel.shape
    return positions * (_size(depthwise) + _size(pointwise))


def _recurrent(layer: Any, inputs: tuple[Any, ...], outputs: Any) -> int:
    kernels = (layer.cell.kernel, layer.cell.recurrent_kernel)
    return int(shape_of(inputs[0])[1]) * sum(_size(kernel.shape) for kernel in kernels)


def _convolutional_recurrent(layer: Any, inputs: tuple[Any, ...], outputs: Any) -> int:
    shape = shape_of(outputs)
    first = 2 if layer.return_sequences else 1
    places = shape[first:-1] if layer.data_format == "channels_last" else shape[first + 1 :]
    return _size(places) * _recurrent(layer, inputs, outputs)


def _bidirectional(layer: Any, inputs: tuple[Any, ...], outputs: Any) -> int:
    both = (layer.forward_layer, layer.backward_layer)
    return sum(multiply_adds(one, inputs, {}, one.compute_output_spec(*inputs)) for one in both)


def _time_distributed(layer: Any, inputs: tuple[Any, ...], outputs: Any) -> int:
    batch, steps, *rest = shape_of(inputs[0])
    step = keras.KerasTensor((batch, *rest), dtype=inputs[0].dtype)
    inner = layer.layer
    if has_graph(inner):
        return int(steps) * graph_of_layers(inner, step)
    return int(steps) * multiply_adds(inner, (step,), {}, inner.compute_output_spec(step))


def _attention(layer: Any, inputs: tuple[Any, ...], outputs: Any) -> int:
    query, value, key = (shape_of(symbol) for symbol in inputs)
    pairs = query[1] * value[1] * layer.num_heads
    projections = (
        query[1] * _size(layer.query_dense.kernel.shape)
        + key[1] * _size(layer.key_dense.kernel.shape)
        + value[1] * _size(layer.value_dense.kernel.shape)
        + query[1] * _size(layer.output_dense.kernel.shape)
    )
    return int(projections + pairs * (layer.key_dim + layer.value_dim))


RULES: dict[str, Rule] = {
    "Bidirectional": _bidirectional,
    "Conv1D": _convolution,
    "Conv1DTranspose": _transposed,
    "Conv2D": _convolution,
    "Conv2DTranspose": _transposed,
    "Conv3D": _convolution,
    "Conv3DTranspose": _transposed,
    "ConvLSTM1D": _convolutional_recurrent,
    "ConvLSTM2D": _convolutional_recurrent,
    "ConvLSTM3D": _convolutional_recurrent,
    "Dense": _dense,
    "DepthwiseConv1D": _depthwise,
    "DepthwiseConv2D": _depthwise,
    "EinsumDense": _einsum_dense,
    "GRU": _recurrent,
    "LSTM": _recurrent,
    "MultiHeadAttention": _attention,
    "SeparableConv1D": _separable,
    "SeparableConv2D": _separable,
    "SimpleRNN": _recurrent,
    "TimeDistributed": _time_distributed,
}
"""A rule for each layer that multiplies and adds; what has none counts nothing or is traced."""
