"""The candidates that the surrogate chooses from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nas_nb.errors import SpaceError

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.values import Value, Values
    from nas_nb.space.domain import Domain

_CENTRES = 2
_NEIGHBOURS = 100


def candidate_pool(
    domain: Domain,
    best: Sequence[Values],
    rng: np.random.Generator,
    size: int,
) -> list[dict[str, Value]]:
    """Returns architectures near the best, and some from everywhere.

    All one-change neighbours of the two best (100 of them where there are more), one- and
    two-step mutants of all of `best`, and a quarter drawn uniformly; each once. (BANANAS takes
    mutants alone, Algorithm 1, step 2.ii.) Some may be tried already: asking that of all would
    take longer than asking it of the most promising.

    Args:
        domain: The space.
        best: Points to look around, at least one, the best first.
        rng: The source of chance.
        size: How many candidates to draw, before equal ones are left out.
    """
    drawn = [*_neighbours(domain, best[:_CENTRES], rng)]
    uniform = size // 4
    mutants = max(size - uniform - len(drawn), uniform)
    drawn += _mutants(domain, best, rng, mutants)
    drawn += (domain.sample(rng) for _ in range(uniform))
    return list({tuple(point.items()): point for point in drawn}.values())


def _neighbours(
    domain: Domain, centres: Sequence[Values], rng: np.random.Generator
) -> Iterator[dict[str, Value]]:
    for centre in centres:
        around = domain.neighbours(centre)
        if len(around) > _NEIGHBOURS:
            around = [around[i] for i in rng.permutation(len(around))[:_NEIGHBOURS]]
        yield from around


def _mutants(
    domain: Domain, parents: Sequence[Values], rng: np.random.Generator, count: int
) -> list[dict[str, Value]]:
    """Mutants of each parent in turn: one step, and another step from there."""
    mutants: list[dict[str, Value]] = []
    points = [domain.canonical(parent) for parent in parents]
    try:
        while len(mutants) < count:
            mutants += domain.mutants(points[len(mutants) // 2 % len(points)], rng, 2)
    except SpaceError:  # a parent without free choices; uniform draws remain
        return mutants
    return mutants
