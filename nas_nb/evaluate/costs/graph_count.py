"""The multiply-adds of anything that TensorFlow can trace, from the products in its graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import keras

from nas_nb.errors import MeasureError


def graph_multiply_adds(operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    """Traces a layer, an operation or a model once, and counts the products in its graph.

    It takes tens of milliseconds, so it is for what has no rule.

    Args:
        operation: What to call.
        args: Positional arguments; symbolic tensors of one sample stand for tensors.
        kwargs: Named arguments.

    Raises:
        MeasureError: The graph holds a loop or a function whose products can't be seen.
    """
    total = 0
    for node in _trace(operation, args, kwargs).get_operations():
        if node.type in _OPAQUE:
            raise MeasureError(
                f"Expected layers whose multiply-adds can be counted, got {operation.name!r} (of "
                f"type {type(operation).__name__}), which runs a {node.type}: flops are not known."
            )
        total += _PRODUCTS.get(node.type, _none)(node)
    return total


def _trace(operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    import tensorflow as tf

    leaves = keras.tree.flatten((args, dict(kwargs)))
    symbolic = [isinstance(leaf, keras.KerasTensor) for leaf in leaves]
    # Placeholders stand for the variables, too: they may have been built without weights.
    variables = list(getattr(operation, "variables", ()))
    inputs = [leaf for leaf, is_symbol in zip(leaves, symbolic, strict=True) if is_symbol]
    signature = [tf.TensorSpec(v.shape, v.dtype) for v in (*inputs, *variables)]

    def call(*tensors: Any) -> Any:
        given = iter(tensors)
        filled = [
            next(given) if is_symbol else leaf
            for leaf, is_symbol in zip(leaves, symbolic, strict=True)
        ]
        call_args, call_kwargs = keras.tree.pack_sequence_as((args, dict(kwargs)), filled)
        with keras.StatelessScope(state_mapping=list(zip(variables, given, strict=True))):
            return operation(*call_args, **call_kwargs)

    return tf.function(call, autograph=False).get_concrete_function(*signature).graph


def _size(tensor: Any) -> int:
    return int(math.prod(tensor.shape))


def _none(node: Any) -> int:
    return 0


def _product(transposed: str) -> Callable[[Any], int]:
    def count(node: Any) -> int:
        summed = node.inputs[0].shape[-2 if node.get_attr(transposed) else -1]
        return _size(node.outputs[0]) * int(summed)

    return count


def _einsum(node: Any) -> int:
    equation = node.get_attr("equation").decode().replace(" ", "")
    given, result = equation.split("->")
    summed = {
        label: size
        for labels, tensor in zip(given.split(","), node.inputs, strict=True)
        if "..." not in labels
        for label, size in zip(labels, tensor.shape, strict=True)
        if label not in result
    }
    return _size(node.outputs[0]) * int(math.prod(summed.values()))


def _convolution(node: Any) -> int:
    kernel = node.inputs[1]
    return _size(node.outputs[0]) // int(kernel.shape[-1]) * _size(kernel)


def _depthwise(node: Any) -> int:
    height, width, *_ = node.inputs[1].shape
    return _size(node.outputs[0]) * int(height) * int(width)


def _transposed_convolution(node: Any) -> int:
    _, kernel, values = node.inputs
    return _size(values) // int(kernel.shape[-1]) * _size(kernel)


_PRODUCTS: dict[str, Callable[[Any], int]] = {
    "BatchMatMul": _product("adj_x"),
    "BatchMatMulV2": _product("adj_x"),
    "BatchMatMulV3": _product("adj_x"),
    "Conv2D": _convolution,
    "Conv2DBackpropInput": _transposed_convolution,
    "Conv3D": _convolution,
    "Conv3DBackpropInputV2": _transposed_convolution,
    "DepthwiseConv2dNative": _depthwise,
    "Einsum": _einsum,
    "MatMul": _product("transpose_a"),
}

_OPAQUE = (
    "If",
    "PartitionedCall",
    "StatefulPartitionedCall",
    "StatelessIf",
    "StatelessWhile",
    "While",
)
