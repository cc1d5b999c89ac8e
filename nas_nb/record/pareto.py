"""Which points no other point beats."""

from __future__ import annotations

from collections.abc import Sequence


def front(points: Sequence[tuple[float, ...]]) -> list[int]:
    """Returns the positions of the points that no other dominates, every number minimised.

    A point dominates another if it is nowhere greater and somewhere smaller; equal points don't
    dominate each other. Sorted by the first number, then the second, and so on.

    Points are visited in sorted order, in which only earlier points can dominate later ones, so
    each is compared with the front so far: O(n log n + n * size of the front).
    """
    order = sorted(range(len(points)), key=points.__getitem__)
    kept: list[int] = []
    for position in order:
        point = points[position]
        if not any(_dominates(points[other], point) for other in reversed(kept)):
            kept.append(position)
    return kept


def _dominates(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))
