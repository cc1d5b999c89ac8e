"""What the ready spaces share: options and families, from input to loss; skeletons of cells."""

from __future__ import annotations

import ast
import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeAlias, TypeVar, cast

import keras
import numpy as np

from nas_nb.data.preprocessing import Vocabulary
from nas_nb.errors import SpaceError, check_whole, is_number, is_whole, nearest
from nas_nb.record.trial import plain
from nas_nb.space.definition import (
    SpaceDefinition,
    check_images,
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


def read_counts(option: str, given: Any) -> tuple[int, ...]:
    """Returns the whole numbers that an option offers."""
    listed = _listed(option, given)
    for value in listed:
        if not is_whole(value) or value < 1:
            raise SpaceError(
                f"Expected {option} to be whole numbers of 1 or more. Received: {value!r}."
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


CIFAR_SHAPE = (32, 32, 3)
CIFAR_CLASSES = 10


@dataclass(frozen=True)
class Skeleton:
    """Where the cells stand: a stem, stages of cells, reductions between stages, a head."""

    # The stem is a 3x3 convolution, a reduction a residual block that halves height and width, the
    # head a global average and a dense layer. NAS-Bench-201 has 3 stages of 5 cells, width 16.

    cells: int  # in each stage
    width: int  # channels of the first stage; each next one has twice as many
    stages: int
    input_shape: tuple[int, ...] = CIFAR_SHAPE  # (height, width, channels)
    outputs: int = CIFAR_CLASSES

    @property
    def widths(self) -> tuple[int, ...]:
        """The channels of each stage."""
        return tuple(self.width * 2**stage for stage in range(self.stages))

    @property
    def areas(self) -> tuple[int, ...]:
        """The pixels of each stage's feature maps."""
        height, width = self.input_shape[:2]
        return tuple(
            math.ceil(height / 2**stage) * math.ceil(width / 2**stage)
            for stage in range(self.stages)
        )


@dataclass(frozen=True)
class DartsSkeleton:
    """Where the cells stand: a stem, cells in a row, a head."""

    layers: int  # how many cells
    width: int  # channels of each node of the first cells
    input_shape: tuple[int, ...] = CIFAR_SHAPE
    outputs: int = CIFAR_CLASSES

    def is_reducing(self, layer: int) -> bool:
        """Says whether the cell at a place halves height and width: at a third and two thirds."""
        return layer in (self.layers // 3, 2 * self.layers // 3)


S = TypeVar("S", Skeleton, DartsSkeleton)


@dataclass(frozen=True, kw_only=True)
class SkeletonSpace(SpaceDefinition, Generic[S]):
    """Nets for images: a skeleton, and in it what a point of the domain chooses."""

    made_of: ClassVar[str] = "cells"
    """What the space consists of, in messages."""

    skeleton: S
    optimizer: str
    learning_rate: float
    spec: DataSpec | None = None

    @abstractmethod
    def features(self, inputs: Any, point: Values) -> Any:
        """Returns the net of a point up to its head, of shape ``(batch, features)``."""

    def for_data(self, spec: DataSpec) -> Self:
        """Returns the space for images of this shape."""
        check_images(spec, self.made_of)
        skeleton = replace(self.skeleton, input_shape=tuple(spec.input_shape), outputs=spec.outputs)
        return replace(self, skeleton=skeleton, spec=spec)

    def build(self, point: Values) -> keras.Model:
        """Returns the compiled model of a point."""
        spec = check_images(self.spec, self.made_of)
        inputs = keras.Input(spec.input_shape)
        model = keras.Model(inputs, output_layer(spec)(self.features(inputs, point)))
        return compile_for(model, spec, optimizer=self.optimizer, learning_rate=self.learning_rate)


# The published momentum and epsilon, in Keras's terms.
_MOMENTUM = 0.9
_EPSILON = 1e-5


def normalise(x: Any, place: str | None = None) -> Any:
    """Returns `x` after batch normalisation, whose layer is named for its place."""
    name = None if place is None else f"{place}_norm"
    return keras.layers.BatchNormalization(momentum=_MOMENTUM, epsilon=_EPSILON, name=name)(x)


CellEdge = tuple[int, int]


@cache
def edges(nodes: int) -> tuple[CellEdge, ...]:
    """Returns the edges (from, to) of a cell, in the order of the published string."""
    return tuple((source, target) for target in range(1, nodes) for source in range(target))


def edge_name(edge: CellEdge) -> str:
    """Returns the name of the choice on an edge: ``edge_0_1``."""
    return f"edge_{edge[0]}_{edge[1]}"


def parse_literal_call(
    text: str, function: str, arguments: tuple[str, ...], example: str
) -> dict[str, Any]:
    """Returns the named arguments, literals alone, of a call such as ``Genotype(normal=[...])``."""
    try:
        statement = ast.parse(text.strip()).body[0]
        if not isinstance(statement, ast.Expr | ast.Assign):
            raise SyntaxError
        call = statement.value
        if not (isinstance(call, ast.Call) and ast.unparse(call.func) == function):
            raise SyntaxError
        found = {str(keyword.arg): _literal(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError, TypeError, IndexError) as error:
        raise SpaceError(f"Expected an architecture like {example}. Received: {text!r}.") from error
    if call.args or set(found) != set(arguments):
        raise SpaceError(
            f"Expected {function} with {', '.join(arguments)} by name. Received: "
            f"{', '.join(found) or 'none of them'}."
        )
    return found


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "range":
        return list(range(*map(ast.literal_eval, node.args)))
    return ast.literal_eval(node)


# Paper: White, Neiswanger & Savani, BANANAS, AAAI 2021, section 4.

Row = np.ndarray[tuple[int], np.dtype[np.float64]]


def path_encoding(
    paths: Iterable[Sequence[str]], operations: Sequence[str], shortest: int, longest: int
) -> Row:
    """Returns a row with a column for every possible path, 1 where the cell has it."""
    base = len(operations)
    row = np.zeros(sum(base**length for length in range(shortest, longest + 1)))
    for path in paths:
        place = 0
        for operation in path:
            place = place * base + operations.index(operation)
        row[sum(base**length for length in range(shortest, len(path))) + place] = 1.0
    return row
