"""How a tensor of the child relates to one of its parent: channel by channel, exactly or not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nas_nb.evaluate.inheritance.arrays import Units, covers, is_same, overlap
from nas_nb.evaluate.inheritance.steps import Shape, Step, Steps, config_of

NONNEGATIVE = frozenset(("relu", "relu6", "sigmoid", "hard_sigmoid", "softplus", "exponential"))
"""Activations whose values are never below 0."""

_PASSES_NONNEGATIVE = frozenset(("relu", "leaky_relu", "elu", "celu"))
_MIXES_UNITS = frozenset(("softmax", "log_softmax", "sparsemax", "glu", ""))

_BY_CHANNEL = frozenset(
    ("Activation", "ReLU", "LeakyReLU", "ELU", "Rescaling", "ZeroPadding1D", "ZeroPadding2D",
     "UpSampling1D", "UpSampling2D", "MaxPooling1D", "MaxPooling2D", "AveragePooling1D",
     "AveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalAveragePooling1D",
     "GlobalAveragePooling2D")
)  # fmt: skip
_BY_ELEMENT = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")


@dataclass(frozen=True, eq=False)
class Link:
    """What a tensor of the child has from one of its parent.

    Attributes:
        parent: Number of the parent's tensor.
        units: The parent's entry on the last axis for each of the child's; -1 for none.
        exact: Whether the numbers are equal, entry for entry.
    """

    parent: int
    units: Units
    exact: bool


def guess(parent: int, shape: Shape, known: Shape) -> Link:
    """Returns the link of two tensors of which nothing is known but their sizes."""
    return Link(parent, overlap(shape[-1], known[-1]), exact=False)


def passes(activation: str, *, nonnegative: bool) -> bool:
    """Whether an activation changes nothing in values that are known never to be below 0, or not.

    Net2Net needs that of what is inserted: f(f(x)) = f(x), as with ReLU.
    """
    return activation == "linear" or (nonnegative and activation in _PASSES_NONNEGATIVE)


def same_for_all_units(activation: str) -> bool:
    """Whether an activation is a function of each unit by itself."""
    return activation not in _MIXES_UNITS


def after(step: Step, twin: Step, given: Sequence[Link], child: Steps, parent: Steps) -> Link:
    """Returns the link of what a layer without weights makes, from those of what it takes."""
    shape, known = child.shapes[step.output], parent.shapes[twin.output]
    exact = all(link.exact for link in given) and config_of(step) == config_of(twin)
    same_sizes = shape[:-1] == known[:-1]
    if step.kind == "Flatten":
        grids = child.shapes[step.inputs[0]][:-1], parent.shapes[twin.inputs[0]][:-1]
        units = _flattened(given[0].units, *grids, known[-1] // math.prod(grids[1]))
        return Link(twin.output, units, exact and grids[0] == grids[1])
    if step.kind == "Concatenate" and step.layer.axis in (-1, len(shape)):
        widths = [parent.shapes[number][-1] for number in twin.inputs]
        units = _side_by_side([link.units for link in given], widths)
        exact = exact and len(given) == len(widths)
        return Link(twin.output, units, exact and same_sizes)
    if step.kind in _BY_ELEMENT:
        return replace(_agreed(given), parent=twin.output, exact=exact and _all_equal(given))
    if step.kind in _BY_CHANNEL and same_for_all_units(step.activation):
        sides = [c.shapes[s.inputs[0]][:-1] for c, s in ((child, step), (parent, twin))]
        same_sizes = same_sizes and sides[0] == sides[1]
        return Link(twin.output, given[0].units, exact and same_sizes)
    unchanged = [
        is_same(link.units, parent.shapes[number][-1])
        for link, number in zip(given, twin.inputs, strict=False)
    ]
    exact = exact and same_sizes and all(unchanged) and shape == known
    return replace(guess(twin.output, shape, known), exact=exact)


def past(step: Step, given: Link, *, nonnegative: bool) -> Link:
    """Returns the link of what a layer makes that the parent has not, and that has no weights."""
    activates = step.kind in ("Activation", "ReLU")
    idle = activates and passes(step.activation, nonnegative=nonnegative)
    return replace(given, exact=given.exact and idle)


def is_by_channel(step: Step) -> bool:
    """Whether a layer leaves each channel by itself."""
    return step.kind in _BY_CHANNEL


def complete(link: Link, known: int) -> bool:
    """Whether all of the parent's units are there, and equal."""
    return link.exact and covers(link.units, known)


def _agreed(given: Sequence[Link]) -> Link:
    """Returns the link that all of them are, or the overlap where they differ."""
    if all(np.array_equal(link.units, given[0].units) for link in given):
        return given[0]
    width = len(given[0].units)
    return Link(given[0].parent, overlap(width, width), exact=False)


def _all_equal(given: Sequence[Link]) -> bool:
    return all(np.array_equal(link.units, given[0].units) for link in given)


def _flattened(units: Units, grid: Shape, known: Shape, width: int) -> Units:
    """Returns the parent's entry for each entry of a flattened grid."""
    places = np.full(grid, -1)
    shared = tuple(slice(min(sides)) for sides in zip(grid, known, strict=True))
    places[shared] = np.arange(math.prod(known)).reshape(known)[shared]
    flat = places.reshape(-1, 1) * width + units
    return np.where((places.reshape(-1, 1) >= 0) & (units >= 0), flat, -1).reshape(-1)


def _side_by_side(given: Sequence[Units], widths: Sequence[int]) -> Units:
    starts = np.cumsum([0, *widths])
    parts = [
        np.where(units >= 0, units + start, -1) for units, start in zip(given, starts, strict=False)
    ]
    return np.concatenate(parts)
