"""What nets of cells share: stem, stages, head; edges, published strings, path encoding."""

from __future__ import annotations

import ast
import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

import keras
import numpy as np

from nas_nb.errors import SpaceError
from nas_nb.space.definition import SpaceDefinition, check_images, compile_for, output_layer

if TYPE_CHECKING:
    from nas_nb.data.dataset import DataSpec
    from nas_nb.record.trial import Values

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

    @property
    def identity(self) -> object:
        """The choices, the skeleton and the data."""
        return self

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


Edge = tuple[int, int]


@cache
def edges(nodes: int) -> tuple[Edge, ...]:
    """Returns the edges (from, to) of a cell, in the order of the published string."""
    return tuple((source, target) for target in range(1, nodes) for source in range(target))


def edge_name(edge: Edge) -> str:
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
