"""Several objectives: the Pareto front, its hypervolume and its knee."""

from __future__ import annotations

import math
import operator
import sys
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from nas_nb.errors import JournalError, is_number, nearest
from nas_nb.record.trial import EMPTY, sign_of

if TYPE_CHECKING:
    from nas_nb.record.trial import Trial

Point = tuple[float, ...]

SCORE = "score"
_MARGIN = 0.1
_FEWEST = 3
_FLAT = 1e-9


@dataclass(frozen=True)
class ParetoFront:
    """The completed trials that no other beats in every objective.

    Args:
        completed: The trials, in the order in which they completed. One that lacks an objective, or
            has NaN there, takes no part.
        objectives: "score", and names of costs, of which less is better.
        direction: Which scores are better: "max" or "min".
        given: The reference point of the hypervolume by objective, where it is not the usual one.
    """

    completed: Sequence[Trial]
    objectives: tuple[str, ...]
    direction: str
    given: Mapping[str, float] = field(default_factory=lambda: EMPTY)

    def checked(self) -> Self:
        """Returns itself; raises JournalError where objectives or reference do not fit."""
        costs = dict.fromkeys(name for trial in self.completed for name in trial.costs)
        known = (SCORE, *costs)
        for name in self.objectives or ("",):
            if name not in known and (self.completed or not name):
                raise JournalError(
                    f"Expected objectives among {', '.join(known)}. "
                    f"Received: {name!r}.{nearest(name, known)}"
                )
        numbers = all(
            is_number(number) and abs(number) <= sys.float_info.max
            for number in self.given.values()
        )
        if self.given and not ({*self.given} == {*self.objectives} and numbers):
            raise JournalError(
                f"Expected a reference number for each of {', '.join(self.objectives)}. "
                f"Received: {dict(self.given)!r}."
            )
        return self

    @cached_property
    def trials(self) -> tuple[Trial, ...]:
        """The members, sorted by the objectives."""
        return tuple(trial for trial, _ in self._members)

    @cached_property
    def knee(self) -> Trial | None:
        """The member farthest below the plane through the front's ends; None if none is below it.

        Objectives are scaled to 0 (the front's best) to 1 (its worst), costs by their logarithm: a
        compromise where a little more of one objective costs much of another. With two objectives
        the plane is the line between the ends: Das, On Characterizing the "Knee" of the Pareto
        Curve Based on Normal-Boundary Intersection, Structural Optimization 18, 1999.
        """
        points = [self._scaled(point) for _, point in self._members]
        if len({*points}) < _FEWEST or len(self.objectives) < 2:
            return None
        ends = [(min(column), max(column)) for column in zip(*points, strict=True)]
        heights = [
            sum((x - low) / ((high - low) or 1.0) for x, (low, high) in zip(at, ends, strict=True))
            for at in points
        ]
        lowest = min(range(len(heights)), key=heights.__getitem__)
        return self.trials[lowest] if heights[lowest] < 1 - _FLAT else None

    @cached_property
    def reference(self) -> dict[str, float]:
        """The point that the hypervolume reaches to, by objective, in its own units.

        The usual one is the front's worst values, moved out by a tenth of its range (of costs: of
        their logarithm), so that its ends count: Ishibuchi, Imada, Setoguchi & Nojima, How to
        Specify a Reference Point in Hypervolume Calculation for Fair Performance Comparison,
        Evolutionary Computation 26(3), 2018. A range of 0 is that of all trials.
        """
        if self.given:
            return {name: self.given[name] for name in self.objectives}
        members = [*zip(*(self._scaled(point) for _, point in self._members), strict=True)]
        every = [*zip(*self._scaled_all, strict=True)]
        found = {}
        for name, front, whole in zip(self.objectives, members, every, strict=False):
            spread = max(front) - min(front) or max(whole) - min(front) or 1.0
            worst = max(front) + _MARGIN * spread
            found[name] = 10.0**worst if name != SCORE else self._sign * worst
        return found

    @cached_property
    def volumes(self) -> tuple[tuple[int, float], ...]:
        """The hypervolume after each completed trial: (its number, volume).

        It is the part between the trials and the reference, in units of the score times decades of
        each cost: Zitzler & Thiele, Multiobjective Evolutionary Algorithms, IEEE Transactions on
        Evolutionary Computation 3(4), 1999.
        """
        trials = self._entered[0]
        if not trials:
            return ()
        named = zip(self.objectives, self.reference.values(), strict=True)
        reference = self._scaled([self._sign * x if name == SCORE else x for name, x in named])
        grown = hypervolumes(self._scaled_all, reference)
        return tuple(zip((trial.number for trial in trials), grown, strict=True))

    @property
    def volume(self) -> float:
        """The hypervolume now."""
        return self.volumes[-1][1] if self.volumes else 0.0

    @property
    def _sign(self) -> float:
        return -sign_of(self.direction)

    @cached_property
    def _entered(self) -> tuple[Sequence[Trial], list[list[float]]]:
        """The trials that have all objectives, and these by objective: less is better."""
        sign = self._sign
        columns: list[list[Any]] = [
            [None if trial.score is None else sign * trial.score for trial in self.completed]
            if name == SCORE
            else [trial.costs.get(name) for trial in self.completed]
            for name in self.objectives
        ]
        if all(map(_all_finite, columns)):
            return self.completed, columns
        rows = zip(*columns, strict=True)
        kept = [at for at, point in enumerate(rows) if _all_finite(point)]
        known = [[column[at] for at in kept] for column in columns]
        return [self.completed[at] for at in kept], known

    @cached_property
    def _members(self) -> list[tuple[Trial, Point]]:
        trials, columns = self._entered
        points = [*zip(*columns, strict=True)]
        return [(trials[at], points[at]) for at in non_dominated(points)]

    @cached_property
    def _least(self) -> list[float]:
        """The smallest cost above 0 of each objective, which a cost of 0 is taken for."""
        columns = self._entered[1]
        return [min(filter((0.0).__lt__, map(float, column)), default=1.0) for column in columns]

    @cached_property
    def _scaled_all(self) -> list[Point]:
        scaled = (
            column if name == SCORE else [math.log10(max(x, least)) for x in column]
            for name, column, least in zip(
                self.objectives, self._entered[1], self._least, strict=True
            )
        )
        return [*zip(*scaled, strict=True)]

    def _scaled(self, point: Sequence[float]) -> Point:
        """The point with costs in decades."""
        named = zip(self.objectives, point, self._least, strict=True)
        return tuple([x if n == SCORE else math.log10(max(x, least)) for n, x, least in named])


