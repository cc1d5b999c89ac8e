"""Domains in which several points mean the same architecture."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from nas_nb.space.domain import Domain

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.trial import Value, Values

_TRIES = 100
_REMEMBERED = 1 << 13
_SCALARS = frozenset((str, int, float, bool))


@dataclass(frozen=True)
class IsomorphicDomain(Domain):
    """A domain whose points may have twins: other points that mean the same architecture."""

    # All points belong to it, so that a published name or a hand-made point is taken as it is.
    # `key` tells which are twins; `distinct` is what a search looks at.

    @abstractmethod
    def key(self, point: Values) -> str:
        """Returns text that canonical points share if and only if they are twins."""

    @abstractmethod
    def standing_for(self, point: Values) -> dict[str, Value]:
        """Returns the one point that stands for all the twins of a canonical point."""

    @abstractmethod
    def count_distinct(self) -> int:
        """Returns how many points are their own representative."""

    @abstractmethod
    def features(self, values: Values) -> Mapping[str, float]:
        """Returns facts that a surrogate learns from: finite numbers by the same names."""

    def representative(self, values: Values) -> dict[str, Value]:
        """Returns the one point that stands for all the twins of `values`."""
        asked = self._asked(values)
        known = self._known.get(asked) if asked else None
        if known is None:
            known = tuple(self.standing_for(self.canonical(values)).values())
            self._remember(asked, known)
        return dict(zip(self.names, known, strict=True))

    def representatives(self, after: Values | None = None) -> Iterator[dict[str, Value]]:
        """Yields every point that stands for its twins, in the order of the parameters' values."""
        return (point for point in self.enumerate(after) if self.representative(point) == point)

    @cached_property
    def distinct(self) -> DistinctDomain:
        """The domain of the representatives: one point for each architecture."""
        return DistinctDomain(self.parameters, whole=self)

    @cached_property
    def _known(self) -> dict[tuple[object, ...], tuple[Value, ...]]:
        """What stands for the values that were asked for: trials are asked about at each turn."""
        return {}

    def _asked(self, values: Values) -> tuple[object, ...]:
        """Returns values with their types (1 is not True), or nothing where they have no key."""
        kinds = tuple(map(type, values.values()))
        if tuple(values) != self.names or not _SCALARS.issuperset(kinds):
            return ()
        return (*values.values(), *kinds)

    def _remember(self, asked: tuple[object, ...], known: tuple[Value, ...]) -> None:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        if asked:
            self._known[asked] = known


@dataclass(frozen=True)
class DistinctDomain(Domain):
    """The representatives of a domain with twins, of which strategies know nothing."""

    whole: IsomorphicDomain

    @cached_property
    def size(self) -> int:
        """How many architectures there are."""
        return self.whole.count_distinct()

    def key(self, point: Values) -> str:
        """Returns the key that twins share."""
        return self.whole.key(point)

    def representative(self, values: Values) -> dict[str, Value]:
        """Returns the point that stands for all the twins of `values`."""
        return self.whole.representative(values)

    def features(self, values: Values) -> Mapping[str, float]:
        """Returns cheap facts about a point; see `IsomorphicDomain.features`."""
        return self.whole.features(values)

    def canonical(self, values: Values) -> dict[str, Value]:
        """Returns the representative of `values`."""
        return self.whole.representative(values)

    def complete(self, partial: Values) -> dict[str, Value]:
        """Returns the representative of the point that `partial` means."""
        return self.whole.standing_for(self.whole.complete(partial))

    def sample(self, rng: np.random.Generator) -> dict[str, Value]:
        """Returns a drawn point's representative: as published, those of many twins more often."""
        return self.whole.standing_for(self.whole.sample(rng))

    def _mutant(self, point: dict[str, Value], rng: np.random.Generator) -> dict[str, Value]:
        """Draws the representative of a mutant that is no twin of `point`."""
        for _ in range(_TRIES):
            (mutant,) = self.whole.mutants(point, rng, 1)
            child = self.whole.standing_for(mutant)
            if child != point:
                return child
        return self.sample(rng)

    def neighbours(self, values: Values) -> list[dict[str, Value]]:
        """Lists the representatives of all points one change away, each once, without `values`."""
        point = self.canonical(values)
        around = map(self.whole.standing_for, self.whole.neighbours(point))
        distinct = {tuple(near.items()): near for near in around if near != point}
        return list(distinct.values())

    def enumerate(self, after: Values | None = None) -> Iterator[dict[str, Value]]:
        """Yields every representative, in the order of the parameters' values."""
        return self.whole.representatives(after)
