"""What a net of DARTS's cells costs, from its choices alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from nas_nb.space.cell_costs import CIFAR_CLASSES, CIFAR_SHAPE
from nas_nb.space.darts_form import INPUTS, Cell, Step

STEM = 3
"""The stem is so many times as wide as a node of the first cells."""

KERNELS = {"sep_conv_3x3": 3, "sep_conv_5x5": 5, "dil_conv_3x3": 3, "dil_conv_5x5": 5}
"""The side of the depthwise kernel of each operation that has weights."""


@dataclass(frozen=True)
class DartsSkeleton:
    """Where the cells stand: a stem, cells in a row, a head.

    Attributes:
        layers: How many cells.
        width: Channels of each node of the first cells.
        input_shape: ``(height, width, channels)`` of a sample. Default: CIFAR's.
        outputs: How many numbers the head gives. Default: CIFAR-10's.
    """

    layers: int
    width: int
    input_shape: tuple[int, ...] = CIFAR_SHAPE
    outputs: int = CIFAR_CLASSES

    def is_reducing(self, layer: int) -> bool:
        """Says whether the cell at a place, from 0, halves height and width.

        As published those at a third and at two thirds of the net; with few layers both may be
        the same, or the first.
        """
        return layer in (self.layers // 3, 2 * self.layers // 3)


class Convolution(NamedTuple):
    """A convolution without a bias.

    Attributes:
        weights: Of its kernel.
        normalised: How many channels are normalised after it; 0 for none.
        area: Pixels that it makes.
    """

    weights: int
    normalised: int
    area: int


def params(normal: Cell, reduce: Cell, skeleton: DartsSkeleton, *, trainable: bool = False) -> int:
    """Returns how many weights the net has, exactly.

    Args:
        normal: The cell that keeps height and width.
        reduce: The one that halves them.
        skeleton: Where they stand.
        trainable: Leave out the moving means and variances of batch normalisation, as published
            figures do. Default: count them, as Keras does.
    """
    norm = 2 if trainable else 4
    layers = list(convolutions(normal, reduce, skeleton))
    head = (_features(normal, reduce, skeleton) + 1) * skeleton.outputs
    return head + sum(each.weights + norm * each.normalised for each in layers)


def flops(normal: Cell, reduce: Cell, skeleton: DartsSkeleton) -> int:
    """Returns the multiply-adds of the convolutions and the dense layer for one sample."""
    layers = convolutions(normal, reduce, skeleton)
    head = _features(normal, reduce, skeleton) * skeleton.outputs
    return head + sum(each.weights * each.area for each in layers)


def convolutions(normal: Cell, reduce: Cell, skeleton: DartsSkeleton) -> Iterator[Convolution]:
    """Yields every convolution of the net."""
    height, breadth, channels = skeleton.input_shape
    size = (height, breadth)
    width = skeleton.width
    stem = STEM * width
    yield Convolution(9 * channels * stem, stem, math.prod(size))
    before, last = stem, stem
    for layer in range(skeleton.layers):
        reducing = skeleton.is_reducing(layer)
        width *= 2 if reducing else 1
        # What comes from before a reducing cell is halved on its way in: both have one size.
        yield from (_pointwise(given, width, size) for given in (before, last))
        cell = reduce if reducing else normal
        half = _halved(size) if reducing else size
        for node in cell:
            for step in node:
                yield from _operation(step, width, size, half)
        before, last, size = last, len(cell) * width, half


def _operation(
    step: Step, width: int, size: tuple[int, int], half: tuple[int, int]
) -> Iterator[Convolution]:
    """Yields what an edge computes; only those from the cell's inputs halve, after their kernel."""
    given = size if step.state < INPUTS else half
    if step.operation == "skip_connect" and given != half:
        yield _pointwise(width, width, half)
    if step.operation not in KERNELS:
        return
    area = KERNELS[step.operation] ** 2
    yield Convolution(area * width, 0, math.prod(given))
    yield _pointwise(width, width, half)
    if step.operation.startswith("sep"):
        yield Convolution(area * width, 0, math.prod(half))
        yield _pointwise(width, width, half)


def _pointwise(given: int, made: int, size: tuple[int, int]) -> Convolution:
    return Convolution(given * made, made, math.prod(size))


def _halved(size: tuple[int, int]) -> tuple[int, int]:
    return math.ceil(size[0] / 2), math.ceil(size[1] / 2)


def _features(normal: Cell, reduce: Cell, skeleton: DartsSkeleton) -> int:
    """Returns the channels that the head gets."""
    places = range(skeleton.layers)
    width: int = skeleton.width << sum(map(skeleton.is_reducing, places))
    last = reduce if skeleton.is_reducing(skeleton.layers - 1) else normal
    return len(last) * width