def _all_finite(numbers: Sequence[float | None]) -> bool:
    return None not in numbers and all(map(math.isfinite, numbers))  # type: ignore[arg-type]


def non_dominated(points: Sequence[Point]) -> list[int]:
    """Returns the positions of the points that no other dominates, numbers minimised; sorted."""
    # A point dominates another if it is nowhere greater and somewhere smaller. In sorted order only
    # earlier points can dominate later ones: O(n log n + n * size of the front).
    order = sorted(range(len(points)), key=points.__getitem__)
    kept: list[int] = []
    if points and len(points[0]) == 2:  # the latest of them has the smallest second number
        latest = points[order[0]]
        for position in order:
            point = points[position]
            if point[1] < latest[1] or point == latest:
                kept.append(position)
                latest = point
        return kept
    for position in order:
        point = points[position]
        if not any(_dominates(points[other], point) for other in reversed(kept)):
            kept.append(position)
    return kept


def _dominates(a: Point, b: Point) -> bool:
    return a != b and all(map(operator.le, a, b))


def hypervolumes(points: Sequence[Point], reference: Point) -> list[float]:
    """Returns the hypervolume after each of the points, numbers minimised."""
    # Each point adds what it alone dominates: its box, less what the others dominate of that.
    # While, Bradstreet & Barone, A Fast Way of Calculating Exact Hypervolumes, IEEE Transactions on
    # Evolutionary Computation 16(1), 2012.
    total, kept, grown = 0.0, list[Point](), list[float]()
    for point in points:
        before = bisect_right(kept, point)  # no later one can cover it
        if len(point) == 2:  # the latest of them has the smallest second number
            covered = before > 0 and kept[before - 1][1] <= point[1]
        else:
            covered = any(all(map(operator.le, other, point)) for other in kept[:before])
        if not covered and all(map(operator.lt, point, reference)):
            limited = [tuple(map(max, other, point)) for other in kept]
            known = hypervolumes([limited[at] for at in non_dominated(limited)], reference)
            box = math.prod(limit - x for x, limit in zip(point, reference, strict=True))
            total += box - (known[-1] if known else 0.0)
            kept = sorted([point, *(other for other in kept if not _dominates(point, other))])
        grown.append(total)
    return grown
