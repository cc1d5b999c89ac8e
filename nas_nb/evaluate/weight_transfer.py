"""Layer by layer: weights widened, cut, passed on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from nas_nb.evaluate.layer_graph import LayerCall, LayerCalls, Shape, config_of

_PRODUCTS = ("Dense", "Conv1D", "Conv2D", "Conv3D")
_BATCH, _LAYER = "BatchNormalization", "LayerNormalization"


def continue_layer(
    step: LayerCall, twin: LayerCall, given: ChannelLink, child: LayerCalls, parent: LayerCalls
) -> tuple[str, ChannelLink]:
    """Gives a layer its twin's weights; returns "copied", "widened" or "narrowed", and its link."""
    known = parent.shapes[twin.inputs[0]][-1]
    if _is_product(step) and _is_product(twin):
        link = _product(step, twin, given, known)
    elif step.kind in (_BATCH, _LAYER) and _normalises_last(step) and _normalises_last(twin):
        link = _normalisation(step, twin, given, known)
    else:
        link = _anything(step, twin, given, child, parent)
    return _change(step, twin), link


def insert_layer(
    step: LayerCall, given: ChannelLink | None, parent: LayerCalls, *, nonnegative: bool
) -> tuple[str, ChannelLink | None]:
    """Lets a layer that the parent lacks pass on what comes in; returns how, and its link."""
    if given is None:
        return "fresh", None
    known = parent.shapes[given.parent][-1]
    if step.kind in (_BATCH, _LAYER) and _normalises_last(step):
        if step.kind == _LAYER:
            return "fresh", replace(given, exact=False)
        _undo_normalisation(step.layer)
        return "deepened", given
    if not _is_product(step) or not _keeps_size(step) or _units(step) < known:
        return "fresh", None
    layer = step.layer
    columns = replicas(_units(step), known)
    fresh = _value(layer.kernel)
    passing = identity_kernel(fresh, known)
    layer.kernel.assign(transferred_kernel(passing, fresh, given.units, columns))
    exact = is_complete(given, known) and activation_passes(
        step.activation, nonnegative=nonnegative
    )
    return "deepened", ChannelLink(given.parent, columns, exact)


def _product(step: LayerCall, twin: LayerCall, given: ChannelLink, known: int) -> ChannelLink:
    """Continues a dense layer or a convolution."""
    layer, old = step.layer, twin.layer
    width = _units(twin)
    columns = replicas(_units(step), width)
    fresh, kernel = _value(layer.kernel), _value(old.kernel)
    layer.kernel.assign(transferred_kernel(kernel, fresh, given.units, columns))
    if layer.use_bias:
        bias = _value(old.bias) if old.use_bias else np.zeros(width)
        layer.bias.assign(units_of(bias, _value(layer.bias), columns))
    shrunk = any(a < b for a, b in zip(fresh.shape[:-2], kernel.shape[:-2], strict=True))
    exact = (
        is_complete(given, known)
        and step.activation == twin.activation != ""
        and _settings(step) == _settings(twin)
        and not shrunk
        and (layer.use_bias or not old.use_bias)
    )
    if not same_for_all_units(step.activation):
        exact = exact and is_same(columns, width)
    return ChannelLink(twin.output, columns, exact)


def _normalisation(step: LayerCall, twin: LayerCall, given: ChannelLink, known: int) -> ChannelLink:
    """Continues a normalisation of the last axis: its numbers are one a unit."""
    for name in ("gamma", "beta", "moving_mean", "moving_variance"):
        mine, theirs = getattr(step.layer, name, None), getattr(twin.layer, name, None)
        if mine is not None and theirs is not None:
            mine.assign(units_of(_value(theirs), _value(mine), given.units))
    alike = all(
        getattr(step.layer, name) == getattr(twin.layer, name)
        for name in ("epsilon", "scale", "center")
    )
    exact = alike and is_complete(given, known)
    if step.kind == _LAYER:
        # Mean and variance over the units stay what they are if all have as many replicas.
        counts = np.bincount(np.maximum(given.units, 0), minlength=known)
        exact = exact and len(set(counts.tolist())) == 1
    return ChannelLink(twin.output, given.units, exact)


def _anything(
    step: LayerCall, twin: LayerCall, given: ChannelLink, child: LayerCalls, parent: LayerCalls
) -> ChannelLink:
    """Continues a layer that isn't known here: numbers go where both have a place."""
    same = config_of(step) == config_of(twin) and len(step.inputs) == len(twin.inputs) == 1
    for mine, theirs in zip(step.layer.weights, twin.layer.weights, strict=False):
        same = same and tuple(mine.shape) == tuple(theirs.shape)
        mine.assign(overlapping(_value(theirs), _value(mine)))
    shape, known = child.shapes[step.output], parent.shapes[twin.output]
    unchanged = is_same(given.units, parent.shapes[twin.inputs[0]][-1])
    link = guess_link(twin.output, shape, known)
    return ChannelLink(
        link.parent, link.units, given.exact and same and unchanged and shape == known
    )


