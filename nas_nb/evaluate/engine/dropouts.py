"""Dropout that some candidates of a topology use and others leave out, in one trace."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

DROPPING = 0.5
"""The rate in a template's config: any above 0 gives the layer a seed; the real one is pushed."""

_met = threading.Event()


def meet_dropout(layers: Sequence[Any]) -> bool:
    """Returns whether a candidate of this process has dropped anything, these layers included.

    From then on a trace has dropout also where the candidate's rate is 0, so that the next one may
    have another rate. Before, it would make a model slower that never drops anything.
    """
    if any(_is_dropout(layer) and layer.rate > 0 for layer in layers):
        _met.set()
    return _met.is_set()


def with_dropout(config: Any) -> Any:
    """Returns a model's config with a rate above 0 in each of its `Dropout` layers."""
    if isinstance(config, Mapping):
        changed = {name: with_dropout(value) for name, value in config.items()}
        if config.get("class_name") == "Dropout" and not changed["config"]["rate"]:
            changed["config"]["rate"] = DROPPING
        return changed
    if isinstance(config, list | tuple):
        return type(config)(with_dropout(value) for value in config)
    return config


def seed_places(layers: Sequence[Any], variables: Sequence[Any]) -> dict[int, int]:
    """Returns which of a model's variables are the seeds of `Dropout` layers.

    Args:
        layers: All layers of the model.
        variables: All variables of the model.

    Returns:
        The number of the layer, by the place of the variable. A candidate whose layer has rate 0
        has no such variable.
    """
    owners = {
        id(layer.seed_generator.state): number
        for number, layer in enumerate(layers)
        if _is_dropout(layer) and layer.rate > 0
    }
    found = ((place, owners.get(id(variable))) for place, variable in enumerate(variables))
    return {place: number for place, number in found if number is not None}


def _is_dropout(layer: Any) -> bool:
    return type(layer).__name__ == "Dropout"
