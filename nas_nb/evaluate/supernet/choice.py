"""The choices of a space as numbers in a tensor: how a path tells the supernet what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from nas_nb.errors import MeasureError

if TYPE_CHECKING:
    from nas_nb.record.values import Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter

Code = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Choice:
    """One choice of the space.

    Attributes:
        name: Its name.
        values: What may be chosen; empty for a range of numbers that has too many.
        top: The greatest number that may be chosen; 0 where the choice is of words.
        place: Where it stands in the code of a path.
    """

    name: str
    values: tuple[Value, ...]
    top: float
    place: int

    @property
    def is_number(self) -> bool:
        """Whether the code holds the chosen number itself, not its place in the list."""
        return not self.values or all(
            isinstance(value, int | float) and not isinstance(value, bool) for value in self.values
        )

    @property
    def widths(self) -> tuple[int, ...]:
        """The numbers that may be chosen, as whole ones."""
        return tuple(int(cast(float, value)) for value in self.values)

    def code(self, value: Value) -> float:
        """Returns the number that stands for a value."""
        return float(value) if self.is_number else float(self.values.index(value))


@dataclass(frozen=True)
class Choices:
    """The choices of a space, each under a name of its own.

    Attributes:
        domain: The space.
        listed: The choices by name, in the domain's order.
    """

    domain: Domain
    listed: Mapping[str, Choice]

    @classmethod
    def of(cls, domain: Domain) -> Choices:
        """Returns the choices of a domain.

        Raises:
            MeasureError: Two of its parameters have one name.
        """
        names = [parameter.name for parameter in domain.parameters]
        if len(set(names)) < len(names):
            raise MeasureError(
                "Expected a space of chains or cells for a supernet, got one with several ranges "
                "under one name."
            )
        listed = {p.name: _choice(p, place) for place, p in enumerate(domain.parameters)}
        return cls(domain, listed)

    def encode(self, point: Values) -> Code:
        """Returns the code of a canonical point; choices that it doesn't make are 0."""
        code = np.zeros(len(self.listed), np.float32)
        for name, value in point.items():
            choice = self.listed[name]
            code[choice.place] = choice.code(value)
        return code

    def encode_all(self, points: Sequence[Values]) -> Code:
        """Returns the codes of points, ``(points, choices)``."""
        return np.stack([self.encode(point) for point in points])

    def __getitem__(self, name: str) -> Choice:
        return self.listed[name]

    def __contains__(self, name: object) -> bool:
        return name in self.listed


def _choice(parameter: Parameter, place: int) -> Choice:
    listed = bool(parameter.choices) or parameter.count <= _MOST
    values = tuple(parameter.values()) if listed else ()
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    top = float(max(numbers, default=parameter.high or 0))
    return Choice(parameter.name, values, top, place)


_MOST = 256
