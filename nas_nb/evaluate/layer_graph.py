"""The layers of a model in the order in which they run."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from nas_nb.errors import MeasureError

Visit = Callable[..., Any]
"""``visit(operation, *args, **kwargs) -> outputs``: stands in for calling the operation."""


def has_graph(model: Any) -> bool:
    """Whether Keras knows a model's layers and what flows between them: not if it is subclassed."""
    if not isinstance(model, keras.Model) or not model.built:
        return False
    own = str(type(model).call.__module__)
    return own.startswith("keras.") and own.endswith((".functional", ".sequential"))


def walk(model: keras.Model, inputs: Any, visit: Visit) -> Any:
    """Runs a model with the visitor in the place of every layer's call, nested models' included."""
    if not has_graph(model):
        raise MeasureError(
            "Expected a functional or Sequential model that knows its input shape. Received: "
            f"{model.name!r} (of type {type(model).__name__}), whose layers can't be seen. Write "
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
    """Returns the folder of Keras that a layer comes from, as "pooling"; empty for any other."""
    if getattr(keras.layers, type(layer).__name__, None) is not type(layer):
        return ""
    return type(layer).__module__.split(".layers.")[-1].split(".")[0]


Shape = tuple[int, ...]

IDLE = frozenset(
    ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "AlphaDropout", "GaussianNoise",
     "GaussianDropout", "Identity")
)  # fmt: skip
"""Layers that do nothing outside of training."""


@dataclass(frozen=True, eq=False)
class LayerCall:
    """One call of a layer: the numbers of the tensors that it takes, and of that which it makes."""

    layer: Any
    inputs: tuple[int, ...]
    output: int

    @property
    def kind(self) -> str:
        """The name of the layer's class."""
        return type(self.layer).__name__

    @property
    def name(self) -> str | None:
        """The layer's name, if somebody gave it one: Keras's own only count."""
        base = re.sub(r"_\d+$", "", self.layer.name)
        automatic = base.replace("_", "") == self.kind.lower()
        return None if automatic else str(self.layer.name)

    @property
    def weighted(self) -> bool:
        """Whether the layer has weights."""
        return bool(getattr(self.layer, "weights", ()))

    @property
    def activation(self) -> str:
        """Name of its activation; "linear" where there is none, empty if it has no name."""
        function = getattr(self.layer, "activation", None)
        if self.kind == "ReLU":
            plain = self.layer.max_value is None and not self.layer.negative_slope
            return "relu" if plain and not self.layer.threshold else ""
        return "linear" if function is None else str(getattr(function, "__name__", ""))


@dataclass(frozen=True, eq=False)
class LayerCalls:
    """All steps of a model that do something in inference, in an order in which they can run."""

    steps: tuple[LayerCall, ...]
    shapes: tuple[Shape, ...]  # by tensor's number, without the samples' axis
    inputs: tuple[int, ...]  # numbers of tensors
    outputs: tuple[int, ...]  # numbers of tensors

    @property
    def shares_layers(self) -> bool:
        """Whether a layer with weights is used more than once."""
        used = [id(step.layer) for step in self.steps if step.weighted]
        return len(set(used)) < len(used)


def layer_calls(model: keras.Model) -> LayerCalls:
    """Returns the steps of a model for which `layer_graph.has_graph` is true."""
    found: list[LayerCall] = []
    tensors: list[Any] = []
    numbers: dict[int, int] = {}

    def number(tensor: Any) -> int:
        if id(tensor) not in numbers:
            numbers[id(tensor)] = len(tensors)
            tensors.append(tensor)
        return numbers[id(tensor)]

    def visit(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if type(operation).__name__ in IDLE:
            return args[0]
        made = operation.compute_output_spec(*args, **kwargs)
        given = [t for t in keras.tree.flatten((args, kwargs)) if isinstance(t, keras.KerasTensor)]
        taken = tuple(map(number, given))
        found.extend(LayerCall(operation, taken, number(each)) for each in keras.tree.flatten(made))
        return made

    symbols = [keras.KerasTensor(each.shape, each.dtype) for each in model.inputs]
    inputs = tuple(map(number, symbols))
    returned = walk(model, symbols[0] if len(symbols) == 1 else symbols, visit)
    outputs = tuple(map(number, keras.tree.flatten(returned)))
    shapes = tuple(tuple(size or 0 for size in each.shape[1:]) for each in tensors)
    return LayerCalls(tuple(found), shapes, inputs, outputs)


def config_of(step: LayerCall) -> dict[str, Any]:
    """Returns what a layer's config says that matters for what it computes."""
    config = step.layer.get_config() if hasattr(step.layer, "get_config") else {}
    return {key: value for key, value in config.items() if key not in ("name", "seed")}
