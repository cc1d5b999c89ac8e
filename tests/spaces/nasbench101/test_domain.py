from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nas_nb.errors import SpaceError
from nas_nb.spaces.nasbench101 import nasbench101_cell
from tests.space.domains import brute_force

FULL = nasbench101_cell().domain
SMALL = nasbench101_cell(nodes=4, edges=4).domain
ROW = {f"edge_{s}_{t}": t == s + 1 for t in range(1, 7) for s in range(t)}
OPERATIONS = {f"op_{vertex}": "maxpool3x3" for vertex in range(1, 6)}


def test_there_are_as_many_distinct_cells_as_were_published() -> None:
    assert FULL.distinct.size == 423_624
    assert FULL.size == 1_538_083 * 3**5


def test_small_domain_is_all_combinations_that_are_legal() -> None:
    legal = {p for p in brute_force(SMALL) if SMALL.contains(dict(p))}
    assert SMALL.size == len(legal) < len(brute_force(SMALL))
    assert {tuple(point.items()) for point in SMALL.enumerate()} == legal
    keys = {SMALL.key(dict(point)) for point in legal}
    assert SMALL.distinct.size == len(keys)
    chosen = {tuple(point.items()) for point in SMALL.distinct.enumerate()}
    assert {SMALL.key(dict(point)) for point in chosen} == keys
    assert len(chosen) == len(keys)


@pytest.mark.parametrize("listing", [SMALL.enumerate, SMALL.distinct.enumerate])
def test_listing_goes_on_behind_any_point(listing: Callable) -> None:
    every = list(listing())
    for number in (0, 1, len(every) // 2, len(every) - 1):
        assert list(listing(every[number])) == every[number + 1 :]


def test_the_first_cells_of_a_large_space_are_found_at_once() -> None:
    large = nasbench101_cell(nodes=6).domain
    first = next(large.distinct.enumerate())
    assert large.representative(first) == first
    assert next(large.distinct.enumerate(after=first)) != first


def test_parts_are_counted_as_they_are_listed() -> None:
    part = nasbench101_cell(nodes=4).subspace({"edge_0_3": False, "op_1": "maxpool3x3"}).domain
    assert part.size == sum(1 for _ in part.enumerate())
    assert part.distinct.size == len({part.key(point) for point in part.enumerate()})
    large = nasbench101_cell().subspace({"edge_0_6": True}).domain
    assert large.distinct.size == large.size


def test_too_many_edges_and_no_way_are_refused_in_a_sentence() -> None:
    everything = dict.fromkeys(ROW, True) | OPERATIONS
    with pytest.raises(SpaceError, match=r"up to 9 edges on ways .* Received: 21\. Leave some out"):
        FULL.canonical(everything)
    with pytest.raises(SpaceError, match=r"a way of edges .* Set for example edge_0_6=True"):
        FULL.canonical({**dict.fromkeys(ROW, False), **OPERATIONS})
    # Edges that lead nowhere don't count: vertex 5 has no way out.
    idle = {**ROW, **{f"edge_{s}_5": True for s in range(5)}, "edge_4_6": True, "edge_5_6": False}
    assert FULL.contains({**idle, **OPERATIONS})


def test_tuners_that_know_nothing_of_the_limits_get_a_legal_cell() -> None:
    for edge in (False, True):
        point = FULL.complete({**dict.fromkeys(ROW, edge), **OPERATIONS})
        assert FULL.contains(point)
    assert FULL.cell(FULL.complete({})).edges == tuple((v, v + 1) for v in range(6))


def test_draws_neighbours_and_mutants_are_legal() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        point = FULL.sample(rng)
        near = FULL.neighbours(point)
        assert all(FULL.contains(other) for other in [point, *near])
        assert FULL.mutate(point, rng) in near


def test_part_without_a_legal_cell_says_so() -> None:
    none = nasbench101_cell(nodes=3).subspace({"edge_0_2": False, "edge_1_2": False}).domain
    assert none.size == 0
    with pytest.raises(SpaceError, match="Pin fewer edges"):
        none.sample(np.random.default_rng(0))


def test_features_are_the_same_for_twins() -> None:
    rng = np.random.default_rng(1)
    point = FULL.sample(rng)
    twin = FULL.representative(point)
    assert FULL.features(point) == FULL.features(twin)
    assert len({tuple(FULL.features(FULL.sample(rng))) for _ in range(20)}) == 1
