"""synflow, snip, grad_norm; the forward pass that proxies share.

Tanaka, Kunin, Yamins and Ganguli, "Pruning neural networks without any data by iteratively
conserving synaptic flow", 2020.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from nas_nb.errors import MeasureError, NasError
from nas_nb.evaluate.backend import gradients
from nas_nb.evaluate.layer_graph import has_graph, keras_family, output_layers, walk
from nas_nb.evaluate.trainer import explain_loss_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

_LINEAR = ("Dense", "EinsumDense")
_PASSED_OVER = ("activations", "normalization", "regularization")
_AS_IT_IS = ("merging", "pooling", "reshaping")
_SCALING = ("Normalization", "Rescaling")


def synflow(model: keras.Model, x: Any, y: Any = None) -> float:
    """Returns the sum of the synaptic saliencies.

    R = 1' (prod |W|) 1 is what a net without activation functions, with
    the absolute values of its weights, makes of an input of ones, and the saliency of a weight is
    |W| * dR/d|W|. Normalisation is passed over, as Abdelfattah et al., 2021, do,
    because it would bound the flow. Of the batch only the shape is used.
    """
    trainable = kernels(model)
    others = [weight for weight in model.weights if not any(weight is one for one in trainable)]
    fixed = [variable.value for variable in others]

    def flow(values: list[Any]) -> Any:
        return _flow(model, x, [*trainable, *others], [*values, *fixed])

    values = values_of(trainable)
    saliencies = [
        keras.ops.sum(value * gradient)
        for value, gradient in zip(values, gradients(flow, values), strict=True)
    ]
    return finite(sum(saliencies), "synflow", model)


def _flow(
    model: keras.Model, x: Any, variables: Sequence[keras.Variable], values: Sequence[Any]
) -> Any:
    ones = keras.tree.map_structure(
        lambda tensor: keras.ops.ones_like(tensor[:1]), as_inputs(model, x)
    )
    positive = [
        (variable, keras.ops.abs(value)) for variable, value in zip(variables, values, strict=True)
    ]
    with keras.StatelessScope(state_mapping=positive):
        outputs = walk(model, ones, _visit)
    return sum(keras.ops.sum(output) for output in keras.tree.flatten(outputs))


def _visit(operation: Any, *args: Any, **kwargs: Any) -> Any:
    name, family = type(operation).__name__, keras_family(operation)
    if family == "convolutional" or (family and name in _LINEAR):
        with linearised(operation):
            return operation(*args, **kwargs)
    if family in _PASSED_OVER or (family and name in _SCALING):
        return args[0]
    if family in _AS_IT_IS or name == "Identity" or not isinstance(operation, keras.layers.Layer):
        return operation(*args, **kwargs)
    raise MeasureError(
        "Expected a feed-forward net of dense and convolutional layers for synflow. Received: the "
        f"layer {operation.name!r} (of type {name}). Use another proxy."
    )


# SNIP is the paper of Lee, Ajanthan and Torr, 2019: single-shot pruning by connection sensitivity.


def snip(model: keras.Model, x: Any, y: Any) -> float:
    """Returns the sum of the connections' sensitivities.

    With an indicator c of ones before the weights w, g = dL(c * w)/dc, which
    the chain rule makes w * dL/dw, and a connection's sensitivity is |g|. The paper normalises
    by the sum over a net; between nets that sum is the score, as Abdelfattah et al., "Zero-cost
    proxies for lightweight NAS", 2021, take it.
    """
    sensitivity = sum(
        float(np.abs(weight * gradient).sum()) for weight, gradient in loss_gradients(model, x, y)
    )
    return finite(sensitivity, "snip", model)


# Abdelfattah, Mehrotra, Dudziak and Lane, "Zero-cost proxies for lightweight NAS", 2021.


def grad_norm(model: keras.Model, x: Any, y: Any) -> float:
    """Returns the sum over the layers of the Euclidean norm of the gradient of their weights.

    One norm for each kernel, as in the code of the paper's authors. Biases and the
    scales of a normalisation are left out.
    """
    norms = (float(np.linalg.norm(gradient)) for _, gradient in loss_gradients(model, x, y))
    return finite(sum(norms), "grad_norm", model)


def loss_gradients(
    model: keras.Model, x: Any, y: Any
) -> list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    """Returns weight and gradient of every kernel of a compiled model, in the model's order."""
    if not model.compiled:
        raise MeasureError(
            f"Expected a compiled model, whose loss says what to learn. Received: {model.name!r}. "
            "Call model.compile(loss=...) first."
        )
    weights = kernels(model)
    inputs = as_inputs(model, x)
    targets = keras.tree.map_structure(keras.ops.convert_to_tensor, y)

    def loss(values: list[Any]) -> Any:
        mapping = list(zip(weights, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping, collect_losses=True):
            outputs = forward(model, inputs)
            return model.compute_loss(y=targets, y_pred=outputs, training=True)

    values = values_of(weights)
    try:
        found = gradients(loss, values)
    except NasError:
        raise
    except Exception as error:
        raise MeasureError(_told(error, model, y)) from error
    return [
        (np.asarray(value), np.asarray(gradient))
        for value, gradient in zip(values, found, strict=True)
    ]


def _told(error: Exception, model: keras.Model, y: Any) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    return explain_loss_error(error, model, y) or (
        f"Expected a loss that has a gradient on this batch. Received: {type(error).__name__} for "
        f"{model.name!r}: {first}"
    )


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


def probe_call(operation: Any, *args: Any, **kwargs: Any) -> Any:
    """Calls a layer of an untrained net: normalised by the batch, and without a random dropout."""
    if isinstance(operation, keras.layers.BatchNormalization):
        return operation(*args, **kwargs, training=True)
    return operation(*args, **kwargs)


def forward(model: keras.Model, inputs: Any) -> Any:
    """Returns the model's outputs, its layers called by `call`, in a `keras.StatelessScope`."""
    return walk(model, inputs, probe_call) if has_graph(model) else model(inputs, training=True)


def logits(model: keras.Model, inputs: Any) -> Any:
    """Returns the model's outputs before the activation of its head: a softmax's sum to 1."""
    heads = output_layers(model) if has_graph(model) else []

    def visit(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if not any(operation is head for head in heads):
            return probe_call(operation, *args, **kwargs)
        if isinstance(operation, keras.layers.Softmax):
            return args[0]
        with linearised(operation):
            return probe_call(operation, *args, **kwargs)

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
    """Returns the weights that multiply inputs: trainable, and neither biases nor scales."""
    found = [weight for weight in model.trainable_variables if len(weight.shape) > 1]
    if not found:
        raise MeasureError(
            f"Expected a built model with trainable weights. Received: {model.name!r}, which has "
            "none. No proxy of its weights is defined."
        )
    return found


def finite(score: Any, proxy: str, model: keras.Model) -> float:
    """Returns a score as a float; MeasureError where it is infinite or not a number."""
    value = float(score)
    if not math.isfinite(value):
        raise MeasureError(
            f"Expected a finite {proxy} score. Received: {value} for {model.name!r}. Its untrained "
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
