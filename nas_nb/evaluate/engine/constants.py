"""In which constants two candidates of one topology differ, so that they are traced apart."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

# The places of a key that `signature` makes.
DATA, LAYERS, SHAPES, NAMES, OPTIMIZER, COMPILED, TRAINABLE = range(7)

_MOST_NAMED = 3


def difference(key: str, others: Iterable[str]) -> str | None:
    """Names the constants that keep a candidate from the trace of the one that is most like it.

    Args:
        key: The key of its signature.
        others: The keys of those that were traced.

    Returns:
        Such as "clipnorm of Adam" or "loss"; None where all have other topologies or data.
    """
    named = (_differences(json.loads(key), json.loads(other)) for other in others)
    alike = [names for names in named if names]
    return ", ".join(min(alike, key=len)[:_MOST_NAMED]) if alike else None


def _differences(mine: list[Any], theirs: list[Any]) -> list[str]:
    if any(mine[place] != theirs[place] for place in (DATA, SHAPES, NAMES, TRAINABLE)):
        return []
    in_layers = list(_layers(mine[LAYERS][0], theirs[LAYERS][0]))
    if None in in_layers or mine[LAYERS][1] != theirs[LAYERS][1]:
        return []
    named = [*map(str, in_layers), *_optimizer(mine[OPTIMIZER], theirs[OPTIMIZER])]
    named += [name for name, value in mine[COMPILED].items() if value != theirs[COMPILED][name]]
    return list(dict.fromkeys(named))


def _layers(mine: list[Any], theirs: list[Any]) -> Iterator[str | None]:
    """Names the differing numbers of layers; None for what makes another topology."""
    if len(mine) != len(theirs):
        yield None
        return
    for (kind, config, links), (other_kind, other, other_links) in zip(mine, theirs, strict=True):
        if kind != other_kind or links != other_links:
            yield None
        elif isinstance(config, list):  # a model in the model
            yield from _layers(config[0], other[0])
        else:
            for field in _differing(config, other):
                yield f"{field} of {kind}" if _is_strength(config[field], other[field]) else None


def _is_strength(mine: Any, theirs: Any) -> bool:
    """Whether two settings are numbers that don't say how large anything is, such as a slope."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        return all(_is_strength(mine[name], theirs[name]) for name in _differing(mine, theirs))
    return isinstance(mine, float) and isinstance(theirs, float)


def _optimizer(mine: list[Any], theirs: list[Any]) -> list[str]:
    kind, config = mine
    if kind != theirs[0]:
        return ["optimizer"]
    differing = _differing(config, theirs[1])
    if differing == ["inner_optimizer"]:
        return _optimizer(config["inner_optimizer"], theirs[1]["inner_optimizer"])
    return [f"{field} of {kind}" for field in differing]


def _differing(mine: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    missing = object()
    return [name for name in mine if mine[name] != theirs.get(name, missing)]
