"""Chains of layers: the space that a plain dictionary describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from nas_nb.data import Vocabulary
from nas_nb.errors import SpaceError
from nas_nb.space.blueprint import Blueprint
from nas_nb.space.chain_choices import KEYS, read_choices
from nas_nb.space.chain_model import chain_model
from nas_nb.space.chain_values import CONVOLUTIONS
from nas_nb.space.domain import Domain
from nas_nb.space.images import reshaping
from nas_nb.space.parameter import Condition, Parameter, ParameterKind
from nas_nb.space.serialising import parameter_from_json, parameter_to_json

if TYPE_CHECKING:
    import keras

    from nas_nb.data import DataSpec
    from nas_nb.record.values import Value, Values


@dataclass(frozen=True)
class Chain(Blueprint):
    """Layers in a row, each with a kind, a width and an activation of its own.

    A ``Conv2D`` keeps the size of its input; a 2x2 pooling follows while height and width are
    both at least 4. ``Conv1D`` is the same along time. The first ``Dense`` flattens, so that after
    it only ``Dense`` may follow. The output layer and the loss are the task's.

    With ``normalization`` a layer's activation comes after its normalisation. With ``skip`` the
    input of each layer is added to its output, through a linear layer where their sizes differ.
    Then come pooling and dropout.

    The values of an architecture are named ``depth``, then ``layer_1``, ``units_1``,
    ``activation_1``, ``kernel_size_1``, ``layer_2`` ... for the layers that it has; after a
    ``Dense`` there is no ``layer_`` value, because there is no choice, and a ``Dense`` has no
    ``kernel_size_``. What is chosen once for the whole chain is among them where the dictionary
    gives it.

    Attributes:
        choices: For each key of the dictionary, its parameter, not yet repeated by layer.
        spec: The data that models are built for; ``None`` until `for_data`.
    """

    choices: tuple[tuple[str, Parameter], ...]
    spec: DataSpec | None = None

    @classmethod
    def from_dict(cls, choices: Mapping[str, Any]) -> Chain:
        """Makes the space of a dictionary.

        Args:
            choices: Compulsory keys are ``layers`` (``Conv2D``, ``Conv1D``, ``Dense``: Keras's
                classes or their names), ``units`` (whole numbers above 0) and ``activations``
                (names, functions of ``keras.activations`` or ``tf.nn``). Each layer chooses anew
                among these, and among ``kernel_sizes`` (whole numbers; default 3). Once a chain:
                ``depth`` (whole numbers above 0; default ``[1, 2, 3]``), ``dropout`` (shares from
                0 to below 1; default 0), ``normalization`` (``"none"``, ``"batch"``, ``"layer"``;
                default none), ``pooling`` (``"max"``, ``"average"``, ``"none"``; default max),
                ``skip`` (True, False; default False), ``optimizer`` (Keras's names; default
                ``"adam"``), ``learning_rate`` (numbers above 0; default 0.001). A value is a
                list, a range, a single value, or for numbers but the depth an interval,
                ``nas.uniform(a, b)`` or ``nas.log_uniform(a, b)``.

        Raises:
            SpaceError: A key or a value is unknown, or a list is empty.
        """
        return cls(tuple(read_choices(choices).items()))

    @cached_property
    def domain(self) -> Domain:
        """The legal values."""
        named = dict(self.choices)
        once = [key for key, about in KEYS.items() if key in named and not about.per_layer]
        depths = sorted(cast("tuple[int, ...]", named["depth"].choices))
        layers = [
            parameter
            for position in range(1, depths[-1] + 1)
            for parameter in _layer_parameters(named, position, depths)
        ]
        # Convolutions come first, so that what is said of them matters where the first is one.
        late = [
            replace(named[key], conditions=_convolves(named, 1))
            for key in once
            if KEYS[key].convolutional
        ]
        return Domain(
            (*(named[key] for key in once if not KEYS[key].convolutional), *layers, *late)
        )

    @property
    def identity(self) -> object:
        """The choices and the data."""
        return self

    @property
    def recipe(self) -> dict[str, Any]:
        """The choices, as JSON."""
        return {"chain": {key: parameter_to_json(choice) for key, choice in self.choices}}

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any]) -> Chain:
        """Returns the chain of a `recipe`, not yet bound to data."""
        choices = recipe["chain"].items()
        return cls(tuple((key, parameter_from_json(choice)) for key, choice in choices))

    def for_data(self, spec: DataSpec) -> Chain:
        """Returns the chain for this data, without the convolutions that its samples can't take.

        Args:
            spec: Its `input_shape` is ``(height, width, channels)`` for images and
                ``(time, channels)`` for series.

        Raises:
            SpaceError: No layer of the space can take such samples.
        """
        if isinstance(spec.raw, Vocabulary):
            raise SpaceError(
                "Expected numbers for a space of plain layers, got the token ids of texts: "
                "take nas.spaces.text()."
            )
        layers = dict(self.choices)["layers"]
        grid = len(spec.input_shape) - 1
        legal = tuple(k for k in layers.choices if CONVOLUTIONS.get(str(k), grid) == grid)
        if not legal:
            raise SpaceError(_wrong_rank(layers, spec.input_shape))
        kept = Parameter(layers.name, _kind(legal), choices=legal)
        convolves = any(kind in CONVOLUTIONS for kind in legal)
        rest = tuple(
            (key, parameter)
            for key, parameter in self.choices
            if key != "layers" and (convolves or not KEYS[key].convolutional)
        )
        return replace(self, choices=(("layers", kept), *rest), spec=spec)

    def implied(self, point: Values) -> dict[str, Value]:
        """Returns the kinds of the layers after the first dense one: all are dense, too."""
        layers = range(1, int(point.get("depth", 1)) + 1)
        names = [f"layer_{number}" for number in layers]
        if "Dense" not in (point.get(name) for name in names):
            return {}
        return {name: "Dense" for name in names if name not in point}

    def build(self, point: Values) -> keras.Model:
        """Returns the compiled model of a point.

        Raises:
            SpaceError: The space has not been given data.
        """
        if self.spec is None:
            raise SpaceError(
                "Expected a space that knows the data's shape to build a model, got one without "
                "data: take space.for_data(data.spec), or pass the data to the search."
            )
        return chain_model(point, self.spec)


def _wrong_rank(layers: Parameter, shape: tuple[int, ...]) -> str:
    named = {"Conv2D": "(height, width, channels)", "Conv1D": "(time, channels)"}
    expected = " or ".join(named[str(kind)] for kind in layers.choices)
    return (
        f"Expected samples of shape {expected} for a space of "
        f"{' and '.join(map(str, layers.choices))} only, got samples of shape {shape}: "
        f"{reshaping(shape)}, or add 'Dense' to 'layers'."
    )


def _layer_parameters(
    named: Mapping[str, Parameter], position: int, depths: list[int]
) -> list[Parameter]:
    """Returns the parameters of the layer at a position, counted from 1."""
    deep_enough = tuple(depth for depth in depths if depth >= position)
    # Every chain has the first layers; a condition that always holds would only be noise.
    exists = (Condition("depth", deep_enough),) if len(deep_enough) < len(depths) else ()
    parameters = []
    for key, about in KEYS.items():
        if not about.per_layer or key not in named:
            continue
        conditions = exists
        if key == "layers" and position > 1 and named[key].count > 1:
            conditions = (*exists, Condition(f"layer_{position - 1}", _convolutions(named)))
        elif about.convolutional:
            conditions = (*exists, *_convolves(named, position))
        name = f"{about.parameter}_{position}"
        parameters.append(replace(named[key], name=name, conditions=conditions))
    return parameters


def _convolutions(named: Mapping[str, Parameter]) -> tuple[Value, ...]:
    return tuple(kind for kind in named["layers"].choices if kind in CONVOLUTIONS)


def _convolves(named: Mapping[str, Parameter], position: int) -> tuple[Condition, ...]:
    """Returns the condition that the layer is a convolution; none where every layer is one."""
    if len(_convolutions(named)) == named["layers"].count:
        return ()
    return (Condition(f"layer_{position}", _convolutions(named)),)


def _kind(values: tuple[Value, ...]) -> ParameterKind:
    return ParameterKind.CHOICE if len(values) > 1 else ParameterKind.FIXED
