"""The layers that have weights: one that goes on from its parent's, and one that is inserted."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from nas_nb.evaluate.inheritance import arrays
from nas_nb.evaluate.inheritance.links import Link, complete, guess, passes, same_for_all_units
from nas_nb.evaluate.inheritance.steps import Step, Steps, config_of

_PRODUCTS = ("Dense", "Conv1D", "Conv2D", "Conv3D")
_BATCH, _LAYER = "BatchNormalization", "LayerNormalization"


def continue_layer(
    step: Step, twin: Step, given: Link, child: Steps, parent: Steps
) -> tuple[str, Link]:
    """Gives a layer the weights of its parent's.

    Args:
        step: The child's layer.
        twin: The parent's, of the same class.
        given: How what it takes relates to what the parent's takes.
        child: The child's steps.
        parent: The parent's steps.

    Returns:
        "copied", "widened" or "narrowed", and the link of what the layer makes.
    """
    known = parent.shapes[twin.inputs[0]][-1]
    if _is_product(step) and _is_product(twin):
        link = _product(step, twin, given, known)
    elif step.kind in (_BATCH, _LAYER) and _normalises_last(step) and _normalises_last(twin):
        link = _normalisation(step, twin, given, known)
    else:
        link = _anything(step, twin, given, child, parent)
    return _change(step, twin), link


def insert_layer(
    step: Step, given: Link | None, parent: Steps, *, nonnegative: bool
) -> tuple[str, Link | None]:
    """Lets a layer that the parent lacks pass on what comes in.

    Args:
        step: The child's layer.
        given: What comes in, as the parent knows it; None if it doesn't.
        parent: The parent's steps.
        nonnegative: Whether that is never below 0.

    Returns:
        "deepened" or "fresh", and the link of what the layer makes; None if there is none.
    """
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
    columns = arrays.replicas(_units(step), known)
    fresh = _value(layer.kernel)
    passing = arrays.identity(fresh, known)
    layer.kernel.assign(arrays.kernel(passing, fresh, given.units, columns))
    exact = complete(given, known) and passes(step.activation, nonnegative=nonnegative)
    return "deepened", Link(given.parent, columns, exact)


def _product(step: Step, twin: Step, given: Link, known: int) -> Link:
    """Continues a dense layer or a convolution."""
    layer, old = step.layer, twin.layer
    width = _units(twin)
    columns = arrays.replicas(_units(step), width)
    fresh, kernel = _value(layer.kernel), _value(old.kernel)
    layer.kernel.assign(arrays.kernel(kernel, fresh, given.units, columns))
    if layer.use_bias:
        bias = _value(old.bias) if old.use_bias else np.zeros(width)
        layer.bias.assign(arrays.units_of(bias, _value(layer.bias), columns))
    shrunk = any(a < b for a, b in zip(fresh.shape[:-2], kernel.shape[:-2], strict=True))
    exact = (
        complete(given, known)
        and step.activation == twin.activation != ""
        and _settings(step) == _settings(twin)
        and not shrunk
        and (layer.use_bias or not old.use_bias)
    )
    if not same_for_all_units(step.activation):
        exact = exact and arrays.is_same(columns, width)
    return Link(twin.output, columns, exact)


def _normalisation(step: Step, twin: Step, given: Link, known: int) -> Link:
    """Continues a normalisation of the last axis: its numbers are one a unit."""
    for name in ("gamma", "beta", "moving_mean", "moving_variance"):
        mine, theirs = getattr(step.layer, name, None), getattr(twin.layer, name, None)
        if mine is not None and theirs is not None:
            mine.assign(arrays.units_of(_value(theirs), _value(mine), given.units))
    alike = all(
        getattr(step.layer, name) == getattr(twin.layer, name)
        for name in ("epsilon", "scale", "center")
    )
    exact = alike and complete(given, known)
    if step.kind == _LAYER:
        # Mean and variance over the units stay what they are if all have as many replicas.
        counts = np.bincount(np.maximum(given.units, 0), minlength=known)
        exact = exact and len(set(counts.tolist())) == 1
    return Link(twin.output, given.units, exact)


def _anything(step: Step, twin: Step, given: Link, child: Steps, parent: Steps) -> Link:
    """Continues a layer that isn't known here: numbers go where both have a place."""
    same = config_of(step) == config_of(twin) and len(step.inputs) == len(twin.inputs) == 1
    for mine, theirs in zip(step.layer.weights, twin.layer.weights, strict=False):
        same = same and tuple(mine.shape) == tuple(theirs.shape)
        mine.assign(arrays.overlapping(_value(theirs), _value(mine)))
    shape, known = child.shapes[step.output], parent.shapes[twin.output]
    unchanged = arrays.is_same(given.units, parent.shapes[twin.inputs[0]][-1])
    link = guess(twin.output, shape, known)
    return Link(link.parent, link.units, given.exact and same and unchanged and shape == known)


def _undo_normalisation(layer: Any) -> None:
    """Sets the moving statistics so that nothing is normalised until training moves them."""
    layer.moving_mean.assign(np.zeros(layer.moving_mean.shape))
    layer.moving_variance.assign(np.full(layer.moving_variance.shape, 1.0 - layer.epsilon))


def _change(step: Step, twin: Step) -> str:
    mine, theirs = (_sizes(each) for each in (step, twin))
    if any(a < b for a, b in zip(mine, theirs, strict=False)):
        return "narrowed"
    return "copied" if mine == theirs else "widened"


def _sizes(step: Step) -> tuple[int, ...]:
    """Returns the sides of a layer's window and its units; else the shapes of its weights."""
    if _is_product(step):
        return (*step.layer.kernel.shape[:-2], _units(step))
    return tuple(size for weight in step.layer.weights for size in weight.shape)


def _is_product(step: Step) -> bool:
    """Whether a layer is one of Keras's products with a kernel of (..., inputs, outputs)."""
    if step.kind not in _PRODUCTS or getattr(step.layer, "groups", 1) != 1:
        return False
    return bool(getattr(step.layer, "data_format", "channels_last") == "channels_last")


def _normalises_last(step: Step) -> bool:
    axis = step.layer.axis
    return (list(axis) if isinstance(axis, list | tuple) else [axis]) == [-1]


def _keeps_size(step: Step) -> bool:
    """Whether what a layer makes has the sides of what it takes."""
    if step.kind == "Dense":
        return True
    layer = step.layer
    return bool(layer.padding == "same" and math.prod((*layer.strides, *layer.dilation_rate)) == 1)


def _settings(step: Step) -> tuple[Any, ...]:
    """Returns what changes a product beside its weights."""
    names = ("strides", "padding", "dilation_rate")
    found = tuple(getattr(step.layer, name, None) for name in names)
    return found if len(found) < 2 or found[1] == "same" else (*found, step.layer.kernel.shape[:-2])


def _units(step: Step) -> int:
    return int(step.layer.kernel.shape[-1])


def _value(variable: Any) -> Any:
    return np.asarray(variable)
