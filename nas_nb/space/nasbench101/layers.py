"""NAS-Bench-101's net in Keras: stem, stacks of cells, head.

Batch normalisation forgets faster than the published net's, as in the other cells: with a momentum
of 0.997 validation means nothing before a thousand batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from nas_nb.space.cell_layers import normalise
from nas_nb.space.nasbench101.costs import SIDES, channels

if TYPE_CHECKING:
    from nas_nb.space.cell_costs import Skeleton
    from nas_nb.space.nasbench101.form import Cell


def features(inputs: Any, cell: Cell, skeleton: Skeleton) -> Any:
    """Returns the features that the net finds in images: ``(samples, channels)``.

    Args:
        inputs: ``(samples, height, width, channels)``.
        cell: A pruned cell.
        skeleton: Where its copies stand; pooling halves height and width between stages.
    """
    x = convolution(inputs, skeleton.width, 3)
    for stage, width in enumerate(skeleton.widths):
        if stage > 0:
            x = keras.layers.MaxPooling2D(2, strides=2, padding="same")(x)
        for _ in range(skeleton.cells):
            x = module(x, cell, width)
    return keras.layers.GlobalAveragePooling2D()(x)


def module(x: Any, cell: Cell, made: int) -> Any:
    """Returns the output of a cell, with `made` channels.

    What comes from the input is projected to the channels that are wanted, what comes from other
    vertices loses a channel where it has one too many. It is added up, but for the output, which
    has its vertices side by side.
    """
    widths = channels(cell, x.shape[-1], made)
    values = [x]
    for vertex, operation in enumerate(cell.operations, start=1):
        width = widths[vertex]
        brought = [_cut(values[s], width) for s, t in cell.edges if t == vertex and s > 0]
        if (0, vertex) in cell.edges:
            brought.append(convolution(x, width, 1))
        taken = keras.layers.Add()(brought) if len(brought) > 1 else brought[0]
        values.append(_operated(taken, operation, width))
    ends = [values[source] for source, target in cell.edges if target == cell.last and source > 0]
    projected = [convolution(x, made, 1)] if (0, cell.last) in cell.edges else []
    if not ends:
        return projected[0]
    joined = keras.layers.Concatenate()(ends) if len(ends) > 1 else ends[0]
    return keras.layers.Add()([joined, *projected]) if projected else joined


def convolution(x: Any, width: int, side: int) -> Any:
    """Returns convolution, normalisation and ReLU of `x`."""
    x = keras.layers.Conv2D(width, side, padding="same", use_bias=False)(x)
    return keras.layers.Activation("relu")(normalise(x))


def _operated(x: Any, operation: str, width: int) -> Any:
    if operation in SIDES:
        return convolution(x, width, SIDES[operation])
    return keras.layers.MaxPooling2D(3, strides=1, padding="same")(x)


def _cut(x: Any, width: int) -> Any:
    return x if x.shape[-1] == width else x[:, :, :, :width]
