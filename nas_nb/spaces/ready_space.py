"""What the ready spaces share: options, families, from input to loss."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias, cast

import keras
import numpy as np

from nas_nb.data.preprocessing import Vocabulary
from nas_nb.errors import SpaceError, check_whole, is_number, is_whole, nearest
from nas_nb.record.trial import plain
from nas_nb.space.definition import (
    SpaceDefinition,
    compile_for,
    known_spec,
    output_layer,
    reshape_advice,
)
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Condition, Parameter, ParameterKind, distinct
from nas_nb.space.ranges import Interval

if TYPE_CHECKING:
    from nas_nb.data.dataset import DataSpec
    from nas_nb.record.trial import Values

Tensor: TypeAlias = Any
"""A ``keras.KerasTensor``: what a layer returns while a model is written down."""


@dataclass(frozen=True)
class ReadySpace(SpaceDefinition):
    """A space for one kind of data: families of architectures, each with choices of its own."""

    parameters: tuple[Parameter, ...]
    spec: DataSpec | None = None

    name: ClassVar[str]
    """As in ``nas.spaces``."""
    expected: ClassVar[str]
    """The shape of a sample, in words."""

    @cached_property
    def whole_domain(self) -> Domain:
        """The values that are legal without the rules."""
        return Domain(self.parameters)

    @abstractmethod
    def takes(self, spec: DataSpec) -> bool:
        """Says whether the models of the space can take such data."""

    @abstractmethod
    def features(self, point: Mapping[str, Any], spec: DataSpec, x: Tensor) -> Tensor:
        """Returns the tensor of shape (samples, features) that the output layer reads."""

    @property
    def identity(self) -> object:
        """The options and the data."""
        return self

    def for_data(self, spec: DataSpec) -> Self:
        """Returns the space for this data."""
        if not self.takes(spec):
            raise SpaceError(
                f"Expected {self.expected} for nas.spaces.{self.name}. Received: samples of shape "
                f"{spec.input_shape}. {self._advice(spec)}."
            )
        return replace(self, spec=spec)

    def build(self, point: Values) -> keras.Model:
        """Returns the compiled model of a point."""
        spec = known_spec(self.spec)
        inputs = keras.Input(spec.input_shape)
        x = self.features(point, spec, inputs)
        if rate := point.get("dropout"):
            x = keras.layers.Dropout(rate)(x)
        outputs = in_own_units(output_layer(spec)(x), spec)
        model = keras.Model(inputs, outputs)
        return compile_for(model, spec, learning_rate=cast("float", point["learning_rate"]))

    def _advice(self, spec: DataSpec) -> str:
        if isinstance(spec.raw, Vocabulary):
            return "Take nas.spaces.text() for texts"
        suitable = {1: "tabular", 2: "timeseries", 3: "image"}.get(len(spec.input_shape))
        other = f"take nas.spaces.{suitable}() for them" if suitable else "reshape the data"
        if self.name == "image" and suitable == "timeseries":
            return f"{reshape_advice(spec.input_shape)}, or {other}"
        return other[0].upper() + other[1:]


def in_own_units(outputs: Tensor, spec: DataSpec) -> Tensor:
    """Returns predictions of quantities in the units of the labels; anything else as it is."""
    statistics = spec.statistics
    if not spec.task.has_quantities or statistics is None:
        return outputs
    mean, deviation = statistics.target_mean, statistics.target_deviation
    if np.allclose(mean, 0, atol=1e-3) and np.allclose(deviation, 1, atol=1e-3):
        return outputs  # they are standardised already, or there are none
    if len(mean) == 1:
        return keras.layers.Rescaling(deviation[0], mean[0])(outputs)
    return keras.layers.Rescaling(list(deviation), list(mean))(outputs)


def standardised(x: Tensor, spec: DataSpec) -> Tensor:
    """Returns samples whose features have mean 0 and variance 1 over the training rows."""
    statistics = spec.statistics
    if statistics is None:
        return x
    layer = keras.layers.Normalization(
        mean=list(statistics.mean), variance=list(statistics.variance)
    )
    return layer(x)


def read_options(
    known: Sequence[str],
    families: Any,
    dropouts: Any,
    learning_rates: Any,
    options: Mapping[str, Choices],
    **owners: str,
) -> tuple[Parameter, ...]:
    """Returns the parameters of a ready space; `owners` has the family of what one alone has."""
    chosen = read_words("families", families, known)
    parameters = [
        _option("family", chosen),
        _option("dropout", read_numbers("dropouts", dropouts, 0, 1)),
        _option("learning_rate", read_numbers("learning_rates", learning_rates, 1e-9, 10)),
    ]
    for name, values in options.items():
        owner = owners.get(name)
        if owner is None or chosen == (owner,):
            parameters.append(_option(name, values))
        elif owner in chosen:
            parameters.append(_option(name, values, (Condition("family", (owner,)),)))
    return tuple(parameters)


def _option(name: str, values: Choices, conditions: tuple[Condition, ...] = ()) -> Parameter:
    if not isinstance(values, Interval):
        return Parameter.among(name, values, conditions)
    ends = {"low": values.low, "high": values.high, "log": values.log}
    return Parameter(name, ParameterKind.FLOAT, conditions=conditions, **ends)  # type: ignore[arg-type]


Choices = tuple[Any, ...] | Interval
"""The values that an option offers: each one, or all numbers of an interval."""


def check_whole_option(name: str, value: Any, low: int = 1, high: int | None = None) -> int:
    """Returns `value`, if it is a whole number from `low` to `high`; else raises a `SpaceError`."""
    check_whole("", name, value, low, high, error=SpaceError)
    return cast("int", value)


def read_words(
    option: str, given: Any, known: Iterable[str], *, in_order: bool = False
) -> tuple[str, ...]:
    """Returns the words that an option offers."""
    known = tuple(known)
    listed = _listed(option, given)
    for word in listed:
        if not isinstance(word, str) or word not in known:
            raise SpaceError(
                f"Expected {option} among {', '.join(known)}. Received: {word!r}."
                + nearest(str(word), known)
            )
    return tuple(sorted(listed, key=known.index)) if in_order else listed


def read_counts(option: str, given: Any, least: int = 1) -> tuple[int, ...]:
    """Returns the whole numbers that an option offers."""
    listed = _listed(option, given)
    for value in listed:
        if not is_whole(value) or value < least:
            raise SpaceError(
                f"Expected {option} to be whole numbers of {least} or more. Received: {value!r}."
            )
    return listed


def read_numbers(option: str, given: Any, low: float, high: float) -> Choices:
    """Returns the numbers, or the interval, that an option offers."""
    ends = (given.low, given.high) if isinstance(given, Interval) else None
    listed = _listed(option, given) if ends is None else ends
    for value in listed:
        if not is_number(value) or not low <= value < high:
            raise SpaceError(
                f"Expected {option} to be numbers from {low:g} to below {high:g}. Received: "
                f"{value!r}."
            )
    return given if isinstance(given, Interval) else tuple(map(float, listed))


def _listed(option: str, given: Any) -> tuple[Any, ...]:
    given = plain(given)
    listed = tuple(given) if isinstance(given, list | tuple | range) else (given,)
    if not listed:
        raise SpaceError(f"Expected {option} to offer at least one value. Received: none.")
    try:
        return distinct(option, listed)
    except TypeError:  # what can't be hashed is no value: its reader says so
        return listed
