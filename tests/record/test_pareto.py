from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_nb.errors import JournalError
from nas_nb.record.pareto import ParetoFront, hypervolumes, non_dominated
from nas_nb.record.trial import Trial

Point = tuple[float, ...]
points = st.lists(st.tuples(*[st.integers(0, 5).map(float)] * 3), max_size=30)


def dominates(a: Point, b: Point) -> bool:
    pairs = list(zip(a, b, strict=True))
    return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)


@given(points)
def test_the_front_is_what_no_point_dominates(given_points: list[Point]) -> None:
    expected = {
        at
        for at, point in enumerate(given_points)
        if not any(dominates(other, point) for other in given_points)
    }
    found = non_dominated(given_points)
    assert set(found) == expected
    assert len(found) == len(expected)


def test_equal_points_are_on_the_front_together() -> None:
    assert non_dominated([(1.0, 1.0), (1.0, 1.0), (2.0, 2.0)]) == [0, 1]


def test_the_front_is_sorted_by_the_first_number() -> None:
    assert non_dominated([(3.0, 0.0), (1.0, 2.0), (2.0, 1.0)]) == [1, 2, 0]


@given(points)
def test_the_hypervolume_counts_each_unit_that_some_point_dominates(found: list[Point]) -> None:
    # With whole numbers and a reference of 5 the volume is a number of unit cubes.
    cubes = [*itertools.product(range(5), repeat=3)]
    covered = sum(any(p == cube or dominates(p, cube) for p in found) for cube in cubes)
    grown = hypervolumes(found, (5.0, 5.0, 5.0))
    assert (grown[-1] if grown else 0.0) == pytest.approx(covered)
    assert grown == sorted(grown)


def trial(number: int, score: float | None, params: float | None) -> Trial:
    costs = {} if params is None else {"params": params}
    return Trial(number, {}, "random", score=score, costs=costs)


def front_of(*found: tuple[float | None, float | None], **more: object) -> ParetoFront:
    trials = [trial(number, *pair) for number, pair in enumerate(found)]
    return ParetoFront(trials, ("score", "params"), "max", **more)  # type: ignore[arg-type]


BENT = ((0.5, 100), (0.9, 1000), (0.92, 100_000), (0.4, 200), (None, 10), (0.99, None))


def test_the_knee_is_the_member_farthest_below_the_line_between_the_ends() -> None:
    assert [one.number for one in front_of(*BENT).trials] == [2, 1, 0]
    knee = front_of(*BENT).knee
    assert knee is not None
    assert knee.number == 1


def test_a_front_of_two_points_or_along_or_above_the_line_has_no_knee() -> None:
    assert front_of((0.5, 100), (0.9, 1000)).knee is None
    assert front_of((0.5, 100), (0.7, 1000), (0.9, 10_000)).knee is None
    assert front_of((0.5, 100), (0.6, 1000), (0.9, 10_000)).knee is None
    assert front_of().knee is None


def test_the_usual_reference_is_a_tenth_of_the_range_beyond_the_worst_of_the_front() -> None:
    front = front_of(*BENT)
    assert front.reference["score"] == pytest.approx(0.5 - 0.042)
    assert math.log10(front.reference["params"]) == pytest.approx(5.3)
    assert [number for number, _ in front.volumes] == [0, 1, 2, 3]
    assert front.volume > front.volumes[0][1] > 0


def test_a_reference_makes_volumes_comparable_and_has_to_name_each_objective() -> None:
    own = front_of((0.5, 100), given={"params": 1000, "score": 0.0})
    assert own.volume == pytest.approx(0.5 * 1)
    for wrong in ({"score": 0.0}, {"score": 0.0, "params": "many"}):
        with pytest.raises(JournalError, match="Expected a reference number for each of score, pa"):
            front_of((0.5, 100), given=wrong).checked()


def test_a_cost_of_zero_counts_as_the_smallest_above_it_and_still_dominates() -> None:
    front = front_of((0.5, 0.0), (0.5, 0.1), (0.9, 10.0))
    assert [one.number for one in front.trials] == [2, 0]
    assert math.isfinite(front.volume)
