"""The space of a plain dictionary: layers in a row, and their model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import keras

from nas_nb.data.preprocessing import Vocabulary
from nas_nb.errors import SpaceError
from nas_nb.space.chain_options import (
    CONVOLUTIONS,
    DICT_KEYS,
    NORMALIZATIONS,
    POOLINGS,
    read_dict,
    read_recipe,
)
from nas_nb.space.definition import (
    SpaceDefinition,
    compile_for,
    known_spec,
    output_layer,
    reshape_advice,
)
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Condition, Parameter, parameter_to_json

if TYPE_CHECKING:
    from nas_nb.data.dataset import DataSpec
    from nas_nb.record.trial import Value, Values


@dataclass(frozen=True)
class ChainSpace(SpaceDefinition):
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
    """

    # For each key of the dictionary its parameter, not yet repeated by layer.
    choices: tuple[tuple[str, Parameter], ...]
    spec: DataSpec | None = None  # the data that models are built for; ``None`` until `for_data`

    @classmethod
    def from_dict(cls, choices: Mapping[str, Any]) -> ChainSpace:
        """Makes the space of a dictionary."""
        return cls(tuple(read_dict(choices).items()))

    @cached_property
    def whole_domain(self) -> Domain:
        """The values that are legal without the rules."""
        named = dict(self.choices)
        once = [key for key, about in DICT_KEYS.items() if key in named and not about.per_layer]
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
            if DICT_KEYS[key].convolutional
        ]
        return Domain(
            (*(named[key] for key in once if not DICT_KEYS[key].convolutional), *layers, *late)
        )

    @property
    def recipe(self) -> dict[str, Any]:
        """The choices, as JSON."""
        return {"chain": {key: parameter_to_json(choice) for key, choice in self.choices}}

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any]) -> ChainSpace:
        """Returns the chain of a `recipe`, not yet bound to data; see `read_recipe`."""
        return cls(tuple(read_recipe(recipe.get("chain")).items()))

    def for_data(self, spec: DataSpec) -> ChainSpace:
        """Returns the chain for this data, without the convolutions that its samples can't take."""
        if isinstance(spec.raw, Vocabulary):
            raise SpaceError(
                "Expected numbers for a space of plain layers. Received: the token ids of texts. "
                "Take nas.spaces.text()."
            )
        layers = dict(self.choices)["layers"]
        grid = len(spec.input_shape) - 1
        legal = tuple(k for k in layers.choices if CONVOLUTIONS.get(str(k), grid) == grid)
        if not legal:
            raise SpaceError(_wrong_rank(layers, spec.input_shape))
        kept = Parameter.among(layers.name, legal)
        convolves = any(kind in CONVOLUTIONS for kind in legal)
        rest = tuple(
            (key, parameter)
            for key, parameter in self.choices
            if key != "layers" and (convolves or not DICT_KEYS[key].convolutional)
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
        """Returns the compiled model of a point."""
        spec = known_spec(self.spec)
        return chain_model(point, spec)


def _wrong_rank(layers: Parameter, shape: tuple[int, ...]) -> str:
    named = {"Conv2D": "(height, width, channels)", "Conv1D": "(time, channels)"}
    expected = " or ".join(named[str(kind)] for kind in layers.choices)
    return (
        f"Expected samples of shape {expected} for a space of "
        f"{' and '.join(map(str, layers.choices))} only. Received: samples of shape {shape}. "
        f"{reshape_advice(shape)}, or add 'Dense' to 'layers'."
    )


def _layer_parameters(
    named: Mapping[str, Parameter], position: int, depths: list[int]
) -> list[Parameter]:
    """Returns the parameters of the layer at a position, counted from 1."""
    deep_enough = tuple(depth for depth in depths if depth >= position)
    # Every chain has the first layers; a condition that always holds would only be noise.
    exists = (Condition("depth", deep_enough),) if len(deep_enough) < len(depths) else ()
    parameters = []
    for key, about in DICT_KEYS.items():
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


POOL_SIZE = 2
SMALLEST_POOLED = 4
"""Feature maps are halved while their shortest side has at least so many pixels."""

MOMENTUM = 0.9
"""Of batch normalisation: Keras's 0.99 needs hundreds of batches before validation means much."""


@dataclass(frozen=True)
class _Stage:
    """One position of the chain."""

    before: list[keras.layers.Layer]  # what makes its input flat, where needed
    main: list[keras.layers.Layer]  # the layer, its normalisation and activation
    shortcut: keras.layers.Layer | None  # brings the input to the output's size
    after: list[keras.layers.Layer]  # pooling and dropout


def chain_model(point: Values, spec: DataSpec) -> keras.Model:
    """Returns the compiled model of a chain's values."""
    stages, shape = _stages(point, spec.input_shape)
    ending = [*_flattening(shape), output_layer(spec)]
    inputs = keras.Input(spec.input_shape)
    if _value(point, "skip"):
        model = keras.Model(inputs, _connected(inputs, stages, ending))
    else:
        rows = [[*stage.before, *stage.main, *stage.after] for stage in stages]
        model = keras.Sequential([inputs, *(layer for row in rows for layer in row), *ending])
    return compile_for(
        model,
        spec,
        optimizer=cast("str", _value(point, "optimizer")),
        learning_rate=cast("float", _value(point, "learning_rate")),
    )


def _value(point: Values, key: str) -> Value:
    about = DICT_KEYS[key]
    return point.get(about.parameter, about.default[0])


def _connected(
    x: keras.KerasTensor, stages: list[_Stage], ending: list[keras.layers.Layer]
) -> keras.KerasTensor:
    for stage in stages:
        x = _through(stage.before, x)
        past = x if stage.shortcut is None else stage.shortcut(x)
        x = keras.layers.Add()([_through(stage.main, x), past])
        x = _through(stage.after, x)
    return _through(ending, x)


def _through(layers: list[keras.layers.Layer], x: keras.KerasTensor) -> keras.KerasTensor:
    for layer in layers:
        x = layer(x)
    return x


def _stages(point: Values, shape: tuple[int, ...]) -> tuple[list[_Stage], tuple[int, ...]]:
    """Returns the stages of the chain, and the shape of a sample after the last one."""
    stages = []
    for position in range(1, cast("int", point["depth"]) + 1):
        kind = str(point.get(f"layer_{position}", "Dense"))
        units = cast("int", point[f"units_{position}"])
        before = [] if kind in CONVOLUTIONS else _flattening(shape)
        given = shape if kind in CONVOLUTIONS else (math.prod(shape),)
        shortcut = None if given[-1] == units else _linear(kind, units)
        shape = (*given[:-1], units)
        after = list(_pooling(point, shape)) if kind in CONVOLUTIONS else []
        if after:
            shape = (*(side // POOL_SIZE for side in shape[:-1]), units)
        if rate := cast("float", _value(point, "dropout")):
            after.append(keras.layers.Dropout(rate))
        main = list(_main(point, kind, units, position))
        stages.append(_Stage(before, main, shortcut, after))
    return stages, shape


def _main(point: Values, kind: str, units: int, position: int) -> Iterator[keras.layers.Layer]:
    activation = point[f"activation_{position}"]
    normalization = NORMALIZATIONS[str(_value(point, "normalization"))]
    inside = None if normalization else activation
    if kind in CONVOLUTIONS:
        size = cast(
            "int", point.get(f"kernel_size_{position}", DICT_KEYS["kernel_sizes"].default[0])
        )
        layer = getattr(keras.layers, kind)
        yield layer(units, size, padding="same", activation=inside)
    else:
        yield keras.layers.Dense(units, activation=inside)
    if normalization:
        batch = normalization == "BatchNormalization"
        options = {"momentum": MOMENTUM} if batch else {}
        yield getattr(keras.layers, normalization)(**options)
        yield keras.layers.Activation(activation)


def _linear(kind: str, units: int) -> keras.layers.Layer:
    """Returns the layer that brings a sample, or each of its pixels, to so many channels."""
    if kind in CONVOLUTIONS:
        return getattr(keras.layers, kind)(units, 1)
    return keras.layers.Dense(units)


def _pooling(point: Values, shape: tuple[int, ...]) -> Iterator[keras.layers.Layer]:
    layer = POOLINGS[str(_value(point, "pooling"))]
    if layer and min(shape[:-1]) >= SMALLEST_POOLED:
        yield getattr(keras.layers, f"{layer}{len(shape) - 1}D")(POOL_SIZE)


def _flattening(shape: tuple[int, ...]) -> list[keras.layers.Layer]:
    return [keras.layers.Flatten()] if len(shape) > 1 else []
