"""An architecture's own model, with the weights that it inherits from a supernet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import keras
import numpy as np

from nas_nb.evaluate.layer_graph import LayerCall, LayerCalls, layer_calls
from nas_nb.record.trial import Values
from nas_nb.space.chain_options import CONVOLUTIONS
from nas_nb.space.search_space import Architecture
from nas_nb.spaces.nasbench201 import KERNELS
from nas_nb.supernet.cell_net import CellNet
from nas_nb.supernet.chain_net import ChainNet
from nas_nb.supernet.layers import SharedNet
from nas_nb.supernet.supernet import CALIBRATION_ROWS, Supernet


def inherited_model(supernet: Supernet, architecture: Architecture) -> keras.Model:
    """A new compiled model of an architecture, with the weights that it inherits."""
    model = supernet.space.build_values(architecture.values)
    extract(supernet.net, supernet.space.domain.canonical(architecture.values), model)
    calibrate(model, supernet.data.x_train[:CALIBRATION_ROWS])
    return model


def calibrate(model: keras.Model, x: Any) -> None:
    """Sets the moving statistics of batch normalisations to those of one batch."""
    norms = [layer for layer in model.layers if type(layer).__name__ == "BatchNormalization"]
    if not norms:
        return
    momenta: Mapping[int, float] = {id(layer): layer.momentum for layer in norms}
    for layer in norms:
        layer.momentum = 0.0
    try:
        model(x, training=True)
    finally:
        for layer in norms:
            layer.momentum = momenta[id(layer)]


_NORMS = {"BatchNormalization": "batch", "LayerNormalization": "layer"}


def extract(net: SharedNet, point: Values, model: keras.Model) -> None:
    """Gives a model the weights of its path.

    Args:
        net: The shared net.
        point: The architecture's values, canonical.
        model: A new model of it.
    """
    if isinstance(net, CellNet):
        _extract_cell(net, point, model)
    else:
        _extract_chain(cast("ChainNet", net), point, model)


def _extract_cell(net: CellNet, point: Values, model: keras.Model) -> None:
    """Copies by the names of layers, which say their places."""
    for layer in model.layers:
        name = layer.name
        if not layer.weights:
            continue
        if type(layer).__name__ == "Dense":
            head = net.layers["head"]
            _assign(layer, kernel=head.kernel, bias=head.bias)
            continue
        place, _, role = name.rpartition("_")
        edge = "edge_" + "_".join(place.split("_")[-2:])
        if place.startswith("stage_") and point.get(edge) in KERNELS:
            place = f"{place}_{point[edge]}"
        own = net.layers[f"{place}_{role}"]
        if role == "conv":
            _assign(layer, kernel=own.kernel)
        else:
            _assign(layer, gamma=own.gamma, beta=own.beta)


def _extract_chain(net: ChainNet, point: Values, model: keras.Model) -> None:
    """Copies in the order of the chain."""
    steps = layer_calls(model)
    past = _shortcuts(steps)
    main = iter([step.layer for step in steps.steps if step.weighted and step not in past])
    shortcuts = iter(past)
    inflow = net.spec.input_shape[-1]
    flat = False
    for place in net.positions[: cast("int", point["depth"])]:
        units = cast("int", point[place.units])
        kind = str(point.get(f"layer_{place.number}", "Dense"))
        role = "convolution" if kind in CONVOLUTIONS else "dense" if flat else "entry"
        layer = next(main)
        own = getattr(place, role)
        cropped = own.crop(inflow, units, *_side(layer, role))
        _assign(layer, kernel=cropped, bias=own.bias[:units])
        if str(point.get("normalization", _only(net, "normalization"))) != "none":
            normal = next(main)
            shared = place._norms[role, _NORMS[type(normal).__name__]]
            _assign(normal, gamma=shared.gamma[:units], beta=shared.beta[:units])
        given = inflow * int(np.prod(place.grid)) if role == "entry" else inflow
        if past and bool(point.get("skip", _only(net, "skip"))) and given != units:
            shared = place._shortcuts[role]
            _assign(
                next(shortcuts).layer, kernel=shared.crop(inflow, units), bias=shared.bias[:units]
            )
        inflow, flat = units, role != "convolution"
    head = net.heads["flat" if flat else "grid", cast("int", point["depth"])]
    _assign(next(main), kernel=head.crop(inflow, net.spec.outputs), bias=head.bias)


def _side(layer: Any, role: str) -> tuple[int, ...]:
    return (int(layer.kernel.shape[0]),) if role == "convolution" else ()


def _only(net: ChainNet, name: str) -> Any:
    """Returns the value of a choice that the space has made."""
    return net.choices[name].values[0] if name in net.choices else "" if name == "skip" else "none"


def _shortcuts(steps: LayerCalls) -> list[LayerCall]:
    """Returns the layers past others: what an addition takes second, if it has weights."""
    made = {step.output: step for step in steps.steps}
    seconds = [made.get(step.inputs[1]) for step in steps.steps if step.kind == "Add"]
    return [step for step in seconds if step is not None and step.weighted]


def _assign(layer: Any, **values: Any) -> None:
    for name, value in values.items():
        getattr(layer, name).assign(np.asarray(value))
