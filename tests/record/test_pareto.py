from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nas_nb.record.history import non_dominated

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