def _undo_normalisation(layer: Any) -> None:
    """Sets the moving statistics so that nothing is normalised until training moves them."""
    layer.moving_mean.assign(np.zeros(layer.moving_mean.shape))
    layer.moving_variance.assign(np.full(layer.moving_variance.shape, 1.0 - layer.epsilon))


def _change(step: LayerCall, twin: LayerCall) -> str:
    mine, theirs = (_sizes(each) for each in (step, twin))
    if any(a < b for a, b in zip(mine, theirs, strict=False)):
        return "narrowed"
    return "copied" if mine == theirs else "widened"


def _sizes(step: LayerCall) -> tuple[int, ...]:
    """Returns the sides of a layer's window and its units; else the shapes of its weights."""
    if _is_product(step):
        return (*step.layer.kernel.shape[:-2], _units(step))
    return tuple(size for weight in step.layer.weights for size in weight.shape)


def _is_product(step: LayerCall) -> bool:
    """Whether a layer is one of Keras's products with a kernel of (..., inputs, outputs)."""
    if step.kind not in _PRODUCTS or getattr(step.layer, "groups", 1) != 1:
        return False
    return bool(getattr(step.layer, "data_format", "channels_last") == "channels_last")


def _normalises_last(step: LayerCall) -> bool:
    axis = step.layer.axis
    return (list(axis) if isinstance(axis, list | tuple) else [axis]) == [-1]


def _keeps_size(step: LayerCall) -> bool:
    """Whether what a layer makes has the sides of what it takes."""
    if step.kind == "Dense":
        return True
    layer = step.layer
    return bool(layer.padding == "same" and math.prod((*layer.strides, *layer.dilation_rate)) == 1)


def _settings(step: LayerCall) -> tuple[Any, ...]:
    """Returns what changes a product beside its weights."""
    names = ("strides", "padding", "dilation_rate")
    found = tuple(getattr(step.layer, name, None) for name in names)
    return found if len(found) < 2 or found[1] == "same" else (*found, step.layer.kernel.shape[:-2])


def _units(step: LayerCall) -> int:
    return int(step.layer.kernel.shape[-1])


def _value(variable: Any) -> Any:
    return np.asarray(variable)


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
class ChannelLink:
    """What a tensor of the child has from one of its parent."""

    parent: int  # number of the parent's tensor
    units: Units  # the parent's entry for each of the child's; -1: none
    exact: bool  # equal, entry for entry


def guess_link(parent: int, shape: Shape, known: Shape) -> ChannelLink:
    """Returns the link of two tensors of which nothing is known but their sizes."""
    return ChannelLink(parent, overlap(shape[-1], known[-1]), exact=False)


def activation_passes(activation: str, *, nonnegative: bool) -> bool:
    """Whether an activation changes nothing in such values: f(f(x)) = f(x), as with ReLU."""
    return activation == "linear" or (nonnegative and activation in _PASSES_NONNEGATIVE)


def same_for_all_units(activation: str) -> bool:
    """Whether an activation is a function of each unit by itself."""
    return activation not in _MIXES_UNITS


