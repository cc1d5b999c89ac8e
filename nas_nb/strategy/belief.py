"""What is believed of a choice before the first trial, by its name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING, cast

from nas_nb.space.encoding import scale

if TYPE_CHECKING:
    from nas_nb.record.values import Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter

Doubt = Callable[["Value"], float]
"""How many standard deviations a value is away from what is believed to be good."""

Gain = Callable[["Value"], float]
"""The logarithm of a density, up to a constant."""

_LISTED = 32
_TABLED = 4096
_HOPELESS = 10.0

LEARNING_RATE, DECADES = 3e-3, 0.5
"""Between Keras's default for Adam, 0.001 for long trainings, and 0.01, which a few epochs need."""

DROPOUT, DROPOUT_APART = 0.1, 0.25

SIZE, SIZE_APART = 0.75, 0.35
"""Of the smallest (0) to the largest (1) size: larger is mostly better, and dearer."""

_LEARNING_RATE = re.compile(r"(^|_)(learning_rate|lr)(_|$)", re.IGNORECASE)
_DROPOUT = re.compile(r"(^|_)dropout", re.IGNORECASE)
_SIZE = re.compile(r"(^|_)(units|filters|width|channels|neurons|hidden)(_|$|\d)", re.IGNORECASE)
_OPTIMIZER = re.compile(r"(^|_)optimizer(_|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Belief:
    """A distribution over a space that says where good architectures are looked for first.

    It knows the choices that nearly every space has, by the names that Keras and KerasTuner give
    them: a learning rate near 0.003, little dropout, wide layers rather than narrow ones, Adam. Of
    all other choices it believes nothing. Choices are independent, each normal on its own scale.

    Args:
        domain: The space.
    """

    domain: Domain

    @cached_property
    def _gains(self) -> dict[str, Gain]:
        found = {p.name: _gain(p) for p in self.domain.parameters if p.count > 1}
        return {name: gain for name, gain in found.items() if gain is not None}

    def __bool__(self) -> bool:
        """Whether it knows any choice of the space."""
        return bool(self._gains)

    def log_density(self, values: Values) -> float:
        """Returns the logarithm of the density at a point, up to a constant.

        A choice that is not active counts as the mean of its values: a layer is not better left
        out because nothing can be wrong with it.
        """
        return sum(gain(values[name]) for name, gain in self._gains.items() if name in values)


def _gain(parameter: Parameter) -> Gain | None:
    """Returns the log-density of a parameter, less its mean over the values, or None."""
    doubt = _doubt(parameter)
    if doubt is None:
        return None
    values = parameter.values() if parameter.count <= _LISTED else _spread(parameter)
    mean = fmean(-0.5 * doubt(value) ** 2 for value in values)
    if parameter.count > _TABLED:
        return lambda value: -0.5 * doubt(value) ** 2 - mean
    return {value: -0.5 * doubt(value) ** 2 - mean for value in parameter.values()}.__getitem__


def _spread(parameter: Parameter) -> Iterator[Value]:
    line = scale(parameter)
    return (line.from_unit((step + 0.5) / _LISTED) for step in range(_LISTED))


def _doubt(parameter: Parameter) -> Doubt | None:
    """Returns what is believed of a parameter, or None."""
    name = parameter.name
    if _OPTIMIZER.search(name):
        return lambda value: 0.0 if str(value).lower().startswith(("adam", "nadam")) else 1.0
    if isinstance(parameter.value_at(0) if parameter.choices else parameter.low, str | bool):
        return None
    if _LEARNING_RATE.search(name):
        return _decades_away
    if _DROPOUT.search(name):
        return lambda value: (cast(float, value) - DROPOUT) / DROPOUT_APART
    return _size(parameter) if _SIZE.search(name) else None


def _decades_away(value: Value) -> float:
    rate = cast(float, value)
    return math.log10(rate / LEARNING_RATE) / DECADES if rate > 0 else _HOPELESS


def _size(parameter: Parameter) -> Doubt:
    if parameter.choices:
        ranked = sorted(parameter.choices)
        place = {value: rank / (len(ranked) - 1) for rank, value in enumerate(ranked)}
        return lambda value: (place[value] - SIZE) / SIZE_APART
    line = scale(parameter)
    return lambda value: (line.to_unit(cast(float, value)) - SIZE) / SIZE_APART
