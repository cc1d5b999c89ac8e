"""The multiply-adds of anything that can be traced, from the products in its graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import keras

from nas_nb.errors import MeasureError
from nas_nb.evaluate.backend import backend, on_tensorflow
from nas_nb.evaluate.costs.jaxpr_count import products

Signature = list[tuple[Any, str]]
"""Shape and type of each tensor that a function takes."""


def graph_multiply_adds(operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    """Traces a layer, an operation or a model once, and counts the products in its graph.

    It takes tens of milliseconds, so it is for what has no rule.

    Args:
        operation: What to call.
        args: Positional arguments; symbolic tensors of one sample stand for tensors.
        kwargs: Named arguments.

    Raises:
        MeasureError: The graph holds a loop or a function whose products can't be seen; or Keras
            runs on a library whose graphs can't be read here.
    """
    call, signature = _call(operation, args, kwargs)
    counted = _products(call, signature)
    for name, count in counted.items():
        if count < 0:
            raise MeasureError(
                f"Expected layers whose multiply-adds can be counted, got {operation.name!r} (of "
                f"type {type(operation).__name__}), which runs a {name}: flops are not known."
            )
    return sum(counted.values())


def _call(
    operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Callable[..., Any], Signature]:
    """Returns the operation as a function of tensors alone, and what those are."""
    leaves = keras.tree.flatten((args, dict(kwargs)))
    symbolic = [isinstance(leaf, keras.KerasTensor) for leaf in leaves]
    # Placeholders stand for the variables, too: they may have been built without weights.
    variables = list(getattr(operation, "variables", ()))
    inputs = [leaf for leaf, is_symbol in zip(leaves, symbolic, strict=True) if is_symbol]
    signature = [(v.shape, v.dtype) for v in (*inputs, *variables)]

    def call(*tensors: Any) -> Any:
        given = iter(tensors)
        filled = [
            next(given) if is_symbol else leaf
            for leaf, is_symbol in zip(leaves, symbolic, strict=True)
        ]
        call_args, call_kwargs = keras.tree.pack_sequence_as((args, dict(kwargs)), filled)
        with keras.StatelessScope(state_mapping=list(zip(variables, given, strict=True))):
            return operation(*call_args, **call_kwargs)

    return call, signature


def _products(call: Callable[..., Any], signature: Signature) -> dict[str, int]:
    """Counts by kind of product; below 0 for what can't be counted."""
    if backend() == "jax":
        return products(call, signature)
    if not on_tensorflow():
        raise MeasureError(
            "Expected Keras on TensorFlow or JAX to count a layer that has no rule, got the "
            f"backend {backend()!r}: its flops are not known."
        )
    import tensorflow as tf

    specs = [tf.TensorSpec(shape, dtype) for shape, dtype in signature]
    counted: dict[str, int] = {}
    graph = tf.function(call, autograph=False).get_concrete_function(*specs).graph
    for node in graph.get_operations():
        if node.type in _OPAQUE:
            return {node.type: -1}
        if node.type in _PRODUCTS:
            counted[node.type] = counted.get(node.type, 0) + _PRODUCTS[node.type](node)
    return counted


def _size(tensor: Any) -> int:
    return int(math.prod(tensor.shape))


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