def link_after(
    step: LayerCall,
    twin: LayerCall,
    given: Sequence[ChannelLink],
    child: LayerCalls,
    parent: LayerCalls,
) -> ChannelLink:
    """Returns the link of what a layer without weights makes, from those of what it takes."""
    shape, known = child.shapes[step.output], parent.shapes[twin.output]
    exact = all(link.exact for link in given) and config_of(step) == config_of(twin)
    same_sizes = shape[:-1] == known[:-1]
    if step.kind == "Flatten":
        grids = child.shapes[step.inputs[0]][:-1], parent.shapes[twin.inputs[0]][:-1]
        units = _flattened(given[0].units, *grids, known[-1] // math.prod(grids[1]))
        return ChannelLink(twin.output, units, exact and grids[0] == grids[1])
    if step.kind == "Concatenate" and step.layer.axis in (-1, len(shape)):
        widths = [parent.shapes[number][-1] for number in twin.inputs]
        units = _side_by_side([link.units for link in given], widths)
        exact = exact and len(given) == len(widths)
        return ChannelLink(twin.output, units, exact and same_sizes)
    if step.kind in _BY_ELEMENT:
        return replace(_agreed(given), parent=twin.output, exact=exact and _all_equal(given))
    if step.kind in _BY_CHANNEL and same_for_all_units(step.activation):
        sides = [c.shapes[s.inputs[0]][:-1] for c, s in ((child, step), (parent, twin))]
        same_sizes = same_sizes and sides[0] == sides[1]
        return ChannelLink(twin.output, given[0].units, exact and same_sizes)
    unchanged = [
        is_same(link.units, parent.shapes[number][-1])
        for link, number in zip(given, twin.inputs, strict=False)
    ]
    exact = exact and same_sizes and all(unchanged) and shape == known
    return replace(guess_link(twin.output, shape, known), exact=exact)


def link_past(step: LayerCall, given: ChannelLink, *, nonnegative: bool) -> ChannelLink:
    """Returns the link of what a layer makes that the parent has not, and that has no weights."""
    activates = step.kind in ("Activation", "ReLU")
    idle = activates and activation_passes(step.activation, nonnegative=nonnegative)
    return replace(given, exact=given.exact and idle)


def is_by_channel(step: LayerCall) -> bool:
    """Whether a layer leaves each channel by itself."""
    return step.kind in _BY_CHANNEL


def is_complete(link: ChannelLink, known: int) -> bool:
    """Whether all of the parent's units are there, and equal."""
    return link.exact and covers(link.units, known)


def _agreed(given: Sequence[ChannelLink]) -> ChannelLink:
    """Returns the link that all of them are, or the overlap where they differ."""
    if _all_equal(given):
        return given[0]
    width = len(given[0].units)
    return ChannelLink(given[0].parent, overlap(width, width), exact=False)


def _all_equal(given: Sequence[ChannelLink]) -> bool:
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


Array = npt.NDArray[Any]
Units = npt.NDArray[np.intp]
"""For each unit of the child the unit of its parent that it equals; -1 for one of its own."""


def replicas(wanted: int, known: int) -> Units:
    """Returns which of `known` units each of `wanted` ones replicates: all, then drawn ones."""
    # A function of the two numbers alone: what is added to the layer is widened in the same way.
    if wanted <= known:
        return np.arange(wanted)
    rng = np.random.default_rng([wanted, known])
    rounds = -(-(wanted - known) // known)
    drawn = np.concatenate([rng.permutation(known) for _ in range(rounds)])
    return np.concatenate([np.arange(known), drawn[: wanted - known]])


def overlap(wanted: int, known: int) -> Units:
    """Returns the first units as they are, and those beyond as units of their own."""
    units = np.full(wanted, -1, dtype=np.intp)
    shared = min(wanted, known)
    units[:shared] = np.arange(shared)
    return units


def covers(units: Units, known: int) -> bool:
    """Whether every one of `known` units is there, and nothing else."""
    return bool(np.array_equal(np.unique(units), np.arange(known)))


def is_same(units: Units, known: int) -> bool:
    """Whether the units are just the known ones, in order."""
    return bool(np.array_equal(units, np.arange(known)))


def transferred_kernel(parent: Array, fresh: Array, rows: Units, columns: Units) -> Array:
    """Returns the kernel of a layer whose inputs and outputs are replicas of its parent's."""
    # Net2Net divides what leaves a unit by the number of its replicas, and adds noise so that they
    # don't stay equal. Here the parts are unequal and add up to one: that keeps the function.
    placed = _in_window(parent, fresh.shape[:-2])
    taken = placed[..., np.maximum(rows, 0), :][..., np.maximum(columns, 0)]
    known = (rows >= 0)[:, None] & (columns >= 0)[None, :]
    made = np.where(known, taken * _parts(rows, len(columns)), fresh)
    return made.astype(fresh.dtype)


def identity_kernel(fresh: Array, inputs: int) -> Array:
    """Returns the kernel that passes `inputs` on, in a window as large as that of `fresh`."""
    sides = fresh.shape[:-2]
    passing = np.zeros((*sides, inputs, inputs), fresh.dtype)
    passing[tuple((side - 1) // 2 for side in sides)] = np.eye(inputs)
    return passing


def units_of(parent: Array, fresh: Array, units: Units) -> Array:
    """Returns one number a unit: the parent's, or a fresh one for a unit of the child's own."""
    return np.where(units >= 0, parent[np.maximum(units, 0)], fresh).astype(fresh.dtype)


def overlapping(parent: Array, fresh: Array) -> Array:
    """Returns `fresh` with the parent's numbers wherever both arrays have a place."""
    made = fresh.copy()
    if parent.ndim == fresh.ndim:
        shared = tuple(slice(min(sides)) for sides in zip(parent.shape, fresh.shape, strict=True))
        made[shared] = parent[shared]
    return made


def _parts(rows: Units, outputs: int) -> Array:
    """Returns which part of its unit's weights each replica has, for each output: sums are 1."""
    rng = np.random.default_rng([len(rows), outputs])
    parts = rng.uniform(0.5, 1.5, (len(rows), outputs))
    totals = np.zeros((int(rows.max(initial=0)) + 1, outputs))
    known = rows >= 0
    np.add.at(totals, rows[known], parts[known])
    return parts / np.where(known[:, None], totals[np.maximum(rows, 0)], 1.0)


def _in_window(parent: Array, sides: tuple[int, ...]) -> Array:
    """Returns a convolution's kernel in a window with other sides, on the same middle."""
    placed = np.zeros((*sides, *parent.shape[-2:]), parent.dtype)
    mine, theirs = [], []
    for wanted, known in zip(sides, parent.shape[:-2], strict=True):
        # With padding "same" the middle of a window is its place (side - 1) // 2.
        shift = (wanted - 1) // 2 - (known - 1) // 2
        start, end = max(0, shift), min(wanted, known + shift)
        mine.append(slice(start, end))
        theirs.append(slice(start - shift, end - shift))
    placed[tuple(mine)] = parent[tuple(theirs)]
    return placed
