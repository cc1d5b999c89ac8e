"""What a model costs: parameters, latency, multiply-adds."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras

from nas_nb.errors import MeasureError
from nas_nb.evaluate.backend import backend, on_tensorflow
from nas_nb.evaluate.layer_graph import has_graph, keras_family, walk
from nas_nb.space.definition import weightless


def params(model: keras.Model) -> int:
    """Returns how many numbers the model's weights hold, as `model.count_params()` does."""
    if not model.built:
        raise MeasureError(
            f"Expected a model with weights to count. Received: {model.name!r}, which isn't built. "
            "Start it with keras.Input(shape), or call model.build((None, *shape))."
        )
    return sum(math.prod(weight.shape) for weight in model.weights)


@contextmanager
def without_weights() -> Iterator[None]:
    """Lets models built in the block have shapes, and no memory: enough for `params` and `macs`."""
    if not on_tensorflow():
        with weightless():
            yield
        return
    import tensorflow as tf

    # A variable of a graph that is never run stays a description. Keras's own stateless scope
    # would do for layers, but `compile` makes variables that it forbids.
    with tf.Graph().as_default():
        yield


def latency_s(model: keras.Model, batch: Any, *, repeats: int = 20, warmup: int = 3) -> float:
    """Returns the seconds that a compiled prediction takes: the median of warm repeats."""
    if repeats < 1:
        raise MeasureError(f"Expected repeats of 1 or more. Received: {repeats}.")
    predict = _compiled(model, batch)
    for _ in range(warmup):
        predict()
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        predict()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def _compiled(model: keras.Model, batch: Any) -> Callable[[], Any]:
    inputs = keras.tree.map_structure(keras.ops.convert_to_tensor, batch)
    run = _compiled_call(model, inputs)

    def predict() -> Any:
        return keras.tree.map_structure(keras.ops.convert_to_numpy, run())

    return predict


def _compiled_call(model: keras.Model, inputs: Any) -> Callable[[], Any]:
    if backend() == "jax":
        import jax

        call = jax.jit(lambda *given: model.stateless_call(*given, training=False)[0])
        state = [
            [variable.value for variable in group]
            for group in (model.trainable_variables, model.non_trainable_variables)
        ]
        return lambda: call(*state, inputs)
    if not on_tensorflow():
        return lambda: model(inputs, training=False)
    import tensorflow as tf

    traced = tf.function(lambda given: model(given, training=False), autograph=False)
    concrete = traced.get_concrete_function(inputs)
    return lambda: concrete(inputs)


def costs(model: keras.Model) -> dict[str, float]:
    """Returns the costs of a model: `params`, and `macs` where they can be counted."""
    measured: dict[str, float] = {"params": params(model)}
    try:
        measured["macs"] = macs(model)
    except MeasureError:
        # A model of an unusual kind is still worth training.
        return measured
    return measured


def macs(model: keras.Model, input_shape: Sequence[int] | None = None) -> int:
    """Returns the multiply-adds of one sample's way through the model."""
    # Counted as published figures are: every product of an input with a weight, or of two
    # activations in an attention. Biases, activations, normalisation, pooling, additions of
    # branches and lookups count nothing; they are 1-3 % of a convolutional net. Layers are counted
    # from their shapes; a layer of the user's own is traced, and the products in its graph are
    # counted.
    inputs = keras.tree.map_structure(_one_sample, _input_structure(model, input_shape))
    if not has_graph(model):
        return multiply_adds(model, (inputs,), {}, None)
    return graph_of_layers(model, inputs)


def _input_structure(model: keras.Model, input_shape: Sequence[int] | None) -> Any:
    given = getattr(model, "inputs", None)
    if input_shape is None:
        if given:
            return given[0] if len(given) == 1 else given
        raise MeasureError(
            f"Expected a model that knows its input shape. Received: {model.name!r}. Say "
            "macs(model, input_shape)."
        )
    if given and len(given) > 1:
        raise MeasureError(
            f"Expected a model with one input beside input_shape. Received: {len(given)} inputs. "
            "Give each its full shape in keras.Input(shape)."
        )
    dtype = given[0].dtype if given else keras.config.floatx()
    return keras.KerasTensor((1, *input_shape), dtype=dtype)


def _one_sample(symbol: Any) -> Any:
    shape = (1, *shape_of(symbol)[1:])
    if None in shape:
        raise MeasureError(
            f"Expected an input of known shape. Received: {shape[1:]} with an open dimension. Say "
            "macs(model, input_shape)."
        )
    return keras.KerasTensor(shape, dtype=symbol.dtype)


Shape = tuple[int, ...]
Rule = Callable[[Any, tuple[Any, ...], Any], int]
"""``rule(layer, inputs, outputs)``: inputs and outputs are symbolic tensors of one sample."""

_FREE_FAMILIES = (
    "activations", "merging", "normalization", "pooling", "preprocessing", "regularization",
    "reshaping",
)  # fmt: skip
_FREE = ("Embedding", "Identity", "InputLayer", "Masking")
_NOT_FREE = ("Dot", "MelSpectrogram", "STFTSpectrogram", "SpectralNormalization")


def multiply_adds(
    operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], outputs: Any
) -> int:
    """Returns the multiply-adds of one call of a layer or a Keras operation."""
    name = type(operation).__name__
    family = keras_family(operation)
    if family and _is_free(operation):
        return 0
    if family and name in RULES:
        symbols = _query_value_key(args, kwargs) if name == "MultiHeadAttention" else args
        if name != "MultiHeadAttention" or all(len(shape_of(s)) == 3 for s in symbols):
            return RULES[name](operation, symbols, outputs)
    return graph_multiply_adds(operation, args, kwargs)


