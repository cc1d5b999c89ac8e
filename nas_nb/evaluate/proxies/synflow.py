"""synflow: how much flows through the net, whatever the data.

Tanaka, Kunin, Yamins and Ganguli, "Pruning neural networks without any data by iteratively
conserving synaptic flow", 2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from nas_nb.errors import MeasureError
from nas_nb.evaluate.backend import gradients
from nas_nb.evaluate.layer_graph import keras_family, walk
from nas_nb.evaluate.proxies.forward import as_inputs, finite, kernels, linearised, values_of

if TYPE_CHECKING:
    from collections.abc import Sequence

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

    Args:
        model: A built, untrained feed-forward model.
        x: A batch of samples, `(samples, ...)`.
        y: Not looked at.

    Raises:
        MeasureError: A layer is neither linear, nor an activation, a normalisation, a pooling or
            a merge (an embedding, a recurrent layer, attention, one of the user's own), or the
            flow overflows.
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
        "Expected a feed-forward net of dense and convolutional layers for synflow, got the layer "
        f"{operation.name!r} (of type {name}): use another proxy."
    )
