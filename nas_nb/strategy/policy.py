"""One softmax for each choice of a domain: a distribution over its points."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self, cast

import numpy as np

from nas_nb.errors import SpaceError
from nas_nb.space.numeric import NumericRange

if TYPE_CHECKING:
    from nas_nb.record.values import Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Columns = np.ndarray[tuple[int], np.dtype[np.intp]]

_LISTED = 32
_BINS = 10
_ATTEMPTS = 100


@dataclass(frozen=True, eq=False)
class Policy:
    """A distribution over points that draws each choice on its own.

    A long or continuous range is ten bins of equal width on the parameter's own scale; within a
    bin all values are equally likely.

    Attributes:
        domain: The space.
        logits: One row a parameter, one column a value or bin; -inf beyond a parameter's last.
    """

    domain: Domain
    logits: Matrix

    @classmethod
    def uniform(cls, domain: Domain) -> Self:
        """Returns the policy that prefers nothing."""
        counts = np.array([_columns(parameter) for parameter in domain.parameters])
        return cls(domain, np.where(np.arange(counts.max()) < counts[:, None], 0.0, -np.inf))

    def moved(self, step: Matrix) -> Self:
        """Returns the policy with `step` added to its logits."""
        return replace(self, logits=self.logits + step)

    @cached_property
    def probabilities(self) -> Matrix:
        """The probability of each value or bin; rows sum to 1."""
        likely = np.exp(self.logits - self.logits.max(axis=1, keepdims=True))
        result: Matrix = likely / likely.sum(axis=1, keepdims=True)
        return result

    def log_gradient(self, columns: Columns) -> Matrix:
        """Returns d log pi / d logits: one-hot minus probabilities; 0 for inactive choices.

        Williams, Machine Learning 8, 1992, calls it the characteristic eligibility.

        Args:
            columns: Of each parameter the column of its value, -1 where it is inactive.
        """
        rows = np.flatnonzero(columns >= 0)
        gradient = np.zeros_like(self.logits)
        gradient[rows] = -self.probabilities[rows]
        gradient[rows, columns[rows]] += 1.0
        return gradient

    def draw(self, rng: np.random.Generator) -> dict[str, Value]:
        """Draws a point."""
        steps = self.probabilities.cumsum(axis=1)[:, :-1]
        for _ in range(_ATTEMPTS):
            columns = (rng.random((len(steps), 1)) > steps).sum(axis=1)
            values: dict[str, Value] = {}
            for parameter, column in zip(self.domain.parameters, columns.tolist(), strict=True):
                if counts(parameter, values):
                    values[parameter.name] = _value(parameter, column, rng)
            try:
                return self.domain.canonical(values)
            except SpaceError:  # a space may refuse combinations that its parameters allow
                continue
        return self.domain.sample(rng)


@dataclass(frozen=True, eq=False)
class Reader:
    """Finds the columns of points.

    Attributes:
        domain: The space.
    """

    domain: Domain

    @cached_property
    def _tables(self) -> tuple[dict[Value, int], ...]:
        """Of each parameter the column of each value; empty where columns are bins."""
        return tuple(
            {value: column for column, value in enumerate(parameter.values())}
            if _listed(parameter)
            else {}
            for parameter in self.domain.parameters
        )

    def columns(self, values: Values) -> Columns | None:
        """Returns the column of each parameter's value, -1 for inactive ones; None for no point."""
        known: dict[str, Value] = {}
        columns = [-1] * len(self._tables)
        for number, (parameter, table) in enumerate(
            zip(self.domain.parameters, self._tables, strict=True)
        ):
            if not counts(parameter, known):
                continue
            value = values.get(parameter.name)
            if value is None:
                return None
            column = table.get(value) if table else _bin(parameter, value)
            if column is None:
                return None
            columns[number], known[parameter.name] = column, value
        return np.array(columns, dtype=np.intp)


def counts(parameter: Parameter, known: Values) -> bool:
    """Says whether a parameter is active and its name is still free.

    Args:
        parameter: The next one, in the domain's order.
        known: The values of the active parameters before it.
    """
    if parameter.name in known:
        return False
    return all(known.get(c.parent) in c.values for c in parameter.conditions)


def _listed(parameter: Parameter) -> bool:
    return bool(parameter.choices) or parameter.count <= _LISTED


def _columns(parameter: Parameter) -> int:
    return cast(int, parameter.count) if _listed(parameter) else _BINS


def _value(parameter: Parameter, column: int, rng: np.random.Generator) -> Value:
    if _listed(parameter):
        return parameter.value_at(column)
    position = (column + float(rng.random())) / _BINS
    if isinstance(parameter.count, int):
        return parameter.value_at(int(position * parameter.count))
    return scale_of(parameter).from_unit(position)


def _bin(parameter: Parameter, value: Value) -> int | None:
    if not parameter.contains(value):
        return None
    if isinstance(parameter.count, int):
        position = parameter.index_of(value) / parameter.count
    else:
        position = scale_of(parameter).to_unit(cast(float, value))
    return min(int(position * _BINS), _BINS - 1)


def scale_of(parameter: Parameter) -> NumericRange:
    """Returns the scale, without a grid, of a numeric parameter."""
    return NumericRange(
        low=cast(float, parameter.low),
        high=cast(float, parameter.high),
        log=parameter.log,
        reverse=parameter.reverse,
    )
