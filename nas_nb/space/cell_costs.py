"""What a net of cells costs, from its choices alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nas_nb.space.cell_form import CONV_1X1, CONV_3X3

KERNELS = {CONV_1X1: 1, CONV_3X3: 3}
"""The side of the kernel of each operation that has weights."""

CIFAR_SHAPE = (32, 32, 3)
CIFAR_CLASSES = 10


@dataclass(frozen=True)
class Skeleton:
    """Where the cells stand: a stem, stages of cells, reductions between stages, a head.

    The stem is a 3x3 convolution with `width` channels. Each stage has `cells` copies of the
    cell; between stages a residual block halves height and width and doubles the channels. The
    head is a global average and a dense layer. NAS-Bench-201 has 3 stages of 5 cells, width 16.

    Attributes:
        cells: Cells in each stage.
        width: Channels of the first stage.
        stages: How many stages.
        input_shape: ``(height, width, channels)`` of a sample. Default: CIFAR's.
        outputs: How many numbers the head gives. Default: CIFAR-10's.
    """

    cells: int
    width: int
    stages: int
    input_shape: tuple[int, ...] = CIFAR_SHAPE
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


def params(operations: Sequence[str], skeleton: Skeleton, *, trainable: bool = False) -> int:
    """Returns how many weights the net has, dead edges included, exactly.

    Args:
        operations: The cell's operations, one an edge.
        skeleton: Where the cells stand.
        trainable: Leave out the moving means and variances of batch normalisation, as the
            published table does. Default: count them, as Keras does.
    """
    norm = 2 if trainable else 4
    kernels = [KERNELS[operation] for operation in operations if operation in KERNELS]
    first, last = skeleton.widths[0], skeleton.widths[-1]
    stem = (9 * skeleton.input_shape[2] + norm) * first
    cells = sum(
        skeleton.cells * sum((side * side * width + norm) * width for side in kernels)
        for width in skeleton.widths
    )
    # A reduction: a 3x3 to twice the channels, a 3x3 that keeps them, a 1x1 on the shortcut.
    reductions = sum((18 + 36 + 2) * w * w + 4 * norm * w for w in skeleton.widths[:-1])
    return stem + cells + reductions + norm * last + (last + 1) * skeleton.outputs


def flops(operations: Sequence[str], skeleton: Skeleton) -> int:
    """Returns the multiply-adds of the convolutions and the dense layer for one sample.

    It counts as `nas_nb.evaluate.costs.flops` does: normalisation, pooling and sums are free.
    """
    sides = sum(KERNELS[operation] ** 2 for operation in operations if operation in KERNELS)
    shapes = list(zip(skeleton.widths, skeleton.areas, strict=True))
    stem = 9 * skeleton.input_shape[2] * skeleton.width * skeleton.areas[0]
    cells = sum(skeleton.cells * sides * width * width * area for width, area in shapes)
    reductions = sum(
        (18 + 36 + 2) * width * width * area
        for width, area in zip(skeleton.widths[:-1], skeleton.areas[1:], strict=True)
    )
    return stem + cells + reductions + skeleton.widths[-1] * skeleton.outputs
