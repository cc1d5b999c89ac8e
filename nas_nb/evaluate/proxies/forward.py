"""A forward pass of an untrained model that leaves its weights and state as they are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import keras

from nas_nb.errors import MeasureError
from nas_nb.evaluate.layer_graph import has_graph, output_layers, walk

if TYPE_CHECKING:
    from collections.abc import Sequence


def as_inputs(model: keras.Model, x: Any) -> Any:
    """Returns a batch as tensors of the types that the model's inputs have."""
    tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, x)
    symbols = getattr(model, "inputs", None)
    if not symbols or len(symbols) != len(keras.tree.flatten(tensors)):
        return tensors
    cast = [
        keras.ops.cast(tensor, symbol.dtype)
        for tensor, symbol in zip(keras.tree.flatten(tensors), symbols, strict=True)
    ]
    return keras.tree.pack_sequence_as(tensors, cast)


def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
    """Calls a layer as an untrained net is probed: normalised by the batch, without dropout.

    The moving statistics of an untrained batch normalisation say nothing, and a random mask would
    make a score of the mask.
    """
    if isinstance(operation, keras.layers.BatchNormalization):
        return operation(*args, **kwargs, training=True)
    return operation(*args, **kwargs)


def forward(model: keras.Model, inputs: Any) -> Any:
    """Returns the model's outputs with every layer called by `call`.

    A model whose layers can't be seen runs as in training. To be used inside a
    `keras.StatelessScope`, which keeps what the layers would store.
    """
    return walk(model, inputs, call) if has_graph(model) else model(inputs, training=True)


def logits(model: keras.Model, inputs: Any) -> Any:
    """Returns the model's outputs before the activation of its head.

    The outputs of a softmax always sum to 1, so nothing can be learned from their sum.

    Raises:
        MeasureError: The layers of the model can't be seen.
    """
    heads = output_layers(model) if has_graph(model) else []

    def visit(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if not any(operation is head for head in heads):
            return call(operation, *args, **kwargs)
        if isinstance(operation, keras.layers.Softmax):
            return args[0]
        with linearised(operation):
            return call(operation, *args, **kwargs)

    return walk(model, inputs, visit)


@contextmanager
def linearised(layer: Any) -> Iterator[None]:
    """Takes the activation function from a layer for the block."""
    attributes = vars(layer)
    if "activation" not in attributes:
        yield
        return
    # Not by assignment: Keras refuses to track an activation that is a layer a second time.
    activation = attributes["activation"]
    attributes["activation"] = keras.activations.linear
    try:
        yield
    finally:
        attributes["activation"] = activation


def kernels(model: keras.Model) -> list[keras.Variable]:
    """Returns the weights that multiply inputs: trainable, and neither biases nor scales.

    Raises:
        MeasureError: There are none.
    """
    found = [weight for weight in model.trainable_variables if len(weight.shape) > 1]
    if not found:
        raise MeasureError(
            f"Expected a built model with trainable weights, got {model.name!r}, which has none: "
            "no proxy of its weights is defined."
        )
    return found


def finite(score: Any, proxy: str, model: keras.Model) -> float:
    """Returns a score as a float.

    Raises:
        MeasureError: It is infinite or not a number, so it can't be compared.
    """
    value = float(score)
    if not math.isfinite(value):
        raise MeasureError(
            f"Expected a finite {proxy} score, got {value} for {model.name!r}: its untrained "
            "activations or gradients vanish or overflow, so use another proxy."
        )
    return value


def values_of(variables: Sequence[keras.Variable]) -> list[Any]:
    """Returns the variables' values as tensors, to be used in their place."""
    return [keras.ops.convert_to_tensor(variable.value) for variable in variables]


def is_real(tensor: Any) -> bool:
    """Whether this is one tensor of floating-point numbers."""
    if not keras.ops.is_tensor(tensor):
        return False
    return bool(keras.backend.is_float_dtype(keras.backend.standardize_dtype(tensor.dtype)))
