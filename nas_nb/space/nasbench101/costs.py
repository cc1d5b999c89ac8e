"""What a net of NAS-Bench-101's cells costs, from its choices alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from nas_nb.space.nasbench101.form import CONV_1X1, CONV_3X3, Cell

if TYPE_CHECKING:
    from nas_nb.space.cell_costs import Skeleton

SIDES = {CONV_3X3: 3, CONV_1X1: 1}
"""The side of the kernel of each operation that has weights."""


class Convolution(NamedTuple):
    """A convolution without a bias, normalised: its kernel's side, and channels in and out."""

    side: int
    given: int
    made: int


def channels(cell: Cell, given: int, made: int) -> tuple[int, ...]:
    """Returns the channels of every vertex of a pruned cell.

    As published (section 2.1 and its code): the vertices that lead to the output share its
    channels, the first of them with one more where they can't be shared evenly; every other vertex
    has as many as the widest that it leads to.

    Args:
        cell: The cell.
        given: Channels of its input.
        made: Channels of its output.
    """
    ends = [source for source, target in cell.edges if target == cell.last and source > 0]
    widths = [given, *[0] * len(cell.operations), made]
    for number, vertex in enumerate(sorted(ends)):
        share, more = divmod(made, len(ends))
        widths[vertex] = share + (number < more)
    for vertex in range(cell.last - 1, 0, -1):
        if vertex not in ends:
            widths[vertex] = max(widths[t] for s, t in cell.edges if s == vertex)
    return tuple(widths)


def convolutions(cell: Cell, given: int, made: int) -> Iterator[Convolution]:
    """Yields the convolutions of a cell: projections of its input, then those of its vertices."""
    widths = channels(cell, given, made)
    for source, target in cell.edges:
        if source == 0:
            yield Convolution(1, given, widths[target])
    for vertex, operation in enumerate(cell.operations, start=1):
        if operation in SIDES:
            yield Convolution(SIDES[operation], widths[vertex], widths[vertex])


def params(cell: Cell, skeleton: Skeleton, *, trainable: bool = False) -> int:
    """Returns how many weights the net has, exactly.

    Args:
        cell: A pruned cell.
        skeleton: Where the cells stand.
        trainable: Leave out the moving means and variances of batch normalisation, as the
            published table does. Default: count them, as Keras does.
    """
    norm = 2 if trainable else 4
    layers = [each for stage in _stages(cell, skeleton) for each in stage]
    weights = sum((c.side**2 * c.given + norm) * c.made for c in layers)
    return weights + (skeleton.widths[-1] + 1) * skeleton.outputs


def flops(cell: Cell, skeleton: Skeleton) -> int:
    """Returns the multiply-adds of the convolutions and the dense layer for one sample."""
    work = sum(
        c.side**2 * c.given * c.made * area
        for stage, area in zip(_stages(cell, skeleton), skeleton.areas, strict=True)
        for c in stage
    )
    return work + skeleton.widths[-1] * skeleton.outputs


def _stages(cell: Cell, skeleton: Skeleton) -> Iterator[list[Convolution]]:
    """Yields the convolutions of each stage; the first one has the stem too."""
    given = skeleton.width
    for stage, made in enumerate(skeleton.widths):
        found = [Convolution(3, skeleton.input_shape[2], made)] if stage == 0 else []
        for _ in range(skeleton.cells):
            found += convolutions(cell, given, made)
            given = made
        yield found
