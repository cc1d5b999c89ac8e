"""The layers of a model in the order in which they run, each in the hands of a visitor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from nas_nb.errors import MeasureError

Visit = Callable[..., Any]
"""``visit(operation, *args, **kwargs) -> outputs``: stands in for calling the operation."""


def has_graph(model: Any) -> bool:
    """Whether Keras knows a model's layers and what flows between them.

    It does for functional and Sequential models with an input; not for a subclass of `keras.Model`
    with a call of its own.
    """
    if not isinstance(model, keras.Model) or not model.built:
        return False
    own = str(type(model).call.__module__)
    return own.startswith("keras.") and own.endswith((".functional", ".sequential"))


def walk(model: keras.Model, inputs: Any, visit: Visit) -> Any:
    """Runs a model with the visitor in the place of every layer's call.

    Models inside the model are entered, so the visitor meets layers and Keras operations only. A
    layer that is used twice is visited twice.

    Args:
        model: A model for which `has_graph` is true.
        inputs: What the model takes: tensors, or symbolic tensors if the visitor can take them.
        visit: Called as ``visit(operation, *args, **kwargs)`` in a topological order.

    Returns:
        What the model would return, made of what the visitor returned.

    Raises:
        MeasureError: The model has no graph.
    """
    if not has_graph(model):
        raise MeasureError(
            "Expected a functional or Sequential model that knows its input shape, got "
            f"{model.name!r} (of type {type(model).__name__}), whose layers can't be seen: write "
            "it with keras.Input and keras.Model(inputs, outputs)."
        )

    def step(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if has_graph(operation):
            return walk(operation, args[0], visit)
        return visit(operation, *args, **kwargs)

    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            inputs = step(layer, inputs)
        return inputs
    # Keras's own interpreter of a graph; there is no public name for it.
    return model._run_through_graph(inputs, call_fn=step)  # noqa: SLF001


def output_layers(model: keras.Model) -> list[Any]:
    """Returns the layers whose outputs are the model's, also where they lie in a nested model."""
    if isinstance(model, keras.Sequential):
        last = model.layers[-1:]
    else:
        last = [output._keras_history.operation for output in model.outputs]  # noqa: SLF001
    return [
        inner for layer in last for inner in (output_layers(layer) if has_graph(layer) else [layer])
    ]


def keras_family(layer: Any) -> str:
    """Returns the folder of Keras that a layer comes from: "pooling", "merging", "core" ...

    Empty for an operation, and for a layer of the user's own, which may do anything.
    """
    if getattr(keras.layers, type(layer).__name__, None) is not type(layer):
        return ""
    return type(layer).__module__.split(".layers.")[-1].split(".")[0]
