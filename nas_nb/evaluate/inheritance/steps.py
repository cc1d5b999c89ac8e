"""A model as steps: each call of a layer, the tensors that it takes and the one that it makes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import keras

from nas_nb.evaluate.layer_graph import walk

Shape = tuple[int, ...]

IDLE = frozenset(
    ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "AlphaDropout", "GaussianNoise",
     "GaussianDropout", "Identity")
)  # fmt: skip
"""Layers that do nothing outside of training."""


@dataclass(frozen=True, eq=False)
class Step:
    """One call of a layer.

    Attributes:
        layer: The layer.
        inputs: Numbers of the tensors that it takes.
        output: Number of the tensor that it makes.
    """

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
        """Name of the activation function; "linear" where there is none, empty if it has no name.

        A layer that is an activation counts by its function.
        """
        function = getattr(self.layer, "activation", None)
        if self.kind == "ReLU":
            plain = self.layer.max_value is None and not self.layer.negative_slope
            return "relu" if plain and not self.layer.threshold else ""
        return "linear" if function is None else str(getattr(function, "__name__", ""))


@dataclass(frozen=True, eq=False)
class Steps:
    """All steps of a model that do something in inference, in an order in which they can run.

    Attributes:
        steps: The steps.
        shapes: The shape of each tensor, by number, without the samples' axis.
        inputs: Numbers of the tensors that the model takes.
        outputs: Numbers of the tensors that it returns.
    """

    steps: tuple[Step, ...]
    shapes: tuple[Shape, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def shares_layers(self) -> bool:
        """Whether a layer with weights is used more than once."""
        used = [id(step.layer) for step in self.steps if step.weighted]
        return len(set(used)) < len(used)


def steps_of(model: keras.Model) -> Steps:
    """Returns the steps of a model for which `layer_graph.has_graph` is true."""
    found: list[Step] = []
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
        found.extend(Step(operation, taken, number(each)) for each in keras.tree.flatten(made))
        return made

    symbols = [keras.KerasTensor(each.shape, each.dtype) for each in model.inputs]
    inputs = tuple(map(number, symbols))
    returned = walk(model, symbols[0] if len(symbols) == 1 else symbols, visit)
    outputs = tuple(map(number, keras.tree.flatten(returned)))
    shapes = tuple(tuple(size or 0 for size in each.shape[1:]) for each in tensors)
    return Steps(tuple(found), shapes, inputs, outputs)


def config_of(step: Step) -> dict[str, Any]:
    """Returns what a layer's config says that matters for what it computes."""
    config = step.layer.get_config() if hasattr(step.layer, "get_config") else {}
    return {key: value for key, value in config.items() if key not in ("name", "seed")}