def graph_of_layers(model: keras.Model, inputs: Any) -> int:
    """Returns the multiply-adds of the layers of a model for which `has_graph` is true."""
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

Signature = list[tuple[Any, str]]
"""Shape and type of each tensor that a function takes."""


def graph_multiply_adds(operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    """Traces what has no rule, in tens of milliseconds, and counts the products in its graph."""
    call, signature = _call(operation, args, kwargs)
    counted = _graph_products(call, signature)
    for name, count in counted.items():
        if count < 0:
            raise MeasureError(
                f"Expected layers whose multiply-adds can be counted. Received: {operation.name!r} "
                f"(of type {type(operation).__name__}), which runs a {name}. Macs are not known."
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


def _graph_products(call: Callable[..., Any], signature: Signature) -> dict[str, int]:
    """Counts by kind of product; below 0 for what can't be counted."""
    if backend() == "jax":
        return jaxpr_products(call, signature)
    if not on_tensorflow():
        raise MeasureError(
            "Expected Keras on TensorFlow or JAX to count a layer that has no rule. Received: the "
            f"backend {backend()!r}. Its macs are not known."
        )
    import tensorflow as tf

    specs = [tf.TensorSpec(shape, dtype) for shape, dtype in signature]
    counted: dict[str, int] = {}
    graph = tf.function(call, autograph=False).get_concrete_function(*specs).graph
    for node in graph.get_operations():
        if node.type in _OPAQUE_NODES:
            return {node.type: -1}
        if node.type in _NODE_PRODUCTS:
            counted[node.type] = counted.get(node.type, 0) + _NODE_PRODUCTS[node.type](node)
    return counted


def _product(transposed: str) -> Callable[[Any], int]:
    def count(node: Any) -> int:
        summed = node.inputs[0].shape[-2 if node.get_attr(transposed) else -1]
        return _size(node.outputs[0].shape) * int(summed)

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
    return _size(node.outputs[0].shape) * int(math.prod(summed.values()))


def _node_convolution(node: Any) -> int:
    kernel = node.inputs[1]
    return _size(node.outputs[0].shape) // int(kernel.shape[-1]) * _size(kernel.shape)


def _node_depthwise(node: Any) -> int:
    height, width, *_ = node.inputs[1].shape
    return _size(node.outputs[0].shape) * int(height) * int(width)


def _transposed_convolution(node: Any) -> int:
    _, kernel, values = node.inputs
    return _size(values.shape) // int(kernel.shape[-1]) * _size(kernel.shape)


_NODE_PRODUCTS: dict[str, Callable[[Any], int]] = {
    "BatchMatMul": _product("adj_x"),
    "BatchMatMulV2": _product("adj_x"),
    "BatchMatMulV3": _product("adj_x"),
    "Conv2D": _node_convolution,
    "Conv2DBackpropInput": _transposed_convolution,
    "Conv3D": _node_convolution,
    "Conv3DBackpropInputV2": _transposed_convolution,
    "DepthwiseConv2dNative": _node_depthwise,
    "Einsum": _einsum,
    "MatMul": _product("transpose_a"),
}

_OPAQUE_NODES = (
    "If", "PartitionedCall", "StatefulPartitionedCall", "StatelessIf", "StatelessWhile", "While",
)  # fmt: skip


def jaxpr_products(
    function: Callable[..., Any], signature: Sequence[tuple[Any, str]]
) -> dict[str, int]:
    """Traces a function once, and counts its multiply-adds."""
    import jax

    structs = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in signature]
    counted: dict[str, int] = {}
    for equation in _equations(jax.make_jaxpr(function)(*structs).jaxpr):
        name = equation.primitive.name
        if name in _OPAQUE_PRIMITIVES:
            return {name: -1}
        if name in _PRIMITIVE_PRODUCTS:
            counted[name] = counted.get(name, 0) + _PRIMITIVE_PRODUCTS[name](equation)
    return counted


def _equations(jaxpr: Any) -> Iterator[Any]:
    """Yields what is computed, also inside of functions that are called."""
    for equation in jaxpr.eqns:
        yield equation
        if equation.primitive.name in _OPAQUE_PRIMITIVES:
            continue
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                yield from _equations(inner)


def _shape(variable: Any) -> tuple[int, ...]:
    return tuple(variable.aval.shape)


def _dot(equation: Any) -> int:
    (summed, _), _ = equation.params["dimension_numbers"]
    left = _shape(equation.invars[0])
    each: int = math.prod(left[axis] for axis in summed)
    return math.prod(_shape(equation.outvars[0])) * each


def _jaxpr_convolution(equation: Any) -> int:
    numbers = equation.params["dimension_numbers"]
    values, kernel = (_shape(variable) for variable in equation.invars[:2])
    made = math.prod(_shape(equation.outvars[0]))
    outputs, inputs = (int(kernel[axis]) for axis in numbers.rhs_spec[:2])
    each = math.prod(kernel) // outputs  # products for one number made
    if math.prod(equation.params["lhs_dilation"]) == 1:
        return made * each
    # A transposed convolution: every input meets the whole kernel, and no zero between them does.
    return math.prod(values) * math.prod(kernel) // inputs


_PRIMITIVE_PRODUCTS = {"dot_general": _dot, "conv_general_dilated": _jaxpr_convolution}
_OPAQUE_PRIMITIVES = ("cond", "scan", "while")
