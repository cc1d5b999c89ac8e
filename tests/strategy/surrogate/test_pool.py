import pytest

from nas_nb.record.trial import values_key
from nas_nb.strategy.surrogate import candidate_pool
from tests.strategy.worlds import DOMAINS, rng, twelve


@pytest.mark.parametrize("world", list(DOMAINS))
def test_candidates_are_legal_and_different(world: str) -> None:
    domain, source = DOMAINS[world](), rng()
    best = [domain.sample(source) for _ in range(3)]
    pool = candidate_pool(domain, best, source, 64)
    assert pool
    assert len({values_key(point) for point in pool}) == len(pool)
    assert all(domain.canonical(point) == point for point in pool)


def test_the_neighbours_of_the_two_best_are_all_there() -> None:
    domain = twelve()
    one, two = list(domain.enumerate())[:2]
    pool = candidate_pool(domain, [one, two], rng(), 8)
    near = [*domain.neighbours(one), *domain.neighbours(two)]
    assert all(point in pool for point in near if point not in (one, two))
