"""A pool of candidates that a cheap score has ranked."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.record.values import values_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nas_nb.record.values import Value
    from nas_nb.space.domain import Domain

Scored = list[tuple[dict[str, Any], float]]

_PARENTS = 10
_DRAWS = 20


def score_pool(
    domain: Domain,
    score: Callable[[Mapping[str, Value]], float | None],
    pool: int,
    sign: float,
    rng: np.random.Generator,
) -> Scored | None:
    """Scores drawn candidates, then mutants of the best of them.

    Args:
        domain: The space.
        score: Scores a point; None means: leave at once.
        pool: How many different ones to score, if the space has so many.
        sign: 1 if more is better, -1 if less is.
        rng: The source of chance.

    Returns:
        Points with finite scores; None if it was left.
    """
    few = isinstance(domain.size, int) and domain.size <= pool
    listed = domain.enumerate() if few else repeat(None, _DRAWS * pool)
    found: dict[str, tuple[dict[str, Any], float]] = {}
    for known in listed:
        if len(found) >= pool:
            break
        # Guo et al. 2020, Algorithm 1: population by chance first, then mutants of its top k.
        mutates = len(found) >= max(1, pool // 2)
        point = known or _drawn(domain, list(found.values()) if mutates else [], sign, rng)
        key = values_key(point)
        if key in found:
            continue
        value = score(point)
        if value is None:
            return None
        if np.isfinite(value):
            found[key] = (dict(point), float(value))
    return list(found.values())


def _drawn(
    domain: Domain, parents: Scored, sign: float, rng: np.random.Generator
) -> dict[str, Value]:
    """Returns a mutant of one of the best parents; a random point where there are none."""
    if not parents:
        return domain.sample(rng)
    best = sorted(parents, key=lambda pair: -sign * pair[1])[:_PARENTS]
    return domain.mutate(best[int(rng.integers(len(best)))][0], rng)
