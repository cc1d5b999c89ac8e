"""One point of a search space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from nas_nb.record.values import values_key

if TYPE_CHECKING:
    import keras

    from nas_nb.record.values import Value, Values
    from nas_nb.space.search_space import SearchSpace


class Architecture:
    """One point of a search space: immutable, hashable, equal where the choices are equal.

    It is made by `SearchSpace.architecture`, `.sample` or `.neighbours`.

    Args:
        space: The space it is a point of.
        values: Its choices. Values that don't count, given the others, are dropped.

    Raises:
        SpaceError: The values aren't a point of the space.

    Example:
        >>> one = space.sample(np.random.default_rng(0))
        >>> one["depth"], one.build().count_params()
        (2, 5258)
    """

    __slots__ = ("_key", "_space", "_values")

    def __init__(self, space: SearchSpace, values: Values) -> None:
        self._space = space
        self._values = MappingProxyType(space.domain.canonical(values))
        self._key = values_key(self._values)

    @property
    def space(self) -> SearchSpace:
        """The space it is a point of."""
        return self._space

    @property
    def values(self) -> Mapping[str, Value]:
        """Its choices, active ones only, in the space's order. Can't be changed."""
        return self._values

    @property
    def key(self) -> str:
        """Its choices as text that is the same for equal architectures."""
        return self._key

    def build(self) -> keras.Model:
        """Returns a new compiled model of it, with weights drawn anew."""
        return self._space.build_values(self._values)

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Architecture):
            return NotImplemented
        return self._key == other._key and self._space == other._space

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"Architecture({', '.join(f'{name}={v!r}' for name, v in self._values.items())})"
