from __future__ import annotations

import numpy as np

from nas_nb.explain.embedding import SpaceEmbedding, embedding_of
from tests.notebook.fakes import DOMAIN


def points(count):
    rng = np.random.default_rng(5)
    return [DOMAIN.sample(rng) for _ in range(count)]


def test_a_place_is_an_architectures_own_whoever_else_is_shown():
    together = embedding_of(DOMAIN).places(points(20))
    alone = [SpaceEmbedding(DOMAIN).places([point])[0] for point in points(3)]
    assert np.allclose(together[:3], alone)


def test_distances_on_the_map_follow_those_in_the_space():
    some = points(60)
    places = np.array(embedding_of(DOMAIN).places(some))
    pairs = [(a, b) for a in range(60) for b in range(a)]
    there = [DOMAIN.distance(some[a], some[b]) for a, b in pairs]
    here = [np.linalg.norm(places[a] - places[b]) for a, b in pairs]
    assert np.corrcoef(here, there)[0, 1] > 0.8
    assert embedding_of(DOMAIN).likeness > 0.8


def test_no_points_have_no_places():
    assert embedding_of(DOMAIN).places([]) == ()
