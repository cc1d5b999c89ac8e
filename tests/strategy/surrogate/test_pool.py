import pytest

from nas_nb.record.values import values_key
from nas_nb.strategy.surrogate.pool import candidate_pool
from tests.strategy.worlds import DOMAINS, rng, told, twelve


@pytest.mark.parametrize("world", list(DOMAINS))
def test_candidates_are_legal_new_and_different(world: str) -> None:
    domain, source = DOMAINS[world](), rng()
    tried = [(domain.sample(source), 0.1) for _ in range(6)]
    history = told(tried)
    best = [values for values, _ in tried[:3]]
    pool = candidate_pool(domain, history, best, source, 64)
    assert pool
    assert len({values_key(point) for point in pool}) == len(pool)
    assert all(domain.canonical(point) == point for point in pool)
    assert not any(history.has_tried(point) for point in pool)


def test_the_neighbours_of_the_two_best_are_all_there() -> None:
    domain = twelve()
    one, two = list(domain.enumerate())[:2]
    pool = candidate_pool(domain, told([(one, 0.9), (two, 0.8)]), [one, two], rng(), 8)
    near = [*domain.neighbours(one), *domain.neighbours(two)]
    assert all(point in pool for point in near if point not in (one, two))


def test_an_exhausted_space_has_no_candidates() -> None:
    domain = twelve()
    points = list(domain.enumerate())
    history = told([(point, 0.5) for point in points])
    assert candidate_pool(domain, history, points[:5], rng(), 64) == []
