"""Who survives when several objectives count: NSGA-II's order."""

from __future__ import annotations

import numpy as np

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Vector = np.ndarray[tuple[int], np.dtype[np.float64]]
Positions = np.ndarray[tuple[int], np.dtype[np.intp]]


def crowded_order(points: Matrix) -> list[int]:
    """Returns the positions of the points by the crowded comparison, the fittest first.

    A lower front comes first; within a front, the less crowded (Deb et al. 2002, Section III-B).

    Args:
        points: Finite, every column minimised, of shape (points, objectives).
    """
    order: list[int] = []
    for members in fronts(points):
        crowding = crowding_distance(points[members])
        order += members[np.argsort(-crowding, kind="stable")].tolist()
    return order


def fronts(points: Matrix) -> list[Positions]:
    """Returns the non-dominated fronts, the best first (fast non-dominated sort, III-A)."""
    dominates = np.all(points[:, None] <= points[None], axis=2)
    dominates &= np.any(points[:, None] < points[None], axis=2)
    dominators = dominates.sum(axis=0)  # n_p, how many dominate p
    found: list[Positions] = []
    left = np.ones(len(points), dtype=bool)
    while left.any():
        members = np.flatnonzero(left & (dominators == 0))
        left[members] = False
        # For each p in F_i, for each q in S_p: n_q = n_q - 1.
        dominators = dominators - dominates[members].sum(axis=0)
        found.append(members)
    return found


def crowding_distance(points: Matrix) -> Vector:
    """Returns how far apart the neighbours of each point are along the front (III-B).

    The ends of the front have an infinite distance.
    """
    distance = np.zeros(len(points))
    for column in points.T:
        order = np.argsort(column, kind="stable")
        spread = float(column[order[-1]] - column[order[0]]) or 1.0
        distance[order[[0, -1]]] = np.inf
        # For i = 2 to l - 1 add (I[i+1].m - I[i-1].m) / (f_m^max - f_m^min).
        distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / spread
    return distance
